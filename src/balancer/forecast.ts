import type { Guest } from '../fleet/fleet.js';
import { readingOf } from './readings.js';

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
