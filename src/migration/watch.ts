import { errorMessage } from '../common/error-message.js';
import type { Clock } from '../common/clock.js';
import type { Cloud, Concern, MigrationRequest, MigrationState } from '../fleet/fleet.js';

/** Why a migration that was asked for did not end on its target; `cancelled`: somebody wanted it to stop. */
export type FailureReason =
  'cloud_failed' | 'back_on_source' | 'never_started' | 'third_host' | 'vanished' | 'timed_out' | 'cancelled';

/**
 * How the watching of a migration ended. `stillUnderWay`: it was given up, and neither has the cloud said that it is over nor was
 * a cancellation seen to take: the guest may still move.
 */
export type MigrationEnding =
  { outcome: 'success' } | ({ outcome: 'failed'; reason: FailureReason; text: string; stillUnderWay?: true } & Concern);

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
/** How long a cloud that refuses to cancel a migration that took too long is asked again, ms. */
const CANCEL_FOR_MS = 600_000;
/** The same where a person waits for the answer. */
const CANCEL_FOR_PERSON_MS = 60_000;
/** How often the guest is looked at after a cancellation, to see whether it has taken. */
const LOOKS_AFTER_CANCEL = 8;

/** What a look at one migration needs. */
export interface LookOptions {
  cloud: Cloud;
  clock: Clock;
  limits: WatchLimits;
  request: MigrationRequest;
  handle: string | undefined;
  signal: AbortSignal;
  /** A look that failed; the watching goes on. */
  onError?: (error: unknown) => void;
}

/** What {@link watchMigration} needs. */
export interface WatchOptions extends LookOptions {
  /** How long it was followed before, ms: the time limit counts that, over restarts too. */
  followedMs: number;
  /** Aborted by whoever wants the migration cancelled; its reason is who: `cancelled by ${reason}`. */
  abort?: AbortSignal | undefined;
  onState?: (state: MigrationState) => void;
}

/**
 * Follows one migration until the guest has come to rest, the cloud calls it failed, or it is cancelled: by the time limit, or
 * by a person. One that does not begin is cancelled too, so that it does not begin later. A cloud that does not answer is asked
 * again until the time limit.
 * @returns how it ended; only a guest at rest on the target is a success.
 * @throws the signal's reason when it is aborted: the migration goes on, and is followed again after a restart.
 */
export async function watchMigration(options: WatchOptions): Promise<MigrationEnding> {
  const { clock, limits, followedMs, signal, abort } = options;
  // By the clock that nobody sets: a leap of the machine's own must not cancel a migration, nor let it run for ever.
  const begun = clock.monotonic();
  let pause = limits.firstPauseMs;
  const looks = noLooks();
  // The grace to start counts from this process's first look: a restart may come long after the cloud was asked.
  const graceEnds = begun + limits.startGraceMs;
  const causeToCancel = (): Cause | undefined => {
    const now = clock.monotonic();
    if (abort?.aborted) return asked(abort);
    if (followedMs + (now - begun) >= limits.timeLimitMs) return tooLong(limits);
    return !looks.seenMoving && isStill(looks) && now >= graceEnds ? notBegun(limits) : undefined;
  };

  for (;;) {
    const state = await look(options);
    signal.throwIfAborted();
    if (state) {
      options.onState?.(state);
      const ending = judge(state, options.request, looks);
      if (ending) return ending;
    }
    const cause = causeToCancel();
    const ending = cause && (await cancel(cause, looks, options));
    if (ending) return ending;
    await sleepUnlessAborted(pause, options);
    pause = Math.min(limits.longestPauseMs, pause * 1.5);
  }
}

async function sleepUnlessAborted(ms: number, { clock, signal, abort }: WatchOptions): Promise<void> {
  try {
    await clock.sleep(ms, abort ? AbortSignal.any([signal, abort]) : signal);
  } catch (error) {
    if (signal.aborted || !abort?.aborted) throw error;
  }
}

/** One look; undefined where the cloud does not answer. */
export async function look({
  cloud,
  request,
  handle,
  signal,
  onError,
}: LookOptions): Promise<MigrationState | undefined> {
  try {
    return await cloud.migrationState(request, handle, signal);
  } catch (error) {
    onError?.(error);
    return undefined;
  }
}

/** What the looks at a guest have shown so far. */
export interface Looks {
  /** In a row, up to the last one, that the guest was missing, or at rest on its source. */
  vanished: number;
  still: number;
  seenMoving: boolean;
}

/** Before the first look. */
export const noLooks = (): Looks => ({ vanished: 0, still: 0, seenMoving: false });

/** Whether the guest is at rest on its source for more than a moment. */
export function isStill({ still }: Looks): boolean {
  return still >= STILL_LOOKS;
}

/**
 * What one look means for a migration, which is added to those before it.
 * @returns undefined: look again. A guest that rests on its source and was never seen moving may still begin.
 */
