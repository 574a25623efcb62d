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
  /** The longest that each system may take to answer, ms; a cloud may have a limit of its own for its inventory. */
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
  const signal = options.signal && { signal: options.signal };
  const inventoryLimit = { system: cloud.name, what: 'inventory', timeoutMs: cloud.inventoryTimeoutMs ?? timeoutMs };
  const inventory = await withinTime({ ...inventoryLimit, ...signal }, (within) => cloud.inventory(within));
  const { hosts, guests } = inventory;
  const readings = await withinTime({ system: metrics.name, what: 'readings', timeoutMs, ...signal }, (within) =>
    metrics.readings({ hosts, guests, periodMs, ...(historyMs !== undefined && { historyMs }) }, within),
  );
  const maxAgeMs = periodMs + metrics.scrapeIntervalMs;
  return { ...assembleSnapshot(inventory, readings, { now: clock.now(), maxAgeMs }), readings };
}
