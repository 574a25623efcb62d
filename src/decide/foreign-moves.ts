import type { Inventory, Snapshot } from '../fleet/fleet.js';
import type { JournalEvent } from '../journal/events.js';
import type { Rule } from '../rules/rule.js';
import { isAmong } from '../fleet/find-host.js';
import { migrationOf } from '../journal/events.js';

/** Where the guests were at one look. */
export interface Sighting {
  /** ms since the epoch. */
  at: number;
  /** Host id by guest id. */
  hostOf: ReadonlyMap<string, string>;
}

/** A guest that is elsewhere than it was left, and that we did not move there. */
export interface ForeignMove {
  guest: string;
  from: string;
  to: string;
}

/** An older look says nothing about now: somebody may have moved a guest long ago. */
const OLDEST_SIGHTING_MS = 3_600_000;

/** Where the guests of a snapshot or an inventory are. */
export function sightingOf({ guests }: Pick<Inventory | Snapshot, 'guests'>, at: number): Sighting {
  // Events tell whole milliseconds.
  return { at: Math.floor(at), hostOf: new Map(guests.map(({ id, host_id }) => [id, host_id])) };
}

/**
 * The guests that were moved by somebody else since the last look.
 * @param before - the last look.
 * @param events - of our own moves, oldest first; they must reach back to the moves that were under way at the last look.
 * @param rule - only guests that left or came to a host of the rule count (or its guests, where it names any).
 */
export function foreignMoves(
  before: Sighting,
  { hosts, guests }: Snapshot,
  events: readonly JournalEvent[],
  rule: Pick<Rule, 'source' | 'target'>,
  now: number,
): ForeignMove[] {
  if (now - before.at > OLDEST_SIGHTING_MS) return [];
  const expected = new Map(before.hostOf);
  const onTheWay = new Set<string>();
  for (const event of events) {
    const notes = migrationOf(event);
    if (!notes) continue;
    const { id } = notes.guest;
    const since = Date.parse(event.ops_time) >= before.at;
    if (event.action === 'migrating') {
      onTheWay.add(id);
    } else if (event.action === 'migrate_success') {
      onTheWay.delete(id);
      if (since) expected.set(id, notes.target_host.id);
    } else if (onTheWay.delete(id) && since) {
      // It was asked for and failed: that leaves open where the guest came to rest.
      expected.delete(id);
    }
  }
  for (const id of onTheWay) expected.delete(id);
  const byId = new Map(hosts.map((host) => [host.id, host]));
  const concerns = (id: string) => {
    const host = byId.get(id) ?? { id, name: id };
    const { source, target } = rule;
    const isSource = source.hosts.length === 0 || isAmong(source.hosts, host);
    return isSource || target.hosts.length === 0 || isAmong(target.hosts, host);
  };
  return guests.flatMap((guest): ForeignMove[] => {
    const from = expected.get(guest.id);
    if (from === undefined || from === guest.host_id) return [];
    if (rule.source.guests.length > 0 && !isAmong(rule.source.guests, guest)) return [];
    if (!concerns(from) && !concerns(guest.host_id)) return [];
    const name = (id: string) => byId.get(id)?.name ?? id;
    return [{ guest: guest.name, from: name(from), to: name(guest.host_id) }];
  });
}
