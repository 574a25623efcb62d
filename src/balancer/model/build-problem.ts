import type { Guest, Host } from '../../fleet/fleet.js';
import { cpuLoad, cpuCeilingOf, memoryFloorOf, memoryScore, readingOf, isOverThreshold } from './arithmetic.js';
import { type Eligibility, type PlanRule, placeOf } from './eligibility.js';
import type { FleetIndex } from './fleet-index.js';
import { type Item, MOVE_PRICE, type Problem, type ProblemSource, type Targets } from './problem.js';

/** What two ways of adding up the same percentages may differ by, far below what a metric store tells apart. */
const PERCENT_TOLERANCE = 1e-9;

/** The kind of each host; hosts of another zone or other aggregates are of another kind if the rule keeps guests in theirs. */
function kindsOf(rule: PlanRule, index: FleetIndex): Int32Array {
  const { sameZone, sameAggregate } = rule.target;
  if (!sameZone && !sameAggregate) return index.kind;
  const numbers = new Map<string, number>();
  return index.kind.map((kind, position) => {
    const { zone, aggregates } = placeOf(index.hosts[position]!);
    const key = JSON.stringify([kind, sameZone && zone, sameAggregate && aggregates]);
    const number = numbers.get(key) ?? numbers.size;
    numbers.set(key, number);
    return number;
  });
}

/** How a metric becomes levels: see {@link Problem}. */
interface View {
  level: Float64Array;
  size: Float64Array;
  load: (guest: Guest) => number;
  /** The limit of every host alike. */
  limit: number;
}

function views(rule: PlanRule, index: FleetIndex): { watched: View; guard: View } {
  const percent = (limit: number): View => ({
    level: index.cpu,
    size: index.cpuCount,
    load: (guest) => cpuLoad(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count),
    limit,
  });
  const bytes = (level: Float64Array, limit: number): View => ({
    level,
    size: index.ones,
    load: (guest) => memoryScore(guest.vmem_size),
    limit: -limit,
  });
  return rule.metric === 'cpu.usage_active'
    ? { watched: percent(rule.threshold), guard: bytes(index.memoryOrGiven, memoryFloorOf(rule)) }
    : { watched: bytes(index.memory, rule.threshold), guard: percent(cpuCeilingOf(rule)) };
}

/**
 * Writes the rules of DESIGN for one request as a {@link Problem}.
 * @param index - the fleet.
 * @param rule - the rule that fired.
 * @param alerting - the alerting hosts, each once.
 * @param eligible - who may move and who may take.
 */
export function buildProblem(
  index: FleetIndex,
  rule: PlanRule,
  alerting: readonly Host[],
  eligible: Eligibility,
): Problem {
  const { watched, guard } = views(rule, index);
  const kinds = kindsOf(rule, index);
  const isCpu = rule.metric === 'cpu.usage_active';
  const sources: ProblemSource[] = [];
  const items: Item[] = [];
  for (const host of alerting) {
    const reading = readingOf(host, rule.metric);
    if (reading === undefined || !isOverThreshold(rule.metric, reading, rule.threshold)) continue;
    const position = index.positionOf.get(host.id)!;
    const kind = kinds[position]!;
    const source = sources.push({ host, level: watched.level[position]!, limit: watched.limit, kind }) - 1;
    for (const guest of index.guestsOf.get(host.id) ?? []) {
      if (eligible.guest(guest, host)) continue;
      const load = watched.load(guest);
      const relief = load / watched.size[position]!;
      const price = guest.vmem_size + MOVE_PRICE;
      items.push({ guests: [guest], source, load, guardLoad: guard.load(guest), relief, price });
    }
  }
  return {
    metric: rule.metric,
    sources,
    items,
    targets: { ...collectTargets(index, items, watched, guard, eligible), kind: kinds },
    forbidden: forbiddenPairs(index, items, eligible),
    apart: new Map(),
    tolerance: isCpu ? PERCENT_TOLERANCE : 0,
    guardTolerance: isCpu ? 0 : PERCENT_TOLERANCE,
  };
}

/** The hosts that may be targets and have room for the least item. */
function collectTargets(
  index: FleetIndex,
  items: readonly Item[],
  watched: View,
  guard: View,
  eligible: Eligibility,
): Omit<Targets, 'kind'> {
  const { hosts, isOpen } = index;
  const leastLoad = Math.min(...items.map(({ load }) => load));
  const leastGuardLoad = Math.min(...items.map(({ guardLoad }) => guardLoad));
  const { level, size } = watched;
  const { level: guardLevel, size: guardSize } = guard;
  const usable = new Int32Array(hosts.length);
  const closed = new Set([...eligible.closed].map((id) => index.positionOf.get(id)));
  let count = 0;
  for (let at = 0; at < hosts.length; at++) {
    // The numbers first: in a large fleet most hosts should be settled without a look at the host itself.
    if (!(isOpen[at] === 1 && level[at]! + leastLoad / size[at]! < watched.limit)) continue;
    if (!(guardLevel[at]! + leastGuardLoad / guardSize[at]! <= guard.limit)) continue;
    if (closed.has(at) || (eligible.hasLists && eligible.host(hosts[at]!))) continue;
    usable[count++] = at;
  }
  return {
    hosts,
    usable: usable.subarray(0, count),
    level,
    limit: new Float64Array(hosts.length).fill(watched.limit),
    size,
    guardLevel,
    guardLimit: new Float64Array(hosts.length).fill(guard.limit),
    guardSize,
  };
}

function forbiddenPairs(index: FleetIndex, items: readonly Item[], eligible: Eligibility): Map<number, Set<number>> {
  const forbidden = new Map<number, Set<number>>();
  if (eligible.pairRefusals.size === 0) return forbidden;
  items.forEach(({ guests }, item) => {
    for (const { id } of guests) {
      for (const hostId of eligible.pairRefusals.get(id)?.keys() ?? []) {
        const target = index.positionOf.get(hostId);
        if (target === undefined) continue;
        const set = forbidden.get(item) ?? new Set<number>();
        forbidden.set(item, set.add(target));
      }
    }
  });
  return forbidden;
}
