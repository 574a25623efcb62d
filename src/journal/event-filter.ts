import type { JournalEvent, NewEvent } from './events.js';
import { migrationOf } from './events.js';
import { textOf } from './event-text.js';
import type { EventFilter } from './journal.js';
import type { MigrationNotes } from './notes.js';

/** Whether an event is among those asked for; the limit is not looked at. */
export function passes(event: JournalEvent, filter: EventFilter): boolean {
  const { rule, action, batch, since, until, before, after, host, guest } = filter;
  if (before !== undefined && event.id >= before) return false;
  if (after !== undefined && event.id <= after) return false;
  if (rule !== undefined && event.obj_name !== rule) return false;
  if (typeof action === 'string' ? event.action !== action : action && !action.includes(event.action)) return false;
  if (batch !== undefined && event.batch !== batch) return false;
  if (since !== undefined && !(Date.parse(event.ops_time) >= since)) return false;
  if (until !== undefined && !(Date.parse(event.ops_time) <= until)) return false;
  if (host !== undefined && !concerns(event, 'host', host)) return false;
  return guest === undefined || concerns(event, 'guest', guest);
}

/**
 * Whether an event is about a host or guest: one that moved, was to move, or was looked at.
 * @param wanted - its id or name.
 */
export function concerns(event: NewEvent | JournalEvent, kind: 'host' | 'guest', wanted: string): boolean {
  const named = namesIn(event, kind);
  return named.length > 0 ? named.includes(wanted) : namesAsWord(textOf(event), wanted);
}

/** Ids and names in the notes; none where the notes are a sentence. */
function namesIn(event: NewEvent | JournalEvent, kind: 'host' | 'guest'): string[] {
  const migration = migrationOf(event);
  if (migration) return ofMigration(migration, kind);
  const { notes } = event as { notes: unknown };
  if (typeof notes !== 'object' || notes === null) return [];
  const { migrations, left_out, moves, hosts } = notes as Partial<{
    migrations: MigrationNotes[];
    left_out: MigrationNotes[];
    moves: { guest: string; from: string; to: string }[];
    hosts: { id: string; name: string }[];
  }>;
  return [
    ...listed(migrations).flatMap((each) => ofMigration(each, kind)),
    ...listed(left_out).flatMap((each) => ofMigration(each, kind)),
    ...listed(moves).flatMap(({ guest, from, to }) => (kind === 'guest' ? [guest] : [from, to])),
    ...(kind === 'host' ? listed(hosts).flatMap(({ id, name }) => [id, name]) : []),
  ];
}

function listed<Entry>(list: readonly Entry[] | undefined): readonly Entry[] {
  // Notes of another version, or written by hand, may hold anything.
  const entries = Array.isArray(list) ? (list as readonly Entry[]) : [];
  return entries.filter((each) => typeof each === 'object' && each !== null);
}

function ofMigration({ guest, target_host: target }: MigrationNotes, kind: 'host' | 'guest'): string[] {
  return kind === 'guest' ? [guest.id, guest.name] : [guest.host_id, guest.host, target.id, target.name];
}

/** `a1` is no word of `a15 is at 62 %`. */
function namesAsWord(text: string, wanted: string): boolean {
  const part = /[\p{L}\p{N}_]/u;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
    const before = text.charAt(at - 1);
    const after = text.slice(at + wanted.length);
    // A hyphen or a full stop goes on only if more of a name follows.
    const ends = !part.test(after.charAt(0)) && !/^[-.][\p{L}\p{N}_]/u.test(after);
    if (ends && !/[\p{L}\p{N}_.-]/u.test(before)) return true;
  }
  return false;
}
