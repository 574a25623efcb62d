import { errorMessage } from '../common/error-message.js';
import type { Clock } from '../common/clock.js';
import type { Cloud, MigrationRequest, MigrationState } from '../fleet/fleet.js';
import type { BatchRecord, Journal, MigrationRecord } from '../journal/journal.js';
import type { MigrationNotes, NewEvent } from '../journal/events.js';
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

/** Phases after which a move is no longer touched. */
const ENDED: readonly MigrationRecord['phase'][] = ['succeeded', 'failed', 'error', 'given_up'];

export function hasEnded({ phase }: MigrationRecord): boolean {
  return ENDED.includes(phase);
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

  for (const migration of batch.migrations) {
    if (migration.phase === 'asking' || migration.phase === 'moving') follow(migration);
  }
  for (const migration of batch.migrations) {
    if (migration.phase !== 'planned') continue;
    while (isFull(migration, onTheWay, options)) await Promise.race(onTheWay.values());
    options.signal.throwIfAborted();
    if (await ask(batch, migration, options)) follow(migration);
  }
  await Promise.all(onTheWay.values());
}

/** Whether one of a move's two hosts has as many moves on their way as it may have. */
function isFull(
  migration: MigrationRecord,
  onTheWay: Map<MigrationRecord, unknown>,
  { concurrency, perHost }: CarryOutOptions,
): boolean {
  const { source, target } = endsOf(migration);
  const others = [...onTheWay.keys()].map(endsOf);
  const touching = (host: string) => others.filter((other) => other.source === host || other.target === host).length;
  const leaving = others.filter((other) => other.source === source).length;
  const coming = others.filter((other) => other.target === target).length;
  return (
    Math.max(touching(source), touching(target)) >= concurrency ||
    leaving >= (perHost?.source ?? Infinity) ||
    coming >= (perHost?.target ?? Infinity)
  );
}

function endsOf({ notes }: MigrationRecord): { source: string; target: string } {
  return { source: notes.guest.host_id, target: notes.target_host.id };
}

/** The request behind a move's record. */
export function toRequest({
  notes: { guest, target_host },
  options,
}: Pick<MigrationRecord, 'notes' | 'options'>): MigrationRequest {
  const { id, name, vcpu_count, vmem_size, host, host_id } = guest;
  return {
    guest: { id, name, vcpu_count, vmem_size, host_id, status: 'running' },
    source: { id: host_id, name: host },
    target: { id: target_host.id, name: target_host.name },
    ...(options && { options }),
  };
}

