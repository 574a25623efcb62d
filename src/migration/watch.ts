import type { Clock } from '../common/clock.js';
import type { Cloud, MigrationRequest, MigrationState } from '../fleet/fleet.js';

/** Why a migration that was asked for did not end on its target. */
export type FailureReason =
  'cloud_failed' | 'back_on_source' | 'never_started' | 'third_host' | 'vanished' | 'timed_out';

/** How a migration ended. */
export type MigrationEnding = { outcome: 'success' } | { outcome: 'failed'; reason: FailureReason; text: string };

/** How long and how often to look; all in ms. */
export interface WatchLimits {
  /** First pause between two looks; each pause is half as long again as the one before. */
  firstPauseMs: number;
  longestPauseMs: number;
  /** A guest still on its source after this, never having been seen moving, will not move. */
  startGraceMs: number;
  /** After this a migration is cancelled. */
  timeLimitMs: number;
}

export const DEFAULT_WATCH_LIMITS: WatchLimits = {
  firstPauseMs: 500,
  longestPauseMs: 10_000,
  startGraceMs: 30_000,
  timeLimitMs: 30 * 60_000,
};

/** How often in a row a guest may be missing from the cloud's answers before it counts as gone. */
const VANISHED_LOOKS = 3;
/**
 * How often in a row a guest has to be at rest on its source before it has not moved: somebody who synchronises its status
 * makes it look so for a moment while it moves.
 */
const STILL_LOOKS = 3;
/** How long a cloud that refuses to cancel a migration is asked again, ms. */
const CANCEL_FOR_MS = 600_000;
/** How often the guest is looked at after a cancellation, to say where it came to rest. */
const LOOKS_AFTER_CANCEL = 5;

/** What {@link watchMigration} needs. */
export interface WatchOptions {
  cloud: Cloud;
  clock: Clock;
  limits: WatchLimits;
  request: MigrationRequest;
  handle: string | undefined;
  /** How long ago the cloud was asked, ms: the time limit counts from there, over restarts too. */
  askedAgoMs: number;
  signal: AbortSignal;
  onState?: (state: MigrationState) => void;
  /** A look that failed; the watching goes on. */
  onError?: (error: unknown) => void;
}

/**
 * Follows one migration until the guest has come to rest, the cloud calls it failed, or the time limit cancels it. A cloud
 * that does not answer is asked again until the time limit.
 * @returns how it ended; only a guest at rest on the target is a success.
 * @throws the signal's reason when it is aborted: the migration goes on, and is followed again after a restart.
 */
export async function watchMigration(options: WatchOptions): Promise<MigrationEnding> {
  const { clock, limits, askedAgoMs, signal } = options;
  // By the clock that nobody sets: a leap of the machine's own must not cancel a migration, nor let it run for ever.
  const begun = clock.monotonic();
  let pause = limits.firstPauseMs;
  let seenMoving = false;
  const inARow: LooksInARow = { vanished: 0, still: 0 };
  // The grace to start counts from this process's first look: a restart may come long after the cloud was asked.
  const graceEnds = begun + limits.startGraceMs;

  for (;;) {
    const state = await look(options);
    signal.throwIfAborted();
    if (state) {
      options.onState?.(state);
      if (state.phase === 'moving') seenMoving = true;
      const mayStillBegin = !seenMoving && clock.monotonic() < graceEnds;
      const ending = judge(state, options.request, inARow, mayStillBegin);
      if (ending) return ending;
    }
    if (askedAgoMs + (clock.monotonic() - begun) >= limits.timeLimitMs) return cancel(options);
    await clock.sleep(pause, signal);
    pause = Math.min(limits.longestPauseMs, pause * 1.5);
  }
}

async function look({ cloud, request, handle, signal, onError }: WatchOptions): Promise<MigrationState | undefined> {
  try {
    return await cloud.migrationState(request, handle, signal);
  } catch (error) {
    onError?.(error);
    return undefined;
  }
}