export function judge(
  state: MigrationState,
  { guest, source, target }: MigrationRequest,
  looks: Looks,
): MigrationEnding | undefined {
  looks.vanished = state.phase === 'vanished' ? looks.vanished + 1 : 0;
  looks.still = state.phase === 'settled' && state.hostId === source.id ? looks.still + 1 : 0;
  switch (state.phase) {
    case 'moving':
      looks.seenMoving = true;
      return undefined;
    case 'failed': {
      const { status, reason, concerns } = state;
      const text = `guest ${guest.name} is in status ${status}: ${reason}`;
      return { ...failed('cloud_failed', text), ...(concerns && { concerns }) };
    }
    case 'vanished':
      return looks.vanished < VANISHED_LOOKS
        ? undefined
        : failed('vanished', `guest ${guest.name} is no longer known to the cloud`);
    case 'settled':
      if (state.hostId === target.id) return { outcome: 'success' };
      if (state.hostId !== source.id) {
        return failed('third_host', `guest ${guest.name} came to rest on host ${state.hostId}, not on ${target.name}`);
      }
      if (!looks.seenMoving || !isStill(looks)) return undefined;
      return failed('back_on_source', `guest ${guest.name} is ${state.status} on its source ${source.name} again`);
  }
}

function failed(reason: FailureReason, text: string): Extract<MigrationEnding, { outcome: 'failed' }> {
  return { outcome: 'failed', reason, text };
}

/** Why a migration is cancelled. */
interface Cause {
  reason: FailureReason;
  /** Goes behind "cancelled". */
  words: string;
  /** How long a cloud that refuses is asked again, ms. */
  forMs: number;
}

const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;

function tooLong({ timeLimitMs }: WatchLimits): Cause {
  return { reason: 'timed_out', words: `after ${seconds(timeLimitMs)}`, forMs: CANCEL_FOR_MS };
}

function notBegun({ startGraceMs }: WatchLimits): Cause {
  return { reason: 'never_started', words: `as it did not begin within ${seconds(startGraceMs)}`, forMs: 0 };
}

function asked({ reason }: AbortSignal): Cause {
  return { reason: 'cancelled', words: `by ${String(reason)}`, forMs: CANCEL_FOR_PERSON_MS };
}

/**
 * Cancels a migration, again and again while it goes on: a cloud may refuse that of one that has not quite begun.
 * @returns undefined where one that had not begun turns out to have begun: it may go on.
 */
async function cancel(
  { reason, words, forMs }: Cause,
  looks: Looks,
  options: WatchOptions,
): Promise<MigrationEnding | undefined> {
  const { request, limits, clock, signal } = options;
  const begun = clock.monotonic();
  const { name } = request.guest;
  for (let pause = limits.firstPauseMs; ; pause = Math.min(limits.longestPauseMs, pause * 1.5)) {
    const cancelled = await tryToCancel(options);
    if (cancelled.took) {
      if (cancelled.hostId === request.target.id) return { outcome: 'success' };
      return failed(reason, `migration of ${name} was cancelled ${words}, seen to take; ${cancelled.text}`);
    }
    const state = await look(options);
    signal.throwIfAborted();
    // It has come to an end by itself meanwhile.
    const ending = state && judge(state, request, looks);
    if (ending) return ending;
    if (reason === 'never_started' && looks.seenMoving) return undefined;
    if (!options.cloud.cancelMigration || clock.monotonic() - begun >= forMs) {
      const text = `migration of ${name} was to be cancelled ${words}: the cancellation did not take; still followed`;
      return { ...failed(reason, `${text} (${cancelled.text})`), stillUnderWay: true };
    }
    await clock.sleep(pause, signal);
  }
}

/** Whether a cancellation has been seen to take, and where the guest came to rest if it has; `text`: what the cloud says. */
export type Cancelled = { took: true; hostId?: string; text: string } | { took: false; text: string };

/**
 * Asks the cloud once to cancel, and looks whether that has taken: it has where the cloud does not object and the guest is
 * seen at rest, or gone, afterwards.
 */
export async function tryToCancel(options: LookOptions): Promise<Cancelled> {
  const { cloud, request, handle, limits, clock, signal, onError } = options;
  if (!cloud.cancelMigration) return { took: false, text: `${cloud.name} cannot cancel` };
  try {
    await cloud.cancelMigration(request, handle, signal);
  } catch (error) {
    signal.throwIfAborted();
    onError?.(error);
    return { took: false, text: errorMessage(error) };
  }
  let text = 'the cloud does not tell where it is';
  for (let count = 0, still = 0; count < LOOKS_AFTER_CANCEL; count += 1) {
    const state = await look(options);
    signal.throwIfAborted();
    if (state?.phase === 'settled') {
      const { status, hostId } = state;
      still += 1;
      text = `it is ${status} on host ${nameOf(hostId, request)}`;
      if (hostId !== request.source.id || still >= STILL_LOOKS) return { took: true, hostId, text };
    } else still = 0;
    if (state?.phase === 'failed') return { took: true, text: `it is in status ${state.status}: ${state.reason}` };
    if (state?.phase === 'moving' || state?.phase === 'vanished') text = `it is in phase ${state.phase}`;
    await clock.sleep(limits.firstPauseMs, signal);
  }
  return { took: false, text };
}

function nameOf(hostId: string, { source, target }: MigrationRequest): string {
  return [source, target].find(({ id }) => id === hostId)?.name ?? hostId;
}
