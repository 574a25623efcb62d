import type { Guest, Host } from '../../fleet/fleet.js';
import {
  type PlanRule,
  cpuLoad,
  cpuCeilingOf,
  heldMemory,
  memoryFloorOf,
  memoryScore,
  readingOf,
  isOverThreshold,
  thresholdOn,
  limitOn,
} from './arithmetic.js';
import type { ApartGroup, Constraints } from './constraints.js';
import type { FleetIndex } from './fleet-index.js';
import {
  type Item,
  MOVE_PRICE,
  type Problem,
  type ProblemCapacity,
  type ProblemSource,
  type Targets,
} from './problem.js';

/** What two ways of adding up the same percentages may differ by, far below what a metric store tells apart. */
const PERCENT_TOLERANCE = 1e-9;

/** How a metric becomes levels: see {@link Problem}. */
interface View {
  level: Float64Array;
  size: Float64Array;
  /** What a guest puts on the host that it comes to, and what it takes off the one that it leaves. */
  load: (guest: Guest) => number;
  relief: (guest: Guest) => number;
  /** What the level has to stay under on a host. */
  limit: (host: Host) => number;
}

function cpuLoadOf(guest: Guest): number {
  return cpuLoad(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count);
}

function views(rule: PlanRule, index: FleetIndex): { watched: View; guard: View } {
  const percent = (limit: View['limit']): View => ({
    level: index.cpu,
    size: index.cpuCount,
    load: cpuLoadOf,
    relief: cpuLoadOf,
    limit,
  });
  const bytes = (level: Float64Array, limit: View['limit']): View => ({
    level,
    size: index.ones,
    // It may come to touch all that it was given.
    load: (guest) => memoryScore(guest.vmem_size),
    relief: heldMemory,
    limit: (host) => -limit(host),
  });
  const watched: View['limit'] = (host) => limitOn(host, rule);
  return rule.metric === 'cpu.usage_active'
    ? { watched: percent(watched), guard: bytes(index.memoryOrGiven, () => memoryFloorOf(rule)) }
    : { watched: bytes(index.memory, watched), guard: percent(() => cpuCeilingOf(rule)) };
}

/**
 * Writes the rules of src/manual/en/design.md, "Arithmetic", for one request as a {@link Problem}.
 * @param index - the fleet.
 * @param rule - the rule that fired.
 * @param alerting - the alerting hosts, each once.
 * @param constraints - what keeps guests where they are and hosts from taking them.
 * @param preventive - hosts that are relieved though they do not alert, each once, and which of their guests may be worth it.
 */
