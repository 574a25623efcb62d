import type { MigrationRecord } from '../journal/journal.js';
import type { CarryOutOptions } from './carry-out-options.js';

/** How long a move waits where only moves that were given up take its room, ms. */
const WAIT_FOR_GIVEN_UP_MS = 300_000;

/**
 * Waits while one of a move's two hosts has as many moves on their way as it may have.
 * @returns why there is no room, where only moves that were given up take it, for long: they may never end.
 */
export async function untilThereIsRoom(
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
