import { errorMessage } from '../common/error-message.js';
import type { Clock } from '../common/clock.js';
import type { Cloud, Concern, MigrationRequest, MigrationState } from '../fleet/fleet.js';
import type { BatchRecord, Journal, JournalChange, MigrationRecord } from '../journal/journal.js';
import type { MigrationNotes, NewEvent } from '../journal/events.js';
import type { Memory } from '../journal/memory.js';
import { toGivenUp, withGivenUp } from './given-up.js';
import { toRequest } from './request.js';
import type { MigrationEnding, WatchLimits } from './watch.js';
import { watchMigration } from './watch.js';

/** What happened in a batch, for logs and for whoever shows progress. */
export type BatchProgress =
  | { kind: 'asked'; migration: MigrationRecord }
  | { kind: 'state'; migration: MigrationRecord; state: MigrationState }
  | { kind: 'ended'; migration: MigrationRecord; text: string }
  | { kind: 'trouble'; migration: MigrationRecord; error: unknown };

/** What {@link carryOut} needs. */
export interface CarryOutOptions {
  cloud: Cloud;
  journal: Journal;
  clock: Clock;
  limits: WatchLimits;
  /** Moves at once from or to one host. */
  concurrency: number;
  /** Moves at once from one host, and to one host; no more than `concurrency` in any case. */
  perHost?: { source?: number | undefined; target?: number | undefined };
  /** Why a move may not begin now; undefined if it may. What is on its way is followed all the same. */
  closed?: (migration: MigrationRecord) => string | undefined;
  /**
   * Cancels what is under way and begins nothing more once it is aborted; its reason is who wants that (`alice`). Each move then
   * ends as `given_up`, its `migrate_fail` saying whether the cancellation was seen to take, or as `succeeded` if it arrived.
   */
  abort?: AbortSignal;
  /** Told of every step; must not throw. */
  onProgress: (progress: BatchProgress) => void;
  signal: AbortSignal;
}

/** How long a move waits where only moves that were given up take its room, ms. */
const WAIT_FOR_GIVEN_UP_MS = 300_000;

/** Phases after which a move is no longer touched. */
const ENDED: readonly MigrationRecord['phase'][] = ['succeeded', 'failed', 'error', 'given_up'];

export function hasEnded({ phase }: MigrationRecord): boolean {
  return ENDED.includes(phase);
}

/** Whether the cloud has been asked for a move that has not ended. */
export function isUnderWay({ phase }: MigrationRecord): boolean {
  return phase === 'asking' || phase === 'moving';
}

/**
 * Carries out the moves of a batch that have not ended: starts them in order, follows each to its end. What was asked of the
 * cloud before a restart is followed and never asked again. The failure of one move does not touch the others.
 * The record is changed in place and kept in the journal at each step, before the cloud is asked and after it has answered.
 * @throws the signal's reason when it is aborted, with every move as it stands kept in the journal.
 */
export async function carryOut(batch: BatchRecord, options: CarryOutOptions): Promise<void> {
  const onTheWay = new Map<MigrationRecord, Promise<void>>();
  const follow = (migration: MigrationRecord) => {
    const end = finish(batch, migration, options).finally(() => onTheWay.delete(migration));
    // A rejection (the signal) is taken up by the awaits below; this keeps it from being unhandled meanwhile.
    end.catch(() => undefined);
    onTheWay.set(migration, end);
  };

  try {
    for (const migration of batch.migrations) {
      if (isUnderWay(migration)) follow(migration);
    }
    for (const migration of batch.migrations) {
      if (migration.phase !== 'planned') continue;
      const crowded = await untilThereIsRoom(migration, onTheWay, options);
      options.signal.throwIfAborted();
      if (crowded !== undefined) await leave(batch, migration, crowded, options);
      else if (await ask(batch, migration, options)) follow(migration);
    }
    await Promise.all(onTheWay.values());
  } catch (error) {
    // For how long each move was followed; without it the next process gives it a little longer.
    if (options.signal.aborted) await keep(batch, {}, options).catch(() => undefined);
    throw error;
  }
}