/** Asks the cloud for one move. Resolves with whether it is to be followed. */
async function ask(batch: BatchRecord, migration: MigrationRecord, options: CarryOutOptions): Promise<boolean> {
  const { cloud, clock, onProgress, signal } = options;
  const request = toRequest(migration);

  const { abort } = options;
  const whyClosed = () => (abort?.aborted ? `cancelled by ${String(abort.reason)}` : options.closed?.(migration));
  const before = whyClosed();
  const obstacle = before === undefined ? await obstacleTo(request, options) : undefined;
  signal.throwIfAborted();
  // Again: a person may have stopped it during the look, and has been told that nothing more begins.
  const closed = before ?? whyClosed();
  if (closed !== undefined) {
    await leave(batch, migration, closed, options);
    return false;
  }
  if (obstacle !== undefined) {
    await end(batch, migration, 'given_up', 'migrate_error', obstacle, options);
    return false;
  }

  migration.phase = 'asking';
  migration.asked_at = new Date(clock.now()).toISOString();
  try {
    // From this write on, a restart follows the move and does not ask for it again.
    await keep(batch, [{ ...event(batch, migration, 'migrating'), ...explanationFor(batch, migration) }], options);
  } catch (error) {
    await end(batch, migration, 'given_up', 'migrate_error', `not asked for: ${errorMessage(error)}`, options);
    return false;
  }
  onProgress({ kind: 'asked', migration });
  try {
    // Without the signal: a request that is on its way must not be torn off, its answer decides what is kept.
    const start = await cloud.startMigration(request);
    if (!start.accepted) {
      await end(batch, migration, 'error', 'migrate_error', `${cloud.name} refused: ${start.reason}`, options);
      return false;
    }
    migration.phase = 'moving';
    if (start.handle !== undefined) migration.handle = start.handle;
    await keep(batch, [], options);
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
  await keepAtLast(batch, [{ ...base, action: 'limited', notes: limited }], options, migration);
  options.onProgress({ kind: 'ended', migration, text });
}

/** Why the move can no longer be made: the fleet may have changed since the plan, and during the moves before this one. */
async function obstacleTo(request: MigrationRequest, { cloud, signal }: CarryOutOptions): Promise<string | undefined> {
  const { guest, source } = request;
  try {
    const state = await cloud.migrationState(request, undefined, signal);
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
  const ending = await watchMigration({
    cloud,
    clock,
    limits,
    request,
    handle: migration.handle,
    askedAgoMs: sinceAsked(migration, clock),
    signal,
    abort: options.abort,
    onState: (state) => onProgress({ kind: 'state', migration, state }),
    onError,
  });
  if (ending.outcome === 'failed') {
    await cloud.afterFailure?.(request, signal).catch(onError);
  }
  await record(batch, migration, ending, options);
}

/** ms; none if the clock has been put back since. */
function sinceAsked({ asked_at }: MigrationRecord, clock: Clock): number {
  const ago = clock.now() - Date.parse(asked_at ?? '');
  return ago > 0 ? ago : 0;
}

async function record(
  batch: BatchRecord,
  migration: MigrationRecord,
  ending: MigrationEnding,
  options: CarryOutOptions,
) {
  const { notes } = migration;
  if (ending.outcome === 'success') {
    const arrived = `guest ${notes.guest.name} runs on ${notes.target_host.name}`;
    await end(batch, migration, 'succeeded', 'migrate_success', arrived, options);
  } else if (ending.reason === 'cancelled') {
    await end(batch, migration, 'given_up', 'migrate_fail', ending.text, options);
  } else if (migration.phase === 'asking' && ending.reason === 'never_started') {
    migration.unanswered = true;
    const text = `the request had no answer and was not repeated; ${ending.text}`;
    await end(batch, migration, 'error', 'migrate_error', text, options);
  } else {
    await end(batch, migration, 'failed', 'migrate_fail', ending.text, options);
  }
}

async function end(
  batch: BatchRecord,
  migration: MigrationRecord,
  phase: MigrationRecord['phase'],
  action: 'migrate_success' | 'migrate_fail' | 'migrate_error',
  text: string,
  options: CarryOutOptions,
): Promise<void> {
  migration.phase = phase;
  const reason = action === 'migrate_success' ? undefined : text;
  await keepAtLast(batch, [event(batch, migration, action, reason)], options, migration);
  options.onProgress({ kind: 'ended', migration, text });
}

function event(
  batch: BatchRecord,
  { rule, notes }: MigrationRecord,
  action: 'migrating' | 'migrate_success' | 'migrate_fail' | 'migrate_error',
  reason?: string,
): NewEvent {
  const full: MigrationNotes = reason === undefined ? notes : { ...notes, reason };
  return { obj_name: rule, user: batch.sender, action, notes: full, batch: batch.id };
}

/** The explanation of the plan goes with the first of its moves. */
function explanationFor({ parts }: BatchRecord, { rule }: MigrationRecord): Pick<NewEvent, 'explanation'> {
  const part = parts.find((it) => it.rule === rule);
  if (!part?.explanation) return {};
  const { explanation } = part;
  delete part.explanation;
  return { explanation };
}

async function keep(batch: BatchRecord, events: NewEvent[], { journal }: CarryOutOptions): Promise<void> {
  await journal.commit({ events, batch });
}

/** Keeps the end of a move however long the journal refuses (a full disk): it has happened and must not be lost. */
async function keepAtLast(
  batch: BatchRecord,
  events: NewEvent[],
  options: CarryOutOptions,
  migration: MigrationRecord,
) {
  let pause = options.limits.firstPauseMs;
  for (;;) {
    try {
      await keep(batch, events, options);
      return;
    } catch (error) {
      options.onProgress({ kind: 'trouble', migration, error });
      await options.clock.sleep(pause, options.signal);
      pause = Math.min(options.limits.longestPauseMs, pause * 1.5);
    }
  }
}
