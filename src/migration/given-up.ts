import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { Cloud, MigrationRequest } from '../fleet/fleet.js';
import type { Journal, MigrationRecord } from '../journal/journal.js';
import { JournalError } from '../journal/journal.js';
import type { GivenUpMove, Memory } from '../journal/memory.js';
import { toRequest } from './request.js';
import type { LookOptions, Looks, WatchLimits } from './watch.js';
import { isStill, judge, look, noLooks, tryToCancel } from './watch.js';

/** The longest pause between two looks at a move that was given up, ms. */
const LONGEST_PAUSE_MS = 60_000;
/** How long a move that has not begun may still do so before it is cancelled again, ms; then twice as long, and so on. */
const FIRST_REST_MS = 300_000;
const LONGEST_REST_MS = 3_600_000;

/** The memory with further moves that were given up and that the cloud may still make. */
export function withGivenUp(memory: Memory, moves: readonly GivenUpMove[]): Memory {
  return moves.length === 0 ? memory : { ...memory, underWay: [...memory.underWay, ...moves] };
}

/**
 * A move as it is remembered once it was given up.
 * @param cancel - whether it is to be cancelled if it still moves.
 * @param now - ms since the epoch.
 */
export function toGivenUp(
  { rule, notes, options, handle }: MigrationRecord,
  batch: string,
  cancel: boolean,
  now: number,
): GivenUpMove {
  const since = new Date(now).toISOString();
  return { batch, rule, notes, ...(options && { options }), ...(handle !== undefined && { handle }), cancel, since };
}

/** What {@link followGivenUp} needs. */
export interface FollowGivenUpOptions {
  cloud: Cloud;
  journal: Journal;
  clock: Clock;
  limits: WatchLimits;
  log: Log;
  signal: AbortSignal;
}

/** Follows the moves that stand in the journal as given up. */
export interface GivenUpFollower {
  /** Tells it that the journal's list may have grown; a call too many does no harm. */
  wake(): void;
  /** Resolves when it has let go, after the signal was aborted. */
  stopped(): Promise<void>;
}

/** How a move that was given up has ended after all. */
interface LateEnding {
  hasArrived: boolean;
  text: string;
}

/**
 * Follows moves that were given up until the cloud says that they are over, or a cancellation was seen to take: time alone ends
 * none. One that begins late may still arrive within the time limit, and is cancelled after that; one that does not begin is
 * cancelled again from time to time. No batch waits for it, and it holds no flag.
 * A late arrival is recorded as `migrate_success`; whatever else becomes of a move, its failure stands in the journal already.
 */
export function followGivenUp(options: FollowGivenUpOptions): GivenUpFollower {
  const { journal, log, signal } = options;
  const followed = new Map<string, Promise<void>>();
  return {
    wake() {
      for (const move of journal.memory().underWay) {
        const key = keyOf(move);
        if (followed.has(key) || signal.aborted) continue;
        const following = follow(move, options)
          .catch((error: unknown) => {
            // It stands in the journal: the next start takes it up.
            if (!signal.aborted)
              log.error({ batch: move.batch, err: error }, 'a move given up is not followed any more');
          })
          .finally(() => followed.delete(key));
        followed.set(key, following);
      }
    },
    stopped: async () => {
      await Promise.all(followed.values());
    },
  };
}

const keyOf = ({ batch, notes }: GivenUpMove) => `${batch} ${notes.guest.id}`;

async function follow(move: GivenUpMove, options: FollowGivenUpOptions): Promise<void> {
  const { cloud, clock, limits, log, signal } = options;
  const request = toRequest(move);
  const { guest, target } = request;
  const fields = { batch: move.batch, rule: move.rule, guest: guest.name, target: target.name };
  const onError = (error: unknown) => log.warn({ ...fields, err: error }, 'trouble with a move that was given up');
  const looking: LookOptions = { cloud, clock, limits, request, handle: move.handle, signal, onError };
  const looks: Looks = { ...noLooks(), seenMoving: move.cancel };
  const begun = clock.monotonic();
  let restMs = FIRST_REST_MS;
  let cancelRestingAt = begun + restMs;
  for (let pause = limits.longestPauseMs; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) {
    const now = clock.monotonic();
    const isDue = now >= cancelRestingAt;
    if (isDue) {
      restMs = Math.min(LONGEST_REST_MS, 2 * restMs);
      cancelRestingAt = now + restMs;
    }
    const ending = await lookAgain(
      looks,
      { whileMoving: move.cancel || now - begun >= limits.timeLimitMs, atRest: isDue },
      looking,
    );
    if (ending && (await isKept(move, ending, options))) {
      log[ending.hasArrived ? 'info' : 'warn'](fields, `given up before, and over now: ${ending.text}`);
      return;
    }
    await clock.sleep(pause, signal);
  }
}

/** @param toCancel - whether the move is to be cancelled if it is seen to move, and if it rests on its source. */
async function lookAgain(
  looks: Looks,
  toCancel: { whileMoving: boolean; atRest: boolean },
  looking: LookOptions,
): Promise<LateEnding | undefined> {
  const { cloud, request, signal, onError } = looking;
  const state = await look(looking);
  signal.throwIfAborted();
  if (!state) return undefined;
  const ending = judge(state, request, looks);
  if (ending?.outcome === 'success') return arrived(request);
  if (ending) {
    if (ending.reason === 'cloud_failed') await cloud.afterFailure?.(request, signal).catch(onError);
    return { hasArrived: false, text: ending.text };
  }
  // One that rests may be about to begin: only the cloud's word that it will not lets go of it.
  const isToCancel = state.phase === 'moving' ? toCancel.whileMoving : isStill(looks) && toCancel.atRest;
  if (!isToCancel) return undefined;
  const cancelled = await tryToCancel(looking);
  if (!cancelled.took) return undefined;
  if (cancelled.hostId === request.target.id) return arrived(request);
  return { hasArrived: false, text: `cancelled, seen to take; ${cancelled.text}` };
}

function arrived({ guest, target }: MigrationRequest): LateEnding {
  return { hasArrived: true, text: `guest ${guest.name} came to ${target.name} late, after it had been given up` };
}

/** Keeps how a move has ended; false where the journal refuses, so that it is done again later. */
async function isKept(move: GivenUpMove, { hasArrived, text }: LateEnding, options: FollowGivenUpOptions) {
  const { journal, log } = options;
  const { batch, rule, notes } = move;
  const key = keyOf(move);
  const event = {
    obj_name: rule,
    user: 'system',
    action: 'migrate_success' as const,
    notes: { ...notes, reason: text },
  };
  try {
    await journal.commit({
      ...(hasArrived && { events: [{ ...event, batch }] }),
      memory: (memory) => ({ ...memory, underWay: memory.underWay.filter((other) => keyOf(other) !== key) }),
    });
    return true;
  } catch (error) {
    if (!(error instanceof JournalError)) throw error;
    log.error({ batch, err: error }, 'the end of a move that was given up waits until it can be recorded');
    return false;
  }
}
