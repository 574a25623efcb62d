import type { Clock } from '../common/clock.js';
import { errorMessage } from '../common/error-message.js';
import type { Log } from '../common/log.js';
import type { Cloud, Metrics, Pong } from './fleet.js';
import { withinTime } from './within-time.js';

/** Whether a system could be asked the last time that it was. */
export interface Reachability {
  up: boolean;
  /** Since when it has been so, ISO 8601: the first look that showed it. */
  since: string;
  /** Why not, in the system's own words; absent while it is up. */
  text?: string;
}

/** Whether the fleet can be asked: the cloud, and the store that has its readings. */
export interface FleetHealth {
  cloud: Reachability;
  metrics: Reachability;
}

/** What {@link watchFleetHealth} needs. */
export interface FleetHealthOptions {
  cloud: Pick<Cloud, 'name' | 'ping'>;
  /** Absent where the readings are the cloud's own: they stand and fall with it. */
  store?: Pick<Metrics, 'name' | 'ping'>;
  clock: Clock;
  log: Log;
  /** The longest that one look may take, ms. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Told what each look took, s. */
  onLook?: (part: keyof FleetHealth, seconds: number) => void;
}

/** How often it looks, ms; counted from the end of a look, so that two never overlap. */
export const HEALTH_INTERVAL_MS = 60_000;

/** A {@link FleetHealth} that is kept up to date. */
export interface FleetHealthWatch {
  current(): FleetHealth;
  /** Resolves when it has stopped looking, after its signal. */
  stopped(): Promise<void>;
}

/**
 * Asks cloud and store now and every minute whether they are there, by their cheapest call, and logs every change. Until the first
 * look has ended they are not known to be up.
 */
export function watchFleetHealth(options: FleetHealthOptions): FleetHealthWatch {
  const { cloud, store, clock, log, timeoutMs, signal } = options;
  const unknown = { up: false, since: new Date(clock.now()).toISOString(), text: 'has not been asked yet' };
  const health: FleetHealth = { cloud: unknown, metrics: unknown };

  const look = async (system: FleetHealthOptions['cloud'], part: keyof FleetHealth) => {
    const begun = clock.monotonic();
    const text = await wordsOf(system, timeoutMs, signal);
    if (signal.aborted) return;
    options.onLook?.(part, (clock.monotonic() - begun) / 1000);
    const before = health[part];
    const isFirst = before === unknown;
    const up = text === undefined;
    const since = up === before.up && !isFirst ? before.since : new Date(clock.now()).toISOString();
    health[part] = { up, since, ...(text !== undefined && { text }) };
    if (up === before.up && !isFirst) return;
    const fields = { [part]: system.name };
    if (!up) log.warn(fields, `${part === 'cloud' ? 'the cloud' : 'the metric store'} cannot be asked: ${text}`);
    else if (!isFirst) log.info(fields, `${system.name} can be asked again; it could not since ${before.since}`);
  };

  const watch = async () => {
    for (;;) {
      await Promise.all([look(cloud, 'cloud'), ...(store ? [look(store, 'metrics')] : [])]);
      if (!store) health.metrics = health.cloud;
      await clock.sleep(HEALTH_INTERVAL_MS, signal);
    }
  };
  // It ends by its signal alone: whatever a system answers is a result, never an error.
  const ended = watch().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });

  return { current: () => ({ ...health }), stopped: () => ended };
}

/** @returns why it cannot be asked; undefined if it can, or is in this very process. */
async function wordsOf(
  system: FleetHealthOptions['cloud'],
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { name } = system;
  const ping: ((within: AbortSignal) => Promise<Pong>) | undefined = system.ping?.bind(system);
  if (!ping) return undefined;
  try {
    await withinTime({ system: name, what: 'whether it is there', timeoutMs, signal }, ping);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}
