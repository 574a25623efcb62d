import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { Decisions } from '../decide/decisions.js';
import type { HostIndex } from '../fleet/find-host.js';
import { indexHosts } from '../fleet/find-host.js';

/** How the hosts of the fleet are called, as the last inventory has it. */
export interface HostNames {
  /** Undefined before the first inventory, and when the last one is too old to say that a host does not exist. */
  index(): HostIndex | undefined;
  /** Asks the cloud again, unless that was done a moment ago. Whoever asks does not wait. */
  refresh(): void;
}

/** An inventory is asked for at most this often because of unknown names, ms. */
const REFRESH_MS = 60_000;
/** An older inventory says nothing of which hosts there are, ms. */
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

  const refresh = () => {
    if (signal.aborted || clock.monotonic() - askedAt < REFRESH_MS) return;
    askedAt = clock.monotonic();
    void ask();
  };

  return {
    index() {
      if (known && clock.monotonic() - known.at <= OLDEST_MS) return known.index;
      refresh();
      return undefined;
    },
    refresh,
  };
}
