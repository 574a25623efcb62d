import type { MetricName } from '../fleet/fleet.js';

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
