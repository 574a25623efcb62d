import type { Guest, Host, MetricName } from '../../fleet/fleet.js';
import type { Rule } from '../../rules/rule.js';

/** What of a rule the balancer goes by. */
export type PlanRule = Pick<Rule, 'name' | 'metric' | 'threshold'> &
  Partial<Pick<Rule, 'ofHostMemory' | 'headroom' | 'guards'>>;

/**
 * A reading, or undefined where there is none that can be used: never a guess, never 0.
 * @returns % or bytes.
 */
export function readingOf(entry: Host | Guest, metric: MetricName): number | undefined {
  const value = entry.metrics[metric];
  return value !== undefined && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/**
 * Whether a reading is past a rule's threshold, so that the rule has something to do.
 * @param metric - `cpu.usage_active` fires above its threshold, `mem.available` below.
 * @param reading - % or bytes.
 * @param threshold - in the unit of the reading.
 * @returns false on the threshold itself: an alert fires past it.
 */
export function isOverThreshold(metric: MetricName, reading: number, threshold: number): boolean {
  return metric === 'cpu.usage_active' ? reading > threshold : reading < threshold;
}

/** A target stays at or under this CPU reading after a memory plan, %. */
export const CPU_CEILING = 95;

/**
 * What a guest puts on a host that has other or as many CPUs as the one it is on.
 * @param usage - reading of the guest, % of its own vCPUs.
 * @param vcpuCount - vCPUs of the guest.
 * @param cpuCount - CPUs of the host in question.
 * @returns % of that host's CPUs. Formula: src/manual/en/design.md, "Arithmetic" (`usage × vcpu_count / C`, in this order).
 */
export function cpuScore(usage: number, vcpuCount: number, cpuCount: number): number {
  return cpuLoad(usage, vcpuCount) / cpuCount;
}

/**
 * The part of {@link cpuScore} that is the same on every host.
 * @param usage - reading of the guest, % of its own vCPUs.
 * @param vcpuCount - vCPUs of the guest.
 * @returns % of one CPU.
 */
export function cpuLoad(usage: number, vcpuCount: number): number {
  return usage * vcpuCount;
}

const MIB = 1024 * 1024;

/** A target keeps at least this much available memory after a CPU plan, bytes (1 GiB). */
export const MEMORY_FLOOR = 1024 * MIB;

/**
 * What a guest takes of a host's available memory.
 * @param vmemSize - MiB.
 * @returns bytes. Formula: src/manual/en/design.md, "Arithmetic".
 */
export function memoryScore(vmemSize: number): number {
  return vmemSize * MIB;
}

/**
 * What a host gets back when a guest leaves: what it holds where the cloud tells that, else its size.
 * @returns bytes.
 */
export function heldMemory({ mem_held, vmem_size }: Pick<Guest, 'mem_held' | 'vmem_size'>): number {
  return memoryScore(mem_held ?? vmem_size);
}

/**
 * The available memory of a host without a reading: what its guests have not been given.
 * @param memSize - memory of the host, MiB.
 * @param givenOut - sum of vmem_size over its guests, MiB.
 * @returns bytes; negative where more was given out than is there.
 */
export function unassignedMemory(memSize: number, givenOut: number): number {
  return (memSize - givenOut) * MIB;
}

/** The available memory that a target keeps after a CPU plan, bytes. */
export function memoryFloorOf({ guards }: PlanRule): number {
  return guards?.memoryFloor ?? MEMORY_FLOOR;
}

/** The CPU reading at or under which a target stays after a memory plan, %. */
export function cpuCeilingOf({ guards }: PlanRule): number {
  return guards?.cpuCeiling ?? CPU_CEILING;
}

/** The threshold of a rule on one host: % or bytes. */
export function thresholdOn(
  { mem_size }: Pick<Host, 'mem_size'>,
  { threshold, ofHostMemory }: Pick<PlanRule, 'threshold' | 'ofHostMemory'>,
): number {
  return ofHostMemory ? (threshold / 100) * memoryScore(mem_size) : threshold;
}

/**
 * What a reading has to stay within on a source that is relieved and on a target: the threshold less the headroom of the rule,
 * which is in points of the host's capacity.
 * @returns % or bytes.
 */
export function limitOn(host: Pick<Host, 'mem_size'>, rule: PlanRule): number {
  const { metric, headroom = 0 } = rule;
  const threshold = thresholdOn(host, rule);
  return metric === 'cpu.usage_active'
    ? threshold - headroom
    : threshold + (headroom / 100) * memoryScore(host.mem_size);
}
