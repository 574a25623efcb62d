import type { Snapshot } from '../fleet/fleet.js';
import type { MigrationRecord } from '../journal/journal.js';
import type { JournalEvent, MigrationNotes } from '../journal/events.js';
import { migrationOf } from '../journal/events.js';
import type { ListedExclusion } from './constraint.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** So many failures within a day leave a guest out for a day after the last of them, and a target for an hour. */
const FAILURES = 2;

/** How far back {@link failedBefore} has to see, ms. */
export const FAILURES_LOOK_BACK_MS = 2 * DAY_MS;

/** What failures are held against. */
interface Blamed {
  guestId?: string;
  hostId?: string;
  /** How many within a day leave it out. */
  most: number;
  /** How long it is left out after the last of them, ms. */
  forMs: number;
  /** Goes behind "left out until …: ". */
  why: string;
}

/**
 * What repeated failures rule out: a guest for a day, or, where the cloud says what a failure is about, this guest on this host
 * for a day after the first, or the host, whoever comes, for an hour. Only moves that the cloud was asked for count; one that
 * succeeds clears what was before it. What a person had cancelled says nothing.
 * @param events - of the last two days, oldest first.
 * @param now - ms since the epoch.
 */
export function failedBefore(events: readonly JournalEvent[], now: number): ListedExclusion[] {
  const asked = new Set<string>();
  const failures = new Map<string, { blamed: Blamed; times: number[] }>();
  for (const event of events) {
    const notes = migrationOf(event);
    if (!notes) continue;
    const key = `${event.batch} ${notes.guest.id}`;
    if (event.action === 'migrating') asked.add(key);
    else if (event.action === 'migrate_success') {
      for (const blamed of [againstGuest(notes), againstPair(notes), againstTarget(notes)])
        failures.delete(keyOf(blamed));
    } else if ((event.action === 'migrate_fail' || event.action === 'migrate_error') && asked.delete(key)) {
      if (notes.cancelled) continue;
      const blamed = blamedFor(notes);
      const { times } = failures.get(keyOf(blamed)) ?? { times: [] };
      failures.set(keyOf(blamed), { blamed, times: [...times, Date.parse(event.ops_time)] });
    }
  }
  return [...failures.values()].flatMap(
    ({ blamed: { guestId, hostId, most, forMs, why }, times }): ListedExclusion[] => {
      const last = times.findLast((at, index) => {
        const first = times[index - most + 1];
        return first !== undefined && at - first <= DAY_MS;
      });
      // A row from the future tells nothing: a clock was ahead.
      if (last === undefined || now < last || now - last >= forMs) return [];
      const text = `left out until ${new Date(last + forMs).toISOString()}: ${why}`;
      const ids = { ...(guestId !== undefined && { guestId }), ...(hostId !== undefined && { hostId }) };
      return [{ ...ids, reason: 'failed_before', text }];
    },
  );
}

const keyOf = ({ guestId = '', hostId = '' }: Blamed) => `${guestId} ${hostId}`;

function blamedFor(notes: MigrationNotes): Blamed {
  if (notes.concerns === 'pair') return againstPair(notes);
  return notes.concerns === 'target' ? againstTarget(notes) : againstGuest(notes);
}

function againstGuest({ guest }: MigrationNotes): Blamed {
  return { guestId: guest.id, most: FAILURES, forMs: DAY_MS, why: 'its migrations failed repeatedly' };
}

function againstPair({ guest, target_host: target }: MigrationNotes): Blamed {
  const why = `guest ${guest.name} and this host do not go together, by the cloud's own words`;
  return { guestId: guest.id, hostId: target.id, most: 1, forMs: DAY_MS, why };
}

function againstTarget({ target_host: target }: MigrationNotes): Blamed {
  const why = 'migrations to it failed repeatedly, by a fault of its own';
  return { hostId: target.id, most: FAILURES, forMs: HOUR_MS, why };
}

/** The moves of a rule that the cloud was asked for and that, as far as it can be known, did not and will not come about. */
export function failedMoves(migrations: readonly MigrationRecord[], rule: string): MigrationRecord[] {
  return migrations.filter(
    ({ rule: own, phase, unanswered, still_under_way: isUnderWay }) =>
      own === rule && !unanswered && !isUnderWay && (phase === 'failed' || phase === 'error'),
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
    ...failed
      .filter(({ notes }) => notes.concerns === 'target')
      .map(({ notes: { guest, target_host: target } }): ListedExclusion => ({
        hostId: target.id,
        reason: 'failed_before',
        text: `the migration of guest ${guest.name} to it has just failed, by a fault of its own`,
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
