import type { Guest, Host, Snapshot } from '../fleet/fleet.js';
import { type RunningLimits, type SearchLimits, startLimits } from './search/search-limits.js';
import { buildProblem } from './model/build-problem.js';
import { type PlanRule, cpuScore, heldMemory, readingOf, thresholdOn } from './model/arithmetic.js';
import type { Constraints } from './model/constraints.js';
import { type RiskOfHosts, explain } from './explain/explain-plan.js';
import { type FleetIndex, byId, fleetIndex } from './model/fleet-index.js';
import { unexplainedReadings } from './explain/gain.js';
import { sentenceFor } from './explain/sentence.js';
import { type Evaluation, type Move, type Problem, alertingPart } from './model/problem.js';
import { FleetRoom } from './explain/room.js';
import { type Candidate, type RefusalReport, listRejections } from './explain/rejections.js';
import type {
  Explanation,
  PlanCore,
  PlanOutcome,
  Plan,
  PlannedMigration,
  PlannedSource,
  Rejection,
} from './model/result.js';
import { type RiskChange, type RiskTerms, planByRisk } from './risk/plan-by-risk.js';
import { search } from './search/search.js';

/** What a plan is asked for. */
export interface PlanRequest {
  /** Must not be changed afterwards: it is indexed once. */
  snapshot: Snapshot;
  rule: PlanRule;
  /** Ids of the alerting hosts that are to be relieved; one plan relieves them together. */
  sourceIds: readonly string[];
  /** What keeps guests where they are and hosts from taking them: of the same snapshot. */
  constraints: Constraints;
  /** How overload is weighed against memory copied; absent: the plan of least price. */
  risk?: RiskTerms | undefined;
  /**
   * How long the search may take, the explanation and the list of rejections again each, and a third of it the sentence;
   * without a clock, the same answer on every machine.
   */
  limits?: SearchLimits;
}

/** Looks for each next best plan of an explanation, as a share of those for the plan. */
const SECOND_LOOK = 1 / 4;
/** The time of the sentence, as a share of that of the search. */
const SENTENCE = 1 / 3;

/**
 * Works out which guests go where, so that every alerting host ends strictly within its threshold.
 * Pure and deterministic: neither the order of the snapshot nor that of the alerting hosts changes the moves.
 * @returns the plan; its `rejected` and `explanation` are worked out when they are first read.
 * @throws RangeError if a source id is not a host of the snapshot.
 */
export function planMigrations(request: PlanRequest): Plan {
  // Laying out the snapshot is done once for many plans; the clock runs from here.
  fleetIndex(request.snapshot);
  const { plan, problem, moves, room, unread, risk } = solve(request, startLimits(request.limits));
  const report = refusalReport(problem, room, plan.outcome === 'partial' ? moves : []);
  const within = (share: number): RefusalReport => ({ ...report, isLate: wordsLimit(request.limits, share) });
  let rejected: Rejection[] | undefined;
  let explanation: Explanation | undefined;
  return {
    ...plan,
    notes: sentenceFor(plan, unread, within(SENTENCE), unexplainedReadings(plan, room.index)),
    get rejected() {
      return (rejected ??= listRejections(within(1)));
    },
    get explanation() {
      return (explanation ??= explained(request, plan, report, risk));
    },
  };
}

/** Whether the time for words is up, once it begins to run now. */
function wordsLimit({ deadlineMs = Infinity, ...limits }: SearchLimits = {}, share: number): () => boolean {
  return startLimits({ ...limits, deadlineMs: deadlineMs * share }).isLate;
}

/** The explanation, with plans with one guest left where it is: all of it within the limits of one plan. */
function explained(
  request: PlanRequest,
  plan: PlanCore,
  report: Omit<RefusalReport, 'isLate'>,
  risk: RiskOfHosts | undefined,
): Explanation {
  const { effort = 1, ...limits } = request.limits ?? {};
  const running = startLimits({ ...limits, effort: effort * SECOND_LOOK });
  const { hosts, positionOf } = report.room.index;
  return explain({
    plan,
    report: { ...report, isLate: running.isLate },
    ...(risk && { risk }),
    hostById: (id) => hosts[positionOf.get(id) ?? -1],
    without: (guestId) => {
      if (running.isLate()) return undefined;
      const { plan: other, risk: its } = solve(withoutGuest(request, guestId), running);
      return running.isLate() ? undefined : { plan: other, ...(its && { risk: its }) };
    },
  });
}

/** The same request with one guest left where it is. */
function withoutGuest({ constraints, ...request }: PlanRequest, guestId: string): PlanRequest {
  const guest: Constraints['guest'] = (other, source) =>
    other.id === guestId ? { reason: 'immovable', text: 'left out' } : constraints.guest(other, source);
  return { ...request, constraints: { ...constraints, guest } };
}

function solve(request: PlanRequest, running: RunningLimits) {
  const { snapshot, rule, constraints } = request;
  const index = fleetIndex(snapshot);
  const alerting = alertingHosts(index, request.sourceIds);
  const sorted = [...alerting].sort(byId);
  const byRisk = request.risk && planByRisk({ index, rule, constraints }, sorted, request.risk, running);
  const problem = byRisk?.problem ?? buildProblem(index, rule, sorted, constraints);
  const { moves, evaluation, optimal, gap } = byRisk?.solution ?? search(problem, running);
  const unread = alerting.filter((host) => readingOf(host, rule.metric) === undefined);
  const plan: PlanCore = {
    outcome: outcomeOf(problem, evaluation, unread.length),
    rule: rule.name,
    metric: rule.metric,
    threshold: sorted[0] ? thresholdOn(sorted[0], rule) : rule.threshold,
    sources: plannedSources(problem, evaluation, alerting, rule),
    ...preventedSources(problem, evaluation, moves),
    migrations: moves.flatMap((move) => plannedMigration(problem, evaluation, move)),
    cost: evaluation.price,
    optimal,
    gap,
  };
  return {
    plan,
    problem,
    moves,
    room: new FleetRoom(index, rule, constraints),
    unread,
    risk: byRisk && riskOfHosts(index, byRisk.risk),
  };
}

