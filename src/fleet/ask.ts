import type { Clock } from '../common/clock.js';
import type { Cloud, FleetReadings, Metrics, Snapshot } from './fleet.js';
import type { DiscardedReading } from './snapshot.js';
import { assembleSnapshot } from './snapshot.js';
import { withinTime } from './within-time.js';

/** What {@link askFleet} needs. */
export interface AskOptions {
  cloud: Cloud;
  metrics: Metrics;
  clock: Clock;
  /** The window that readings are averaged over, ms. */
  periodMs: number;
  /** How far back the course of the readings is wanted, ms; none by default. */
  historyMs?: number;
  /** The longest that each system may take to answer, ms. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/** The fleet at one moment. */
export interface FleetAnswer {
  snapshot: Snapshot;
  /** Readings that were there and were not used. */
  discarded: DiscardedReading[];
  /** What the store answered, samples and all. */
  readings: FleetReadings;
}

/**
 * Asks the cloud for its inventory and the metric store for readings, now.
 * @returns the fleet at this moment, and the readings that were not used.
 * @throws FleetError that names the system that did not answer, or answered nonsense.
 */
export async function askFleet(options: AskOptions): Promise<FleetAnswer> {
  const { cloud, metrics, clock, periodMs, historyMs, timeoutMs } = options;
  const bounded = <T>(system: string, what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    withinTime({ system, what, timeoutMs, ...(options.signal && { signal: options.signal }) }, call);

  const inventory = await bounded(cloud.name, 'inventory', (signal) => cloud.inventory(signal));
  const { hosts, guests } = inventory;
  const readings = await bounded(metrics.name, 'readings', (signal) =>
    metrics.readings({ hosts, guests, periodMs, ...(historyMs !== undefined && { historyMs }) }, signal),
  );
  const maxAgeMs = periodMs + metrics.scrapeIntervalMs;
  return { ...assembleSnapshot(inventory, readings, { now: clock.now(), maxAgeMs }), readings };
}
