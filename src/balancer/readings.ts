import type { Guest, Host, MetricName } from '../fleet/fleet.js';

/**
 * A reading, or undefined where there is none that can be used: never a guess, never 0.
 * @returns % or bytes.
 */
export function readingOf(entry: Host | Guest, metric: MetricName): number | undefined {
  const value = entry.metrics[metric];
  return value !== undefined && Number.isFinite(value) && value >= 0 ? value : undefined;
}
