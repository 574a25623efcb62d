import type { Clock } from '../common/clock.js';
import type { Cloud, MigrationState } from '../fleet/fleet.js';
import type { MovingGuest } from '../fleet/moving-guests.js';
import type { Journal, MigrationRecord } from '../journal/journal.js';
import type { WatchLimits } from './watch.js';

/** What happened in a batch, for logs and for whoever shows progress. */
export type BatchProgress =
  | { kind: 'asked'; migration: MigrationRecord }
  | { kind: 'state'; migration: MigrationRecord; state: MigrationState }
  | { kind: 'ended'; migration: MigrationRecord; text: string }
  | { kind: 'trouble'; migration: MigrationRecord; error: unknown };

/** What `carryOut` of batch.ts needs. */
export interface CarryOutOptions {
  cloud: Cloud;
  journal: Journal;
  clock: Clock;
  limits: WatchLimits;
  /** Moves at once from or to one host. */
  concurrency: number;
  /** Moves at once from one host, and to one host; no more than `concurrency` in any case. */
  perHost?: { source?: number | undefined; target?: number | undefined };
  /** Guests that are on their way by what the cloud tells, or told so many ms ago at most; absent: nobody asks. */
  movingGuests?: (atMostOldMs: number) => Promise<readonly MovingGuest[]>;
  /** Why a move may not begin now; undefined if it may. What is on its way is followed all the same. */
  closed?: (migration: MigrationRecord) => string | undefined;
  /** Why a move would pass a budget; undefined if it would not. Asked just before the look at its guest. */
  overBudget?: (migration: MigrationRecord) => Promise<string | undefined>;
  /** Told of a rule whose move was left out because a guest has left the same host meanwhile, late. */
  onOvertaken?: (rule: string) => void;
  /**
   * Cancels what is under way and begins nothing more once it is aborted; its reason is who wants that (`alice`). Each move then
   * ends as `given_up`, its `migrate_fail` saying whether the cancellation was seen to take, or as `succeeded` if it arrived.
   */
  abort?: AbortSignal;
  /** Told of every step; must not throw. */
  onProgress: (progress: BatchProgress) => void;
  signal: AbortSignal;
}