/**
 * Waits while one of a move's two hosts has as many moves on their way as it may have.
 * @returns why there is no room, where only moves that were given up take it, for long: they may never end.
 */
async function untilThereIsRoom(
  migration: MigrationRecord,
  onTheWay: Map<MigrationRecord, Promise<void>>,
  options: CarryOutOptions,
): Promise<string | undefined> {
  const { clock, journal, limits, signal } = options;
  const { source, target } = endsOf(migration);
  const begun = clock.monotonic();
  for (;;) {
    const givenUp = journal.memory().underWay;
    if (!isFull(migration, [...onTheWay.keys(), ...givenUp], options)) return undefined;
    if (onTheWay.size > 0) {
      await Promise.race(onTheWay.values());
      continue;
    }
    if (clock.monotonic() - begun >= WAIT_FOR_GIVEN_UP_MS) {
      const { guest, target_host: to } =
        givenUp.find((move) => touches(move, source) || touches(move, target))?.notes ?? {};
      return `guest ${guest?.name} may still be on its way to ${to?.name}, and takes the room`;
    }
    await clock.sleep(limits.longestPauseMs, signal);
  }
}

/** Whether one of a move's two hosts has as many moves on their way as it may have. */
function isFull(
  migration: MigrationRecord,
  underWay: readonly Pick<MigrationRecord, 'notes'>[],
  { concurrency, perHost }: CarryOutOptions,
): boolean {
  const { source, target } = endsOf(migration);
  const touching = (host: string) => underWay.filter((move) => touches(move, host)).length;
  const leaving = underWay.filter((move) => endsOf(move).source === source).length;
  const coming = underWay.filter((move) => endsOf(move).target === target).length;
  return (
    Math.max(touching(source), touching(target)) >= concurrency ||
    leaving >= (perHost?.source ?? Infinity) ||
    coming >= (perHost?.target ?? Infinity)
  );
}

function touches(move: Pick<MigrationRecord, 'notes'>, host: string): boolean {
  const { source, target } = endsOf(move);
  return source === host || target === host;
}

function endsOf({ notes }: Pick<MigrationRecord, 'notes'>): { source: string; target: string } {
  return { source: notes.guest.host_id, target: notes.target_host.id };
}

/** Asks the cloud for one move. Resolves with whether it is to be followed. */
async function ask(batch: BatchRecord, migration: MigrationRecord, options: CarryOutOptions): Promise<boolean> {
  const { cloud, clock, onProgress, signal } = options;
  const request = toRequest(migration);

  const { abort } = options;
  const whyClosed = () => (abort?.aborted ? `cancelled by ${String(abort.reason)}` : options.closed?.(migration));
  const before = whyClosed();
  const outdated = before === undefined ? await whyOutdated(request, options) : undefined;
  signal.throwIfAborted();
  // Again: a person may have stopped it during the look, and has been told that nothing more begins.
  const closed = before ?? whyClosed();
  if (closed !== undefined) {
    await leave(batch, migration, closed, options);
    return false;
  }
  if (outdated !== undefined) {
    await end(batch, migration, { phase: 'given_up', action: 'migrate_error', text: outdated }, options);
    return false;
  }

  migration.phase = 'asking';
  migration.asked_at = new Date(clock.now()).toISOString();
  try {
    // From this write on, a restart follows the move and does not ask for it again.
    const asked = { ...event(batch, migration, 'migrating'), ...explanationFor(batch, migration) };
    await keep(batch, { events: [asked] }, options);
  } catch (error) {
    const text = `not asked for: ${errorMessage(error)}`;
    await end(batch, migration, { phase: 'given_up', action: 'migrate_error', text }, options);
    return false;
  }
  onProgress({ kind: 'asked', migration });
  try {
    // Without the signal: a request that is on its way must not be torn off, its answer decides what is kept.
    const start = await cloud.startMigration(request);
    if (!start.accepted) {
      const text = `${cloud.name} refused: ${start.reason}`;
      blame(migration, start);
      await end(batch, migration, { phase: 'error', action: 'migrate_error', text }, options);
      return false;
    }
    migration.phase = 'moving';
    if (start.handle !== undefined) migration.handle = start.handle;
    await keep(batch, {}, options);
  } catch (error) {
    // The request may have arrived although no answer came: look whether it took, never ask twice.
    onProgress({ kind: 'trouble', migration, error });
  }
  return true;
}

