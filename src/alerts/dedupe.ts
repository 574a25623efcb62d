import type { Alert } from './alert.js';

/** Leaves the first of all alerts with the same key: senders repeat an alert per language, group and replica. */
export function withoutRepeats(alerts: readonly Alert[]): Alert[] {
  const seen = new Set<string>();
  return alerts.filter((alert) => !seen.has(alert.key) && seen.add(alert.key));
}
