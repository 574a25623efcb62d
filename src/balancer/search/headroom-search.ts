import { type RunningLimits, partOf, startLimits } from './search-limits.js';
import { cpuScore, hostCourse, peakUsage, steadyUsage, readingOf } from '../model/arithmetic.js';
import type { FleetIndex } from '../model/fleet-index.js';
import { type Item, MOVE_PRICE, type Move, type Problem, type ProblemSource, evaluate } from '../model/problem.js';
import { TOGETHER, search } from './search.js';
import type { Solution } from './solution.js';

/** The margins that are tried, in headrooms: one at least, more where more relief comes cheap. */
const DEPTHS = [1, 5 / 3, 8 / 3, 11 / 3, 5, 20 / 3];
/** What is left of the headroom where the fleet is too tight for all of it; after that the bare threshold is gone by. */
const EASED = [0.5, 0];
/**
 * What the first point of relief beyond the threshold may cost, as a share of what a point costs on the average of the
 * fleet. Measured over days of real traces (`npm run bench:day`): with less, hosts come back sooner; with
 * more, memory is moved for relief that is not needed.
 */
const POINT_VALUE = 0.45;
/** Points by which a host that alerts is above its usual load, measured over the same days. */
const USUALLY_PASSING = 8;
/** Slots. */
const WHOLE_HISTORY = 12;
/** Headrooms after which a further point is worth 1/e of that. */
const REACH = 20 / 3;

/** The looks for one margin, as a share of those for the bare threshold: there are up to seven. */
const SHARE = 1 / 3;

/**
 * Looks for a plan that lasts: one that keeps a headroom under the threshold on sources and targets, judges guests by what
 * they use steadily and targets by their peaks. The margin grows as long as a further point is cheap against the time that
 * it buys, which is less for a source whose load is a passing spike. Where the fleet is too tight the headroom is eased
 * step by step down to none: what a plan could clear without headroom is cleared with it too.
 * @param headroom - points of the host's capacity, %; above 0.
 * @returns the moves, evaluated by the bare readings and limits of the problem;
 *   `gap` is what the margin costs against the bare threshold too.
 */
export function searchWithHeadroom(
  problem: Problem,
  index: FleetIndex,
  headroom: number,
  limits: RunningLimits = startLimits(),
): Solution {
  if (problem.items.length === 0) return search(problem, limits);
  // Many sources can always use more time: here the margins need theirs.
  const timed = problem.sources.length > TOGETHER ? () => partOf(limits, SHARE) : () => limits;
  const bare = search(problem, timed());
  // What cannot be cleared by the bare threshold cannot be cleared with margins either.
  if (!bare.evaluation.cleared) return bare;
  const share = () => ({ ...timed(), effort: limits.effort * SHARE });
  const foreseen = foresee(problem, index);
  const pricePerPoint = usualPrice(problem, index);
  const passing = problem.sources.map((source) => passingPoints(problem, source, index));
  let best: { solution: Solution; cost: number } | undefined;
  for (const depth of DEPTHS) {
    const solution = lasting(problem, foreseen, depth * headroom, share());
    if (!solution) break;
    const { price } = solution.evaluation;
    if (best && price / pricePerPoint >= best.cost) break;
    const cost = price / pricePerPoint + POINT_VALUE * risk(foreseen, passing, solution.moves, REACH * headroom);
    if (!best || cost < best.cost) best = { solution, cost };
  }
  if (best) return againstCheapest(best.solution, bare);
  for (const part of EASED) {
    const solution = lasting(problem, foreseen, part * headroom, share());
    if (solution) return againstCheapest(solution, bare);
  }
  return bare;
}

/** Says of a plan with margins how much cheaper one for the bare threshold could be. */
function againstCheapest(solution: Solution, bare: Solution): Solution {
  const { price } = solution.evaluation;
  const gap = Math.max(0, price - bare.evaluation.price * (1 - bare.gap)) / price;
  return { ...solution, gap, optimal: gap === 0 };
}