/** Leaves a move that the rule may no longer begin. */
async function leave(batch: BatchRecord, migration: MigrationRecord, why: string, options: CarryOutOptions) {
  const { rule, notes } = migration;
  const text = `left out: ${notes.guest.name} to ${notes.target_host.name}; ${why}`;
  migration.phase = 'given_up';
  const limited = { text, left_out: [notes] };
  const base = { obj_name: rule, user: batch.sender, batch: batch.id };
  await keepAtLast(batch, { events: [{ ...base, action: 'limited', notes: limited }] }, options, migration);
  options.onProgress({ kind: 'ended', migration, text });
}

/** Why the move can no longer be made: the fleet may have changed since the plan, and during the moves before this one. */
async function whyOutdated(
  request: MigrationRequest,
  { cloud, journal, signal }: CarryOutOptions,
): Promise<string | undefined> {
  const { guest, source } = request;
  const earlier = journal.memory().underWay.find(({ notes }) => notes.guest.id === guest.id);
  if (earlier) return `guest ${guest.name} may still be on its way to ${earlier.notes.target_host.name}`;
  try {
    let state = await cloud.migrationState(request, undefined, signal);
    if (state.phase === 'failed' && cloud.afterFailure) {
      // What an earlier migration has left behind says nothing about this one once the cloud has looked again.
      await cloud.afterFailure(request, signal);
      state = await cloud.migrationState(request, undefined, signal);
    }
    switch (state.phase) {
      case 'vanished':
        return `guest ${guest.name} is no longer known to the cloud`;
      case 'moving':
        return `guest ${guest.name} is already being moved (${state.status})`;
      case 'failed':
        return `guest ${guest.name} is in status ${state.status}`;
      case 'settled':
        if (state.hostId !== source.id) return `guest ${guest.name} is no longer on host ${source.name}`;
        return state.status === 'running' ? undefined : `guest ${guest.name} is ${state.status}, not running`;
    }
  } catch (error) {
    return `not asked for, its state is unknown: ${errorMessage(error)}`;
  }
}

async function finish(batch: BatchRecord, migration: MigrationRecord, options: CarryOutOptions): Promise<void> {
  const { cloud, clock, limits, onProgress, signal } = options;
  const request = toRequest(migration);
  const onError = (error: unknown) => onProgress({ kind: 'trouble', migration, error });
  // What stood on the machine's clock when the cloud was asked says nothing about how long ago that is: the clock may have been
  // set since, and what passed while nobody followed is unknown. Only time that was followed counts, over restarts too.
  const followedMs = migration.followed_ms ?? 0;
  const begun = clock.monotonic();
  const ending = await watchMigration({
    cloud,
    clock,
    limits,
    request,
    handle: migration.handle,
    followedMs,
    signal,
    abort: options.abort,
    onState: (state) => {
      migration.followed_ms = Math.round(followedMs + clock.monotonic() - begun);
      onProgress({ kind: 'state', migration, state });
    },
    onError,
  });
  if (ending.outcome === 'failed') {
    await cloud.afterFailure?.(request, signal).catch(onError);
  }
  await record(batch, migration, ending, options);
}

