import type { Snapshot } from '../fleet/fleet.js';
import type { MigrationRecord } from '../journal/journal.js';
import type { JournalEvent } from '../journal/events.js';
import { migrationOf } from '../journal/events.js';
import type { ListedExclusion } from './constraint.js';

const DAY_MS = 86_400_000;
/** So many failures within a day leave a guest out for a day after the last of them. */
const FAILURES = 2;

/** How far back {@link failedBefore} has to see, ms. */
export const FAILURES_LOOK_BACK_MS = 2 * DAY_MS;

/**
 * Guests that failed repeatedly are left out for a day. Only moves that the cloud was asked for count; one that succeeds
 * clears what was before it.
 * @param events - of the last two days, oldest first.
 * @param now - ms since the epoch.
 */
export function failedBefore(events: readonly JournalEvent[], now: number): ListedExclusion[] {
  const asked = new Set<string>();
  const failures = new Map<string, number[]>();
  for (const event of events) {
    const id = migrationOf(event)?.guest.id;
    if (id === undefined) continue;
    const key = `${event.batch} ${id}`;
    if (event.action === 'migrating') asked.add(key);
    else if (event.action === 'migrate_success') failures.delete(id);
    else if ((event.action === 'migrate_fail' || event.action === 'migrate_error') && asked.delete(key)) {
      failures.set(id, [...(failures.get(id) ?? []), Date.parse(event.ops_time)]);
    }
  }
  return [...failures].flatMap(([guestId, times]): ListedExclusion[] => {
    const last = times.findLast((at, index) => {
      const first = times[index - FAILURES + 1];
      return first !== undefined && at - first <= DAY_MS;
    });
    if (last === undefined || now - last >= DAY_MS) return [];
    const until = new Date(last + DAY_MS).toISOString();
    return [{ guestId, reason: 'failed_before', text: `left out until ${until}: its migrations failed repeatedly` }];
  });
}

/** The moves of a rule that the cloud was asked for and that, as far as it can be known, did not and will not come about. */
export function failedMoves(migrations: readonly MigrationRecord[], rule: string): MigrationRecord[] {
  return migrations.filter(
    ({ rule: own, phase, unanswered }) => own === rule && !unanswered && (phase === 'failed' || phase === 'error'),
  );
}

/**
 * What a second attempt leaves open: only guests whose moves failed, on other targets. Readings are means over a while and do
 * not yet show what the same batch has moved: no other guest leaves, and a host that has just taken one in takes no more.
 * @param migrations - of the batch so far; nothing is ruled out where none failed.
 */
export function onlyWhatFailed(
  migrations: readonly MigrationRecord[],
  rule: string,
  { guests }: Snapshot,
): ListedExclusion[] {
  const failed = failedMoves(migrations, rule);
  if (failed.length === 0) return [];
  const ids = new Set(failed.map(({ notes }) => notes.guest.id));
  const sources = new Set(failed.map(({ notes }) => notes.guest.host_id));
  const taken = new Set(migrations.flatMap(({ phase, notes }) => (phase === 'succeeded' ? notes.target_host.id : [])));
  return [
    ...failed.map(({ notes: { guest, target_host: target } }): ListedExclusion => ({
      guestId: guest.id,
      hostId: target.id,
      reason: 'failed_before',
      text: `the migration of guest ${guest.name} to it has just failed`,
    })),
    ...guests
      .filter(({ id, host_id }) => sources.has(host_id) && !ids.has(id))
      .map(({ id }): ListedExclusion => ({
        guestId: id,
        reason: 'not_in_plan',
        text: 'only what failed is tried again',
      })),
    ...[...taken].map((hostId): ListedExclusion => ({
      hostId,
      reason: 'no_reading',
      text: 'its readings do not yet show the guests that it has just taken in',
    })),
  ];
}