/** The cheapest moves that clear every source with margins; undefined if there are none or the time is up. */
function lasting(problem: Problem, foreseen: Problem, margin: number, limits: RunningLimits): Solution | undefined {
  if (limits.isLate()) return undefined;
  const found = search(withMargins(foreseen, margin), limits, true);
  if (!found.evaluation.cleared) return undefined;
  const evaluation = evaluate(problem, found.moves);
  return evaluation.cleared ? { ...found, evaluation } : undefined;
}

/** Margins in points of capacity: % of CPU as they are, of memory as bytes of the host's own size. */
function pointsOf({ metric }: Problem, memSize: number): number {
  return metric === 'cpu.usage_active' ? 1 : (memSize * 1024 ** 2) / 100;
}

function withMargins(problem: Problem, margin: number): Problem {
  const { targets } = problem;
  const limit = targets.limit.slice();
  for (const target of targets.usable) {
    limit[target] = limit[target]! - margin * pointsOf(problem, targets.hosts[target]!.mem_size);
  }
  const sources = problem.sources.map((source) => ({
    ...source,
    limit: source.limit - margin * pointsOf(problem, source.host.mem_size),
  }));
  return { ...problem, sources, targets: { ...targets, limit } };
}

/**
 * The same problem with what the last hour says: no level is lower, no guest weighs less on a target or takes more off its
 * source, so that what fits here fits there. Without history it is the problem itself.
 */
function foresee(problem: Problem, index: FleetIndex): Problem {
  if (problem.metric !== 'cpu.usage_active') return problem;
  const { targets } = problem;
  const level = targets.level.slice();
  for (const target of targets.usable) {
    const host = targets.hosts[target]!;
    const course = hostCourse(level[target]!, targets.size[target]!, index.guestsOf.get(host.id) ?? []);
    level[target] = Math.max(level[target]!, ...course);
  }
  const items = problem.items.map((item): Item => {
    const load = item.guests.reduce((sum, guest) => sum + peakUsage(guest) * guest.vcpu_count, 0);
    const steady = item.guests.reduce((sum, guest) => sum + steadyUsage(guest) * guest.vcpu_count, 0);
    return { ...item, load: Math.max(item.load, load), relief: item.relief * Math.min(1, steady / item.load) };
  });
  return { ...problem, items, targets: { ...targets, level } };
}

/**
 * How far a source's reading is above its mean over the history: what goes by itself. As far as the history falls short of a
 * whole one, what is usual. Points.
 */
function passingPoints(problem: Problem, { host, level }: ProblemSource, index: FleetIndex): number {
  if (problem.metric !== 'cpu.usage_active') return 0;
  const course = hostCourse(level, host.cpu_count, index.guestsOf.get(host.id) ?? []);
  const known = Math.min(1, course.length / WHOLE_HISTORY);
  const mean = course.reduce((sum, value) => sum + value, 0) / course.length;
  return (1 - known) * USUALLY_PASSING + (known > 0 ? known * (level - mean) : 0);
}

/** How likely the sources are to come back, the less the further their steady load is under the threshold. Points. */
function risk(foreseen: Problem, passing: readonly number[], moves: readonly Move[], reach: number): number {
  const { sourceLevels } = evaluate(foreseen, moves);
  return foreseen.sources.reduce((sum, { host, limit }, index) => {
    const margin = (limit - sourceLevels[index]!) / pointsOf(foreseen, host.mem_size) + passing[index]!;
    return sum + reach * Math.exp(-margin / reach);
  }, 0);
}

/**
 * Price of a point of capacity on the average of the whole fleet, MiB: the same for every source, so that relief is bought
 * where it is cheap, and not as much of it on a large host as on a small one.
 */
function usualPrice({ metric }: Problem, index: FleetIndex): number {
  let price = 0;
  let points = 0;
  for (const host of index.hosts) {
    for (const guest of index.guestsOf.get(host.id) ?? []) {
      const usage = readingOf(guest, 'cpu.usage_active');
      if (guest.status !== 'running' || usage === undefined) continue;
      price += guest.vmem_size + MOVE_PRICE;
      points +=
        metric === 'cpu.usage_active'
          ? cpuScore(usage, guest.vcpu_count, host.cpu_count)
          : (100 * guest.vmem_size) / host.mem_size;
    }
  }
  return price / points;
}