function riskOfHosts({ positionOf }: FleetIndex, { before, after }: RiskChange): RiskOfHosts {
  const sum = (risks: Float64Array) => risks.reduce((all, risk) => all + risk, 0);
  return {
    of(hostId) {
      const at = positionOf.get(hostId) ?? -1;
      return { before: before[at] ?? 0, after: after[at] ?? 0 };
    },
    before: sum(before),
    after: sum(after),
  };
}

function alertingHosts(index: FleetIndex, ids: readonly string[]): Host[] {
  return [...new Set(ids)].map((id) => {
    const host = index.hosts[index.positionOf.get(id) ?? -1];
    if (!host) throw new RangeError(`the snapshot has no host with the id "${id}"`);
    return host;
  });
}

/** By the threshold: a source that lacks headroom is cleared all the same. */
function outcomeOf(problem: Problem, evaluation: Evaluation, unread: number): PlanOutcome {
  const { sources } = alertingPart(problem);
  if (sources.length === 0) return unread > 0 ? 'find_result_fail' : 'not_needed';
  if (evaluation.moves === 0) return 'find_result_fail';
  const isCleared = sources.every(({ threshold }, at) => {
    return evaluation.sourceLevels[at]! < threshold - problem.tolerance;
  });
  return isCleared && unread === 0 ? 'migrate' : 'partial';
}

/** A level back in the unit of its metric. */
function readingAt(problem: Problem, level: number): number {
  return problem.metric === 'cpu.usage_active' ? level : -level;
}

function scoreOf({ metric }: Problem, guest: Guest, source: Host): number {
  if (metric === 'mem.available') return heldMemory(guest);
  return cpuScore(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count, source.cpu_count);
}

function plannedSources(
  problem: Problem,
  evaluation: Evaluation,
  alerting: readonly Host[],
  rule: PlanRule,
): PlannedSource[] {
  const levels = new Map(problem.sources.map(({ host }, source) => [host, evaluation.sourceLevels[source]]));
  return alerting.map((host) => {
    const { id, name } = host;
    const current = readingOf(host, rule.metric);
    if (current === undefined) return { id, name };
    const level = levels.get(host);
    const own = rule.ofHostMemory ? { threshold: thresholdOn(host, rule) } : {};
    return { id, name, ...own, current, predicted: level === undefined ? current : readingAt(problem, level) };
  });
}

/** The hosts that are relieved before they alert. */
function preventedSources(
  problem: Problem,
  evaluation: Evaluation,
  moves: readonly Move[],
): Pick<PlanCore, 'prevented'> {
  const left = new Set(moves.map(({ item }) => problem.items[item]!.source));
  const prevented = problem.sources.flatMap(({ host: { id, name }, level, preventive }, source): PlannedSource[] => {
    if (!preventive || !left.has(source)) return [];
    const predicted = readingAt(problem, evaluation.sourceLevels[source]!);
    return [{ id, name, current: readingAt(problem, level), predicted }];
  });
  return prevented.length > 0 ? { prevented } : {};
}

function plannedMigration(problem: Problem, evaluation: Evaluation, move: Move): PlannedMigration[] {
  const item = problem.items[move.item]!;
  const to = problem.targets.hosts[move.target]!;
  const before = problem.targets.level[move.target]!;
  const { host: source, preventive } = problem.sources[item.source]!;
  const level = evaluation.targetLevels.get(move.target) ?? before;
  return item.guests.map((guest) => ({
    guest: {
      id: guest.id,
      name: guest.name,
      host: source.name,
      host_id: source.id,
      vcpu_count: guest.vcpu_count,
      vmem_size: guest.vmem_size,
      score: scoreOf(problem, guest, source),
    },
    target_host: {
      id: to.id,
      name: to.name,
      score: readingOf(to, problem.metric) ?? readingAt(problem, before),
      predicted: readingAt(problem, level),
    },
    ...(preventive && { preventive }),
  }));
}

/** Who was asked; `partialMoves` are the moves of a plan that leaves something over. */
function refusalReport(
  problem: Problem,
  room: FleetRoom,
  partialMoves: readonly Move[],
): Omit<RefusalReport, 'isLate'> {
  const { index, rule, constraints } = room;
  const candidates: Candidate[] = [];
  const excluded: RefusalReport['excluded'][number][] = [];
  const alerting = alertingPart(problem);
  for (const { host: source } of alerting.sources) {
    for (const guest of index.guestsOf.get(source.id) ?? []) {
      const exclusion = constraints.guest(guest, source);
      if (exclusion) excluded.push({ guest, exclusion });
      else candidates.push({ guest, source });
    }
  }
  if (partialMoves.length === 0) return { room, candidates, excluded };
  const ids = new Set(candidates.map(({ guest }) => guest.id));
  const planned = new Map<string, Guest[]>();
  for (const { item, target } of partialMoves) {
    const { guests } = problem.items[item]!;
    const hostId = problem.targets.hosts[target]!.id;
    planned.set(hostId, [...(planned.get(hostId) ?? []), ...guests]);
    for (const { id } of guests) ids.delete(id);
  }
  const after = new FleetRoom(index, rule, constraints, planned);
  return { room, candidates, excluded, leftBehind: { ids, room: after } };
}
