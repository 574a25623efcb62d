/** What to do with a failed attempt. */
export type Verdict =
  /** Refuse it at once: there were few. */
  | { act: 'refuse' }
  /** Refuse it after a while, ms; call `done` when that is over. */
  | { act: 'delay'; ms: number; done: () => void }
  /** Refuse it at once and tell the client to stay away, s: too many wait already. */
  | { act: 'turn_away'; retryAfter: number };

export interface ThrottleOptions {
  /** ms since the epoch. */
  now: () => number;
  /** So many failures of one client cost it nothing. Default 5. */
  free?: number;
  /** How long the first failure beyond these waits, ms; each further one twice as long. Default 250. */
  firstDelayMs?: number;
  /** The longest that any failure waits, ms. Default 8000. */
  longestDelayMs?: number;
  /** A client without a failure for this long starts anew, ms. Default 15 min. */
  memoryMs?: number;
  /** So many failures of one client wait at once. Default 2. */
  waitingPerClient?: number;
  /** So many failures wait at once in all: a waiting one holds a connection, and no more than that. Default 200. */
  waiting?: number;
  /** So many clients are remembered, those that failed last. Default 10,000. */
  clients?: number;
}

interface Failures {
  count: number;
  last: number;
  waiting: number;
}

/**
 * Counts the failed attempts of each client and says how to slow them down. Only failures are ever slowed: whoever has
 * a valid credential gets in at once, so that nobody can lock out the senders that share an address with him.
 */
export class FailureThrottle {
  readonly #options: Required<ThrottleOptions>;
  /** In the order of their last failure. */
  readonly #clients = new Map<string, Failures>();
  #waiting = 0;

  constructor(options: ThrottleOptions) {
    this.#options = {
      free: 5,
      firstDelayMs: 250,
      longestDelayMs: 8000,
      memoryMs: 15 * 60_000,
      waitingPerClient: 2,
      waiting: 200,
      clients: 10_000,
      ...options,
    };
  }

  /** How many clients are remembered. */
  get size(): number {
    return this.#clients.size;
  }

  /**
   * Counts a failed attempt.
   * @param client - its address, or the network that it comes from.
   * @returns the verdict, and which failure of this client it was, from 1.
   */
  failed(client: string): { verdict: Verdict; count: number } {
    const { free, firstDelayMs, longestDelayMs, waiting, waitingPerClient } = this.#options;
    const failures = this.#count(client);
    const beyond = failures.count - free;
    if (beyond <= 0) return { verdict: { act: 'refuse' }, count: failures.count };
    const ms = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(beyond - 1, 30));
    if (failures.waiting >= waitingPerClient || this.#waiting >= waiting) {
      return { verdict: { act: 'turn_away', retryAfter: Math.ceil(ms / 1000) }, count: failures.count };
    }
    failures.waiting += 1;
    this.#waiting += 1;
    const done = (): void => {
      failures.waiting -= 1;
      this.#waiting -= 1;
    };
    return { verdict: { act: 'delay', ms, done }, count: failures.count };
  }

  #count(client: string): Failures {
    const { now, memoryMs, clients } = this.#options;
    const at = now();
    const failures = this.#clients.get(client) ?? { count: 0, last: at, waiting: 0 };
    // A clock that jumped back must not make a memory last for ever.
    if (Math.abs(at - failures.last) > memoryMs) failures.count = 0;
    failures.count += 1;
    failures.last = at;
    this.#clients.delete(client);
    this.#clients.set(client, failures);
    if (this.#clients.size > clients) {
      const [oldest] = this.#clients.keys();
      if (oldest !== undefined) this.#clients.delete(oldest);
    }
    return failures;
  }
}