/** Looks in a row, up to the last one, that the guest was missing, or at rest on its source. */
interface LooksInARow {
  vanished: number;
  still: number;
}

/** What one look means for the migration, which is added to those before it; `undefined`: look again. */
function judge(
  state: MigrationState,
  { guest, source, target }: MigrationRequest,
  inARow: LooksInARow,
  mayStillBegin: boolean,
): MigrationEnding | undefined {
  inARow.vanished = state.phase === 'vanished' ? inARow.vanished + 1 : 0;
  inARow.still = state.phase === 'settled' && state.hostId === source.id ? inARow.still + 1 : 0;
  switch (state.phase) {
    case 'moving':
      return undefined;
    case 'failed':
      return failed('cloud_failed', `guest ${guest.name} is in status ${state.status}: ${state.reason}`);
    case 'vanished':
      return inARow.vanished < VANISHED_LOOKS
        ? undefined
        : failed('vanished', `guest ${guest.name} is no longer known to the cloud`);
    case 'settled':
      if (state.hostId === target.id) return { outcome: 'success' };
      if (state.hostId !== source.id) {
        return failed('third_host', `guest ${guest.name} came to rest on host ${state.hostId}, not on ${target.name}`);
      }
      if (mayStillBegin || inARow.still < STILL_LOOKS) return undefined;
      return failed(
        'back_on_source',
        `guest ${guest.name} is ${state.status} on its source ${source.name}, it did not move`,
      );
  }
}

function failed(reason: FailureReason, text: string): MigrationEnding {
  return { outcome: 'failed', reason, text };
}

/** Cancels a migration, again and again while it goes on: a cloud may refuse that of one that has not quite begun. */
async function cancel(options: WatchOptions): Promise<MigrationEnding> {
  const { request, limits, clock, signal } = options;
  const begun = clock.monotonic();
  const inARow: LooksInARow = { vanished: 0, still: 0 };
  const limit = `${Math.round(limits.timeLimitMs / 1000)} s`;
  for (let pause = limits.firstPauseMs; ; pause = Math.min(limits.longestPauseMs, pause * 1.5)) {
    const refusal = await refusalToCancel(options);
    if (refusal === undefined) return afterCancel(limit, options);
    const state = await look(options);
    signal.throwIfAborted();
    // It has come to an end by itself meanwhile.
    const ending = state && judge(state, request, inARow, false);
    if (ending) return ending;
    if (clock.monotonic() - begun >= CANCEL_FOR_MS) {
      const text = `migration of ${request.guest.name} was given up after ${limit}`;
      return failed('timed_out', `${text} and could not be cancelled, it may still move: ${refusal}`);
    }
    await clock.sleep(pause, signal);
  }
}

/** Asks the cloud to cancel, if it can; why it has not, undefined if it has. */
async function refusalToCancel({ cloud, request, handle, signal, onError }: WatchOptions): Promise<string | undefined> {
  try {
    await cloud.cancelMigration?.(request, handle, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    onError?.(error);
    return error instanceof Error ? error.message : String(error);
  }
}

async function afterCancel(limit: string, options: WatchOptions): Promise<MigrationEnding> {
  const { cloud, request, limits, clock, signal } = options;
  let last = 'the cloud does not tell where it is';
  for (let looks = 0; looks < LOOKS_AFTER_CANCEL; looks += 1) {
    const state = await look(options);
    signal.throwIfAborted();
    if (state?.phase === 'settled') {
      // It may have arrived between the last look and the cancellation.
      if (state.hostId === request.target.id) return { outcome: 'success' };
      last = `it is ${state.status} on host ${state.hostId === request.source.id ? request.source.name : state.hostId}`;
      break;
    }
    if (state) last = `it is in phase ${state.phase}`;
    await clock.sleep(limits.firstPauseMs, signal);
  }
  const what = cloud.cancelMigration ? 'cancelled' : 'given up';
  return failed('timed_out', `migration of ${request.guest.name} was ${what} after ${limit}; ${last}`);
}
