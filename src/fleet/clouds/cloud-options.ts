import type { Clock } from '../../common/clock.js';

/** What every cloud over HTTP needs besides its own settings. */
export interface CloudOptions {
  /** The longest that one try of one call may take, ms. */
  timeoutMs: number;
  /** The longest that a whole inventory may take, ms, where it comes in many calls; as long as one call by default. */
  inventoryTimeoutMs?: number;
  clock: Clock;
  /** 0 ≤ x < 1, for the jitter between tries. */
  random: () => number;
  /** An answer longer than this is refused, bytes; 64 MiB by default. */
  maxBytes?: number;
}
