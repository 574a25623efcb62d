import type { Guest, Host } from '../fleet/fleet.js';
import { CPU_CEILING, cpuLoad } from './cpu.js';
import { type Eligibility, type PlanRule, availableMemory, placeOf, readingOf } from './eligibility.js';
import type { FleetIndex } from './fleet-index.js';
import { MEMORY_FLOOR, memoryScore } from './memory.js';
import { type Item, MOVE_PRICE, type Problem, type ProblemSource, type ProblemTarget } from './problem.js';
import { isOverThreshold } from './threshold.js';

/** What two ways of adding up the same percentages may differ by, far below what a metric store tells apart. */
const PERCENT_TOLERANCE = 1e-9;

/** Numbers the kinds of hosts (type, architecture, and zone or aggregates if the rule asks for them) as they turn up. */
function kindNumbers(rule: PlanRule): (host: Host) => number {
  const { sameZone, sameAggregate } = rule.target;
  const kindWithin = (host: Host): string => {
    if (!sameZone && !sameAggregate) return host.cpu_architecture;
    const { zone, aggregates } = placeOf(host);
    return JSON.stringify([host.cpu_architecture, sameZone && zone, sameAggregate && aggregates]);
  };
  const numbers = new Map<string, Map<string, number>>();
  let next = 0;
  return (host) => {
    let ofType = numbers.get(host.host_type);
    if (!ofType) numbers.set(host.host_type, (ofType = new Map<string, number>()));
    const kind = kindWithin(host);
    let number = ofType.get(kind);
    if (number === undefined) ofType.set(kind, (number = next++));
    return number;
  };
}

/** How the two metrics become levels: see {@link Problem}. */
interface View {
  level(host: Host): number | undefined;
  size(host: Host): number;
  load(guest: Guest): number;
  limit: number;
}

function views(rule: PlanRule, index: FleetIndex): { watched: View; guard: View } {
  const percent = (limit: number): View => ({
    level: (host) => readingOf(host, 'cpu.usage_active'),
    size: (host) => host.cpu_count,
    load: (guest) => cpuLoad(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count),
    limit,
  });
  const bytes = (level: View['level'], limit: number): View => ({
    level,
    size: () => 1,
    load: (guest) => memoryScore(guest.vmem_size),
    limit: -limit,
  });
  if (rule.metric === 'cpu.usage_active') {
    return { watched: percent(rule.threshold), guard: bytes((host) => -availableMemory(index, host), MEMORY_FLOOR) };
  }
  const free = (host: Host): number | undefined => {
    const reading = readingOf(host, 'mem.available');
    return reading === undefined ? undefined : -reading;
  };
  return { watched: bytes(free, rule.threshold), guard: percent(CPU_CEILING) };
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
  const kindOf = kindNumbers(rule);
  const isCpu = rule.metric === 'cpu.usage_active';

  const sources: ProblemSource[] = [];
  const items: Item[] = [];
  for (const host of alerting) {
    const reading = readingOf(host, rule.metric);
    const level = watched.level(host);
    if (reading === undefined || level === undefined) continue;
    if (!isOverThreshold(rule.metric, reading, rule.threshold)) continue;
    const source = sources.push({ host, level, limit: watched.limit, kind: kindOf(host) }) - 1;
    for (const guest of index.guestsOf.get(host.id) ?? []) {
      if (eligible.guest(guest, host)) continue;
      const load = watched.load(guest);
      const relief = load / watched.size(host);
      const price = guest.vmem_size + MOVE_PRICE;
      items.push({ guests: [guest], source, load, guardLoad: guard.load(guest), relief, price });
    }
  }

  const targets: ProblemTarget[] = [];
  const leastLoad = Math.min(...items.map(({ load }) => load));
  const leastGuardLoad = Math.min(...items.map(({ guardLoad }) => guardLoad));
  if (items.length > 0) {
    for (const host of index.hosts) {
      const level = watched.level(host);
      const size = watched.size(host);
      // A host that is too full for the least item is out before anything slower is asked.
      if (level === undefined || level + leastLoad / size >= watched.limit) continue;
      const guardLevel = guard.level(host);
      const guardSize = guard.size(host);
      if (guardLevel === undefined || guardLevel + leastGuardLoad / guardSize > guard.limit) continue;
      if (eligible.host(host)) continue;
      const { limit } = watched;
      const guardLimit = guard.limit;
      targets.push({ host, kind: kindOf(host), level, limit, size, guardLevel, guardLimit, guardSize });
    }
  }

  return {
    metric: rule.metric,
    sources,
    items,
    targets,
    forbidden: forbiddenPairs(items, targets, eligible),
    tolerance: isCpu ? PERCENT_TOLERANCE : 0,
    guardTolerance: isCpu ? 0 : PERCENT_TOLERANCE,
  };
}

function forbiddenPairs(
  items: readonly Item[],
  targets: readonly ProblemTarget[],
  eligible: Eligibility,
): Map<number, Set<number>> {
  const forbidden = new Map<number, Set<number>>();
  if (eligible.pairRefusals.size === 0) return forbidden;
  const targetOf = new Map(targets.map(({ host }, index) => [host.id, index]));
  items.forEach(({ guests }, item) => {
    for (const { id } of guests) {
      for (const hostId of eligible.pairRefusals.get(id)?.keys() ?? []) {
        const target = targetOf.get(hostId);
        if (target === undefined) continue;
        const set = forbidden.get(item) ?? new Set<number>();
        forbidden.set(item, set.add(target));
      }
    }
  });
  return forbidden;
}