export function buildProblem(
  index: FleetIndex,
  rule: PlanRule,
  alerting: readonly Host[],
  constraints: Constraints,
  preventive: readonly { host: Host; guests: readonly Guest[] }[] = [],
): Problem {
  const { watched, guard } = views(rule, index);
  const { kinds } = constraints;
  const isCpu = rule.metric === 'cpu.usage_active';
  const sources: ProblemSource[] = [];
  const items: Item[] = [];
  const addSource = (host: Host, guests: readonly Guest[], role: Pick<ProblemSource, 'preventive'>) => {
    const position = index.positionOf.get(host.id)!;
    const kind = kinds[position]!;
    const level = watched.level[position]!;
    const threshold = isCpu ? thresholdOn(host, rule) : -thresholdOn(host, rule);
    const source = sources.push({ host, level, threshold, limit: watched.limit(host), kind, ...role }) - 1;
    for (const guest of guests) {
      if (constraints.guest(guest, host)) continue;
      const load = watched.load(guest);
      const relief = watched.relief(guest) / watched.size[position]!;
      const price = guest.vmem_size + MOVE_PRICE;
      items.push({ guests: [guest], source, load, guardLoad: guard.load(guest), relief, price });
    }
  };
  for (const host of alerting) {
    const reading = readingOf(host, rule.metric);
    if (reading === undefined || !isOverThreshold(rule.metric, reading, thresholdOn(host, rule))) continue;
    addSource(host, index.guestsOf.get(host.id) ?? [], {});
  }
  for (const { host, guests } of preventive) addSource(host, guests, { preventive: true });
  const targets = { ...collectTargets(index, items, watched, guard, constraints), kind: constraints.kinds };
  return {
    metric: rule.metric,
    sources,
    items,
    targets,
    ...namedTargets(index, items, constraints),
    apart: apartItems(items, constraints),
    capacities: capacitiesOf(items, targets.usable, constraints),
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
  constraints: Constraints,
): Omit<Targets, 'kind'> {
  const { hosts, isOpen } = index;
  const leastLoad = items.reduce((least, { load }) => Math.min(least, load), Infinity);
  const leastGuardLoad = items.reduce((least, { guardLoad }) => Math.min(least, guardLoad), Infinity);
  const { size } = watched;
  const { size: guardSize } = guard;
  const limit = Float64Array.from(hosts, watched.limit);
  const guardLimit = Float64Array.from(hosts, guard.limit);
  const level = withArrivals(index, watched, constraints);
  const guardLevel = withArrivals(index, guard, constraints);
  const usable = new Int32Array(hosts.length);
  let count = 0;
  for (let at = 0; at < hosts.length; at++) {
    // The numbers first: in a large fleet most hosts should be settled without a look at the host itself.
    if (!(isOpen[at] === 1 && level[at]! + leastLoad / size[at]! < limit[at]!)) continue;
    if (!(guardLevel[at]! + leastGuardLoad / guardSize[at]! <= guardLimit[at]!)) continue;
    if (constraints.host(hosts[at]!)) continue;
    usable[count++] = at;
  }
  return {
    hosts,
    usable: usable.subarray(0, count),
    level,
    limit,
    size,
    guardLevel,
    guardLimit,
    guardSize,
  };
}

/** Levels with what is on its way to the hosts. */
function withArrivals(index: FleetIndex, { level, size, load }: View, { arrivals }: Constraints): Float64Array {
  if (arrivals.length === 0) return level;
  const after = level.slice();
  for (const { guest, hostId } of arrivals) {
    const at = index.positionOf.get(hostId);
    if (at !== undefined) after[at] = after[at]! + load(guest) / size[at]!;
  }
  return after;
}

/** Targets that are forbidden to single items, or the only ones for them. Guests that share a set of hosts share it here too. */
function namedTargets(
  index: FleetIndex,
  items: readonly Item[],
  constraints: Constraints,
): Pick<Problem, 'forbidden' | 'only'> {
  const forbidden = new Map<number, ReadonlySet<number>>();
  const only = new Map<number, ReadonlySet<number>>();
  const known = new Map<ReadonlySet<string>, ReadonlySet<number>>();
  const positions = (hostIds: ReadonlySet<string>): ReadonlySet<number> => {
    let set = known.get(hostIds);
    if (!set) known.set(hostIds, (set = new Set([...hostIds].flatMap((id) => index.positionOf.get(id) ?? []))));
    return set;
  };
  items.forEach(({ guests }, item) => {
    const sets = guests.map((guest) => constraints.targetsOf(guest));
    const [never, ...others] = sets.flatMap((each) => each.never).map(positions);
    if (never)
      forbidden.set(item, others.length === 0 ? never : new Set([never, ...others].flatMap((set) => [...set])));
    const [first, ...further] = sets.flatMap((each) => each.only).map(positions);
    if (first) {
      const both =
        further.length === 0 ? first : [...first].filter((target) => further.every((set) => set.has(target)));
      only.set(item, new Set(both));
    }
  });
  return { forbidden, only };
}

/** The items of each group that is to be kept apart, where there are several. */
function apartItems(items: readonly Item[], constraints: Constraints): number[][] {
  const groups = new Map<ApartGroup, number[]>();
  items.forEach(({ guests }, item) => {
    for (const group of new Set(guests.flatMap((guest) => constraints.apartGroups(guest)))) {
      const members = groups.get(group);
      if (members) members.push(item);
      else groups.set(group, [item]);
    }
  });
  return [...groups.values()].filter(({ length }) => length > 1);
}

/** The capacities that can bind at all: as a rule none, which the search is the faster for. */
function capacitiesOf(items: readonly Item[], usable: Int32Array, { capacities }: Constraints): ProblemCapacity[] {
  return capacities.flatMap(({ counts, demand, room }): ProblemCapacity[] => {
    const demands = Float64Array.from(items, ({ guests }) => combined(guests.map(demand), counts));
    let least = Infinity;
    for (const target of usable) least = Math.min(least, room[target]!);
    return combined(demands, counts) <= least ? [] : [{ counts, demand: demands, room }];
  });
}

/** What several ask for together, or the most that one of them asks for. */
function combined(demands: Iterable<number>, counts: ProblemCapacity['counts']): number {
  let result = 0;
  for (const demand of demands) result = counts === 'each' ? Math.max(result, demand) : result + demand;
  return result;
}
