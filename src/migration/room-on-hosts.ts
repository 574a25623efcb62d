import type { BatchRecord, MigrationRecord } from '../journal/journal.js';
import { whyClosed } from './ask-for-move.js';
import type { CarryOutOptions } from './carry-out-options.js';

/** How long a move waits where only moves that this batch does not follow take its room, ms. */
const WAIT_FOR_OTHERS_MS = 300_000;
/** How old what the cloud tells of the guests that others move may be before a move begins, and while one waits for them, ms. */
const OLDEST_LOOK_MS = 60_000;
const OLDEST_LOOK_WAITING_MS = 15_000;

/** A guest on its way. */
interface GuestOnTheWay {
  guest: string;
  sourceId: string;
  /** Unknown where others move it. */
  targetId?: string;
  /** Who moves it, as a sentence about the room that it takes. */
  text: string;
}

/** What a batch has waited for so far, by host: ms in which only guests that it does not follow took the room there. */
export type WaitedMs = Map<string, number>;

/**
 * Waits while one of a move's two hosts has as many guests on their way as it may have, whoever moves them; not any longer once
 * the move may not begin anyway.
 * @param onTheWay - the moves of this batch that are followed.
 * @param waitedMs - grows by what this waits: what takes the room for ever holds a batch up once, not each of its moves.
 * @returns why there is no room, where only guests that this batch does not follow take it, for long: they may never end.
 */
export async function untilThereIsRoom(
  batch: BatchRecord,
  migration: MigrationRecord,
  { onTheWay, waitedMs }: { onTheWay: Map<MigrationRecord, Promise<void>>; waitedMs: WaitedMs },
  options: CarryOutOptions,
): Promise<string | undefined> {
  const { clock, journal, limits, signal } = options;
  const { sourceId, targetId } = endsOf(migration);
  for (let isWaiting = false; whyClosed(migration, options) === undefined;) {
    const givenUp = journal.memory().underWay.map(endsOf);
    const others = await movedByOthers(batch, migration, isWaiting ? OLDEST_LOOK_WAITING_MS : OLDEST_LOOK_MS, options);
    signal.throwIfAborted();
    const notOurs = [...givenUp, ...others];
    if (!isFull(migration, [...[...onTheWay.keys()].map(endsOf), ...notOurs], options)) return undefined;
    isWaiting = onTheWay.size === 0;
    if (!isWaiting) {
      await Promise.race(onTheWay.values());
      continue;
    }
    const taken = [sourceId, targetId].filter((host) => notOurs.some((guest) => touches(guest, host)));
    const host = taken.find((id) => (waitedMs.get(id) ?? 0) >= WAIT_FOR_OTHERS_MS);
    if (host !== undefined) return notOurs.find((guest) => touches(guest, host))?.text;
    await clock.sleep(limits.firstPauseMs, signal);
    for (const id of taken) waitedMs.set(id, (waitedMs.get(id) ?? 0) + limits.firstPauseMs);
  }
  return undefined;
}

/** Guests on their way that neither this batch moves nor is still after; none where the cloud does not tell. */
async function movedByOthers(
  { migrations }: BatchRecord,
  migration: MigrationRecord,
  atMostOldMs: number,
  { movingGuests, journal, onProgress, signal }: CarryOutOptions,
): Promise<GuestOnTheWay[]> {
  if (!movingGuests) return [];
  // What it has moved itself may have arrived since the cloud was asked.
  const own = new Set([...migrations, ...journal.memory().underWay].map(({ notes }) => notes.guest.id));
  try {
    const moving = await movingGuests(atMostOldMs);
    return moving
      .filter(({ id }) => !own.has(id))
      .map(({ name, hostId }) => ({
        guest: name,
        sourceId: hostId,
        text: `guest ${name} is being moved by others, and takes the room`,
      }));
  } catch (error) {
    signal.throwIfAborted();
    onProgress({ kind: 'trouble', migration, error });
    return [];
  }
}

/** Whether one of a move's two hosts has as many guests on their way as it may have. */
function isFull(
  migration: MigrationRecord,
  underWay: readonly GuestOnTheWay[],
  { concurrency, perHost }: CarryOutOptions,
): boolean {
  const { sourceId, targetId } = endsOf(migration);
  const touching = (host: string) => underWay.filter((guest) => touches(guest, host)).length;
  const leaving = underWay.filter((guest) => guest.sourceId === sourceId).length;
  const coming = underWay.filter((guest) => guest.targetId === targetId).length;
  return (
    Math.max(touching(sourceId), touching(targetId)) >= concurrency ||
    leaving >= (perHost?.source ?? Infinity) ||
    coming >= (perHost?.target ?? Infinity)
  );
}

function touches({ sourceId, targetId }: GuestOnTheWay, host: string): boolean {
  return sourceId === host || targetId === host;
}

function endsOf({ notes: { guest, target_host: target } }: Pick<MigrationRecord, 'notes'>) {
  const text = `guest ${guest.name} may still be on its way to ${target.name}, and takes the room`;
  return { guest: guest.name, sourceId: guest.host_id, targetId: target.id, text };
}
