import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { Decisions } from '../decide/decisions.js';
import type { HostIndex } from '../fleet/find-host.js';
import { indexHosts } from '../fleet/find-host.js';

/** How the hosts of the fleet are called, as the last inventory has it. */
export interface HostNames {
  /** As the last inventory has it, which is asked for again when it is old; undefined before the first. */
  index(): HostIndex | undefined;
  /** Asks the cloud again, as soon as it may be asked. Resolves when it has answered or failed. */
  refresh(): Promise<void>;
}

/** An inventory is asked for at most this often because of unknown names, ms. */
const REFRESH_MS = 60_000;
/** An inventory that is older is asked for again, ms. */
const OLDEST_MS = 600_000;

/** Keeps the names of the hosts in mind. */
export function createHostNames(deps: {
  decisions: Pick<Decisions, 'hosts'>;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): HostNames {
  const { decisions, clock, log, signal } = deps;
  let known: { index: HostIndex; at: number } | undefined;
  let askedAt = -Infinity;

  const ask = async (): Promise<void> => {
    try {
      const hosts = await decisions.hosts(signal);
      known = { index: indexHosts(hosts), at: clock.monotonic() };
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'the cloud does not tell which hosts there are');
    }
  };

  let next: Promise<void> | undefined;
  const refresh = () => (next ??= askInTime().catch(() => undefined));
  const askInTime = async (): Promise<void> => {
    await clock.sleep(Math.max(0, askedAt + REFRESH_MS - clock.monotonic()), signal);
    // Who asks from here on needs another answer.
    next = undefined;
    askedAt = clock.monotonic();
    await ask();
  };

  return {
    index() {
      if (known && clock.monotonic() - known.at > OLDEST_MS) void refresh();
      return known?.index;
    },
    refresh,
  };
}
