import type { Clock } from '../clock.js';
import type { Cloud, FleetReadings, Metrics, Snapshot } from './fleet.js';
import { FleetError } from './fleet.js';
import type { DiscardedReading } from './snapshot.js';
import { assembleSnapshot } from './snapshot.js';

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
  const bounded = async <T>(system: string, what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    const expiry = new AbortController();
    const timer = setTimeout(() => expiry.abort(), timeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, expiry.signal]) : expiry.signal;
    const stopped = rejection(signal);
    try {
      return await Promise.race([call(signal), stopped.promise]);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (expiry.signal.aborted)
        throw new FleetError(system, `${what}: no answer within ${timeoutMs} ms`, { cause: error });
      if (error instanceof FleetError) throw error;
      throw new FleetError(system, `${what}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    } finally {
      // A timer or listener that is left would keep the whole answer in memory.
      clearTimeout(timer);
      stopped.forget();
    }
  };

  const inventory = await bounded(cloud.name, 'inventory', (signal) => cloud.inventory(signal));
  const { hosts, guests } = inventory;
  const readings = await bounded(metrics.name, 'readings', (signal) =>
    metrics.readings({ hosts, guests, periodMs, ...(historyMs !== undefined && { historyMs }) }, signal),
  );
  const maxAgeMs = periodMs + metrics.scrapeIntervalMs;
  return { ...assembleSnapshot(inventory, readings, { now: clock.now(), maxAgeMs }), readings };
}

/** Never resolves; rejects when the signal is aborted, so that a call that does not heed it cannot hold us up. */
function rejection(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  let onAbort = (): void => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) };
}
