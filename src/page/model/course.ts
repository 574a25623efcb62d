/** A line of readings: ms since the epoch and value, oldest first. */
export type Course = readonly (readonly [at: number, value: number])[];

/** What a course says about a threshold. */
export interface CourseRisk {
  /** Share of the time past the threshold, 0 to 1. */
  past: number;
  /** The worst reading and when it was, ms since the epoch. */
  worst: { at: number; value: number };
  /** Change over the last hour, a straight line through it: per hour, in the course's own unit. */
  trend: number;
  /** Minutes until the line meets the threshold; absent if it does not within three hours, or is past it. */
  meetsInMin?: number;
}

const HOUR = 3_600_000;
const FARTHEST_MIN = 180;

/**
 * Puts a course against a threshold.
 * @param firesAbove - CPU is past it above, memory below.
 * @returns undefined without readings.
 */
export function riskOf(course: Course, threshold: number, firesAbove: boolean): CourseRisk | undefined {
  const last = course.at(-1);
  if (!last) return undefined;
  const isPast = (value: number) => (firesAbove ? value > threshold : value < threshold);
  const isWorse = (a: number, b: number) => (firesAbove ? a > b : a < b);
  let worst = last;
  let past = 0;
  for (const point of course) {
    if (isWorse(point[1], worst[1])) worst = point;
    if (isPast(point[1])) past += 1;
  }
  const trend = slope(course.filter(([at]) => at >= last[0] - HOUR)) * HOUR;
  const gap = firesAbove ? threshold - last[1] : last[1] - threshold;
  const towards = firesAbove ? trend : -trend;
  const minutes = towards > 0 ? (gap / towards) * 60 : Infinity;
  return {
    past: past / course.length,
    worst: { at: worst[0], value: worst[1] },
    trend,
    ...(gap > 0 && minutes <= FARTHEST_MIN && { meetsInMin: minutes }),
  };
}

/** Least squares, per ms. */
function slope(points: Course): number {
  if (points.length < 3) return 0;
  const count = points.length;
  const meanAt = points.reduce((sum, [at]) => sum + at, 0) / count;
  const mean = points.reduce((sum, [, value]) => sum + value, 0) / count;
  let above = 0;
  let below = 0;
  for (const [at, value] of points) {
    above += (at - meanAt) * (value - mean);
    below += (at - meanAt) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