async function record(
  batch: BatchRecord,
  migration: MigrationRecord,
  ending: MigrationEnding,
  options: CarryOutOptions,
) {
  const { notes } = migration;
  if (ending.outcome === 'success') {
    const text = `guest ${notes.guest.name} runs on ${notes.target_host.name}`;
    await end(batch, migration, { phase: 'succeeded', action: 'migrate_success', text }, options);
    return;
  }
  const { reason, text, stillUnderWay } = ending;
  blame(migration, ending);
  if (stillUnderWay) migration.still_under_way = true;
  const toCancel = reason !== 'never_started';
  const memory =
    stillUnderWay &&
    ((before: Memory) => withGivenUp(before, [toGivenUp(migration, batch.id, toCancel, options.clock.now())]));
  if (reason === 'cancelled') {
    const cancelled = { phase: 'given_up', action: 'migrate_fail', text, cancelled: true } as const;
    await end(batch, migration, cancelled, options, memory);
  } else if (migration.phase === 'asking' && reason === 'never_started') {
    migration.unanswered = true;
    const unanswered = `the request had no answer and was not repeated; ${text}`;
    await end(batch, migration, { phase: 'error', action: 'migrate_error', text: unanswered }, options, memory);
  } else {
    await end(batch, migration, { phase: 'failed', action: 'migrate_fail', text }, options, memory);
  }
}

/** Keeps with a move what its failure is about, where the cloud tells. */
function blame(migration: MigrationRecord, { concerns }: Concern): void {
  if (concerns) migration.notes = { ...migration.notes, concerns };
}

/** How a move has ended, and what its event says. */
interface End {
  phase: MigrationRecord['phase'];
  action: 'migrate_success' | 'migrate_fail' | 'migrate_error';
  text: string;
  /** By a person. */
  cancelled?: true;
}

async function end(
  batch: BatchRecord,
  migration: MigrationRecord,
  { phase, action, text, cancelled }: End,
  options: CarryOutOptions,
  memory?: (before: Memory) => Memory,
): Promise<void> {
  migration.phase = phase;
  const told = { ...(action !== 'migrate_success' && { reason: text }), ...(cancelled && { cancelled }) };
  const events = [event(batch, migration, action, told)];
  await keepAtLast(batch, { events, ...(memory && { memory }) }, options, migration);
  options.onProgress({ kind: 'ended', migration, text });
}

function event(
  batch: BatchRecord,
  { rule, notes }: MigrationRecord,
  action: 'migrating' | 'migrate_success' | 'migrate_fail' | 'migrate_error',
  told: Pick<MigrationNotes, 'reason' | 'cancelled'> = {},
): NewEvent {
  return { obj_name: rule, user: batch.sender, action, notes: { ...notes, ...told }, batch: batch.id };
}

/** The explanation of the plan goes with the first of its moves. */
function explanationFor({ parts }: BatchRecord, { rule }: MigrationRecord): Pick<NewEvent, 'explanation'> {
  const part = parts.find((it) => it.rule === rule);
  if (!part?.explanation) return {};
  const { explanation } = part;
  delete part.explanation;
  return { explanation };
}

/** What is kept together with the record of a batch. */
type Change = Pick<JournalChange, 'events' | 'memory'>;

async function keep(batch: BatchRecord, change: Change, { journal }: CarryOutOptions): Promise<void> {
  await journal.commit({ ...change, batch });
}

/** Keeps the end of a move however long the journal refuses (a full disk): it has happened and must not be lost. */
async function keepAtLast(batch: BatchRecord, change: Change, options: CarryOutOptions, migration: MigrationRecord) {
  let pause = options.limits.firstPauseMs;
  for (;;) {
    try {
      await keep(batch, change, options);
      return;
    } catch (error) {
      options.onProgress({ kind: 'trouble', migration, error });
      await options.clock.sleep(pause, options.signal);
      pause = Math.min(options.limits.longestPauseMs, pause * 1.5);
    }
  }
}
