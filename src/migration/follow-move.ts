import type { BatchRecord, MigrationRecord } from '../journal/journal.js';
import type { Memory } from '../journal/memory.js';
import type { CarryOutOptions } from './carry-out-options.js';
import { toGivenUp, withGivenUp } from './given-up.js';
import { blame, end } from './move-record.js';
import { toRequest } from './request.js';
import type { MigrationEnding } from './watch.js';
import { watchMigration } from './watch.js';

/** Follows one move that the cloud was asked for to its end, and keeps how it has ended. */
export async function followToEnd(
  batch: BatchRecord,
  migration: MigrationRecord,
  options: CarryOutOptions,
): Promise<void> {
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
