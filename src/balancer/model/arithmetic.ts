import type { Guest, Host, MetricName } from '../../fleet/fleet.js';
import type { Rule } from '../../rules/rule.js';

/** What of a rule the balancer goes by. */
export type PlanRule = Pick<Rule, 'name' | 'metric' | 'threshold'> & Partial<Pick<Rule, 'headroom' | 'guards'>>;

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

function courseOf({ history }: Guest): readonly number[] {
  return history?.['cpu.usage_active'] ?? [];
}

/**
 * What can be counted on to leave with a guest: its mean over the history, and never more than its reading. A passing
 * spike counts for little.
 * @returns % of the guest's own vCPUs; its reading where there is no history.
 */
export function steadyUsage(guest: Guest): number {
  const reading = readingOf(guest, 'cpu.usage_active') ?? 0;
  const course = courseOf(guest);
  if (course.length === 0) return reading;
  const mean = course.reduce((sum, value) => sum + value, 0) / course.length;
  return Math.min(reading, mean);
}

/**
 * What a guest may put on the host that takes it: its highest slot, and never less than its reading.
 * @returns % of the guest's own vCPUs; its reading where there is no history.
 */
export function peakUsage(guest: Guest): number {
  return Math.max(readingOf(guest, 'cpu.usage_active') ?? 0, ...courseOf(guest));
}

/**
 * The levels a host would have had over the history with the guests that are on it now: what left it or came to it
 * meanwhile does not count, and guests that peak at different times do not add up to a peak that never was.
 * @param level - its reading, %.
 * @param cpuCount - CPUs of the host.
 * @param guests - those on it now.
 * @returns %, the newest slot first; empty where there is no history.
 */
export function hostCourse(level: number, cpuCount: number, guests: readonly Guest[]): number[] {
  const course: number[] = [];
  for (const guest of guests) {
    const own = courseOf(guest);
    const reading = readingOf(guest, 'cpu.usage_active');
    if (reading === undefined) continue;
    for (let back = 1; back <= own.length; back++) {
      const change = ((own[own.length - back]! - reading) * guest.vcpu_count) / cpuCount;
      course[back - 1] = (course[back - 1] ?? level) + change;
    }
  }
  return course;
}
