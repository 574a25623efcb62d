import { errorMessage } from '../common/error-message.js';
import type { MigrationRequest } from '../fleet/fleet.js';
import type { BatchRecord, MigrationRecord } from '../journal/journal.js';
import type { CarryOutOptions } from './carry-out-options.js';
import { blame, end, keep, keepAsked, leave } from './move-record.js';
import { toRequest } from './request.js';

/** Asks the cloud for one move. Resolves with whether it is to be followed. */
export async function ask(batch: BatchRecord, migration: MigrationRecord, options: CarryOutOptions): Promise<boolean> {
  const { cloud, clock, onProgress, signal } = options;
  const request = toRequest(migration);

  const before = whyClosed(migration, options) ?? (await whyOverBudget(migration, options));
  const outdated = before === undefined ? await whyOutdated(request, options) : undefined;
  signal.throwIfAborted();
  // Again: a person may have stopped it during the look, and has been told that nothing more begins.
  const closed = before ?? whyClosed(migration, options);
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
    await keepAsked(batch, migration, options);
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

/** Why a move may not begin now: a person has stopped it, or its rule no longer allows it; undefined if it may. */
export function whyClosed(migration: MigrationRecord, { abort, closed }: CarryOutOptions): string | undefined {
  return abort?.aborted ? `cancelled by ${String(abort.reason)}` : closed?.(migration);
}

/** A budget may have been spent or cut since the plan. */
async function whyOverBudget(
  migration: MigrationRecord,
  { overBudget, signal }: CarryOutOptions,
): Promise<string | undefined> {
  try {
    return await overBudget?.(migration);
  } catch (error) {
    signal.throwIfAborted();
    return `how much of the budgets is left is unknown: ${errorMessage(error)}`;
  }
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
