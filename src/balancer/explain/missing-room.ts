import type { Guest, Host } from '../../fleet/fleet.js';
import { cpuScore, cpuCeilingOf, memoryFloorOf, memoryScore, readingOf } from '../model/arithmetic.js';
import type { Eligibility, PlanRule } from '../model/eligibility.js';
import { type FleetIndex, availableMemory } from '../model/fleet-index.js';

/** What a plan has already put on a host: % of its CPUs and bytes. */
export interface Booked {
  cpu: number;
  memory: number;
}

/** What the refusals of pairs are judged by. */
export interface RefusalContext {
  index: FleetIndex;
  rule: PlanRule;
  eligible: Eligibility;
  /** By host id; absent where a plan books nothing. */
  booked: ReadonlyMap<string, Booked>;
}

/** Room that is wanting on a host. */
export interface RoomGap {
  reason: 'over_threshold' | 'memory_floor' | 'cpu_ceiling';
  /** By how much the limit is missed: % or bytes, 0 on the limit itself. */
  missing: number;
}

/** The numbers of a guest on a host, both metrics, before the guest comes. */
interface PairNumbers {
  cpu: number;
  cpuScore: number;
  available: number;
  memoryScore: number;
}

function pairNumbers({ index, booked }: RefusalContext, guest: Guest, target: Host): PairNumbers {
  const taken = booked.get(target.id);
  return {
    cpu: (readingOf(target, 'cpu.usage_active') ?? 0) + (taken?.cpu ?? 0),
    cpuScore: cpuScore(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count, target.cpu_count),
    available: availableMemory(index, target) - (taken?.memory ?? 0),
    memoryScore: memoryScore(guest.vmem_size),
  };
}

/**
 * Where a guest lacks room on a host that may be a target: the watched metric first, then the guard.
 * @returns nothing if it fits beside what is booked there.
 */
export function roomGaps(context: RefusalContext, guest: Guest, target: Host): RoomGap[] {
  const { metric, threshold } = context.rule;
  const pair = pairNumbers(context, guest, target);
  const cpu = pair.cpu + pair.cpuScore;
  const available = pair.available - pair.memoryScore;
  const floor = memoryFloorOf(context.rule);
  const ceiling = cpuCeilingOf(context.rule);
  const gaps: RoomGap[] = [];
  if (metric === 'cpu.usage_active') {
    if (!(cpu < threshold)) gaps.push({ reason: 'over_threshold', missing: cpu - threshold });
    if (!(available >= floor)) gaps.push({ reason: 'memory_floor', missing: floor - available });
  } else {
    if (!(available > threshold)) gaps.push({ reason: 'over_threshold', missing: threshold - available });
    if (!(cpu <= ceiling)) gaps.push({ reason: 'cpu_ceiling', missing: cpu - ceiling });
  }
  return gaps;
}

/** The first of {@link roomGaps}, which is the reason that a refusal gives. */
export function roomGap(context: RefusalContext, guest: Guest, target: Host): RoomGap | undefined {
  return roomGaps(context, guest, target)[0];
}

/** Six digits, as the documents print readings and scores. */
function digits(value: number): string {
  return value.toFixed(6);
}

/**
 * A {@link RoomGap} with its numbers, in the form of the documents:
 * `host:H:current(1.000000) + guest:G:score(2.000000) >= threshold(3.000000)`.
 */
export function roomText(context: RefusalContext, guest: Guest, target: Host, { reason }: RoomGap): string {
  const { metric, threshold } = context.rule;
  const pair = pairNumbers(context, guest, target);
  const host = `host:${target.name}${context.booked.has(target.id) ? ':after the plan' : ''}`;
  const its = `guest:${guest.name}`;
  if (reason === 'memory_floor') {
    return `${host}:available(${digits(pair.available)}) - ${its}:memory(${digits(pair.memoryScore)}) < floor(${digits(memoryFloorOf(context.rule))})`;
  }
  if (reason === 'cpu_ceiling') {
    return `${host}:cpu(${digits(pair.cpu)}) + ${its}:cpu(${digits(pair.cpuScore)}) > ceiling(${digits(cpuCeilingOf(context.rule))})`;
  }
  return metric === 'cpu.usage_active'
    ? `${host}:current(${digits(pair.cpu)}) + ${its}:score(${digits(pair.cpuScore)}) >= threshold(${digits(threshold)})`
    : `${host}:current(${digits(pair.available)}) - ${its}:score(${digits(pair.memoryScore)}) <= threshold(${digits(threshold)})`;
}
