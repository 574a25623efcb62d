import type { BatchRecord, MigrationRecord } from '../journal/journal.js';
import type { GivenUpMove } from '../journal/memory.js';
import { ask } from './ask-for-move.js';
import type { CarryOutOptions } from './carry-out-options.js';
import { followToEnd } from './follow-move.js';
import { isUnderWay, keep, leave } from './move-record.js';
import type { WaitedMs } from './room-on-hosts.js';
import { untilThereIsRoom } from './room-on-hosts.js';

/**
 * Carries out the moves of a batch that have not ended: starts them in order, follows each to its end. What was asked of the
 * cloud before a restart is followed and never asked again. The failure of one move does not touch the others.
 * The record is changed in place and kept in the journal at each step, before the cloud is asked and after it has answered.
 * @throws the signal's reason when it is aborted, with every move as it stands kept in the journal.
 */
export async function carryOut(batch: BatchRecord, options: CarryOutOptions): Promise<void> {
  const onTheWay = new Map<MigrationRecord, Promise<void>>();
  const waitedMs: WaitedMs = new Map();
  const givenUpBefore = options.journal.memory().underWay;
  const follow = (migration: MigrationRecord) => {
    const end = followToEnd(batch, migration, options).finally(() => onTheWay.delete(migration));
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
      const crowded = await untilThereIsRoom(batch, migration, { onTheWay, waitedMs }, options);
      const whyNot = crowded ?? (await whyOvertaken(migration, givenUpBefore, options));
      options.signal.throwIfAborted();
      if (whyNot !== undefined) await leave(batch, migration, whyNot, options);
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
 * Why a move may not be needed any more: a guest that was given up before has left the same host after all, and the plan was
 * made on readings with its load. Whoever plans next goes by what is there then.
 * @param givenUpBefore - the moves that were given up and still followed when the batch began to move.
 */
async function whyOvertaken(
  { rule, notes: { guest } }: MigrationRecord,
  givenUpBefore: readonly GivenUpMove[],
  { journal, onOvertaken }: CarryOutOptions,
): Promise<string | undefined> {
  const { underWay } = journal.memory();
  for (const { batch, notes: earlier } of givenUpBefore) {
    const isStill = underWay.some((move) => move.batch === batch && move.notes.guest.id === earlier.guest.id);
    if (isStill || earlier.guest.host_id !== guest.host_id) continue;
    const arrivals = await journal.events({ batch, guest: earlier.guest.id, action: 'migrate_success' });
    if (arrivals.length === 0) continue;
    onOvertaken?.(rule);
    return `guest ${earlier.guest.name} has left host ${guest.host} after all, which the plan did not count on`;
  }
  return undefined;
}
