import type {
  FleetReadings,
  GuestRecord,
  HostRecord,
  Inventory,
  MetricName,
  MetricReadings,
  Reading,
  Snapshot,
} from './fleet.js';
import { METRIC_NAMES } from './fleet.js';
import { isReading } from './snapshot-file.js';

/** Why a reading was not used. */
export type DiscardReason = 'stale' | 'implausible';

/** A reading that was there and was not used. */
export interface DiscardedReading {
  kind: 'host' | 'guest';
  id: string;
  name: string;
  metric: MetricName;
  value: number;
  reason: DiscardReason;
}

/** What {@link assembleSnapshot} needs besides inventory and readings. */
export interface AssembleOptions {
  /** ms since the epoch. */
  now: number;
  /** A reading whose newest sample is older than this is stale, ms: the rule's period plus a scrape. */
  maxAgeMs: number;
}

/**
 * Puts inventory and readings together into what the balancer works on. A reading that is stale, not a number, negative
 * or above 100 % is left out, as if the store did not have it.
 * @returns the snapshot, and the readings that were left out.
 */
export function assembleSnapshot(
  inventory: Inventory,
  readings: FleetReadings,
  options: AssembleOptions,
): { snapshot: Snapshot; discarded: DiscardedReading[] } {
  const discarded: DiscardedReading[] = [];

  const usable = (
    kind: 'host' | 'guest',
    record: HostRecord | GuestRecord,
    found: Partial<Record<MetricName, Reading>> | undefined,
  ): MetricReadings => {
    const metrics: MetricReadings = {};
    for (const metric of METRIC_NAMES) {
      const reading = found?.[metric];
      if (!reading) continue;
      const reason = judge(metric, reading, options);
      if (reason) discarded.push({ kind, id: record.id, name: record.name, metric, value: reading.value, reason });
      else metrics[metric] = reading.value;
    }
    return metrics;
  };

  const snapshot: Snapshot = {
    taken_at: new Date(options.now).toISOString(),
    hosts: inventory.hosts.map((host) => ({ ...host, metrics: usable('host', host, readings.hosts.get(host.id)) })),
    guests: inventory.guests.map((guest) => ({
      ...guest,
      metrics: usable('guest', guest, readings.guests.get(guest.id)),
    })),
  };
  return { snapshot, discarded };
}

function judge(metric: MetricName, reading: Reading, options: AssembleOptions): DiscardReason | undefined {
  if (!isReading(metric, reading.value)) return 'implausible';
  if (!(options.now - reading.at <= options.maxAgeMs)) return 'stale';
  return undefined;
}
