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
/** A guest that has rested on its source for so long, without ever having been seen moving, will not move any more, ms. */
const REST_MS = 2 * 3_600_000;

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
 * Follows moves that were given up until the cloud says that they are over, or a cancellation was seen to take. One that
 * begins late may still arrive within the time limit, and is cancelled after that. No batch waits for it, and it holds no flag.
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
  for (let pause = limits.longestPauseMs; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) {
    const ending = await lookAgain(move, looks, clock.monotonic() - begun, looking);
    if (ending && (await isKept(move, ending, options))) {
      log[ending.hasArrived ? 'info' : 'warn'](fields, `given up before, and over now: ${ending.text}`);
      return;
    }
    await clock.sleep(pause, signal);
  }
}

/** @param followedMs - for how long it has been followed since it was given up, in this process. */
async function lookAgain(
  move: GivenUpMove,
  looks: Looks,
  followedMs: number,
  looking: LookOptions,
): Promise<LateEnding | undefined> {
  const { cloud, request, limits, signal, onError } = looking;
  const state = await look(looking);
  signal.throwIfAborted();
  if (!state) return undefined;
  const ending = judge(state, request, looks);
  if (ending?.outcome === 'success') return arrived(request);
  if (ending) {
    if (ending.reason === 'cloud_failed') await cloud.afterFailure?.(request, signal).catch(onError);
    return { hasArrived: false, text: ending.text };
  }
  if (state.phase === 'moving' && (move.cancel || followedMs >= limits.timeLimitMs)) {
    const cancelled = await tryToCancel(looking);
    if (!cancelled.took) return undefined;
    if (cancelled.hostId === request.target.id) return arrived(request);
    return { hasArrived: false, text: `cancelled, seen to take; ${cancelled.text}` };
  }
  const { name } = request.guest;
  return isStill(looks) && !looks.seenMoving && followedMs >= REST_MS
    ? { hasArrived: false, text: `guest ${name} has rested on its source for ${REST_MS / 3_600_000} h` }
    : undefined;
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
