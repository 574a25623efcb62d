import { isAmong } from '../fleet/find-host.js';
import type { Guest, Inventory, Snapshot } from '../fleet/fleet.js';
import type { JournalEvent } from '../journal/events.js';
import { migrationOf } from '../journal/events.js';
import type { Rule } from '../rules/rule.js';

/** Where the guests were at one look. */
export interface Sighting {
  /** ms since the epoch. */
  at: number;
  /** Host id by guest id. */
  hostOf: ReadonlyMap<string, string>;
}

/** A guest that is elsewhere than it was left, and that we did not move there. */
export interface MovedGuest {
  guest: Guest;
  fromId: string;
}

/** The same in names. */
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
 * The guests that somebody else has moved since the last look. A move of ours that was given up or called failed may still
 * have come to its target later: that is nobody else's.
 * @param before - the last look; one that lies ahead or more than an hour back says nothing.
 * @param attempts - rows of our own moves, oldest first, from before the moves that were under way at the last look.
 * @param now - ms since the epoch.
 */
export function movedByOthers(
  before: Sighting,
  { guests }: Pick<Snapshot, 'guests'>,
  attempts: readonly JournalEvent[],
  now: number,
): MovedGuest[] {
  if (now < before.at || now - before.at > OLDEST_SIGHTING_MS) return [];
  const { arrived, unsure, askedFor } = ownMoves(attempts, before.at);
  return guests.flatMap((guest): MovedGuest[] => {
    const { id, host_id: here } = guest;
    const fromId = arrived.get(id) ?? before.hostOf.get(id);
    if (fromId === undefined || fromId === here || unsure.has(id) || askedFor.get(id)?.has(here)) return [];
    return [{ guest, fromId }];
  });
}

/** What our own moves leave open about where guests are. */
function ownMoves(attempts: readonly JournalEvent[], since: number) {
  const arrived = new Map<string, string>();
  const unsure = new Set<string>();
  /** Targets that a guest was asked for and has not been seen to reach. */
  const askedFor = new Map<string, Set<string>>();
  for (const event of attempts) {
    const notes = migrationOf(event);
    if (!notes) continue;
    const { id } = notes.guest;
    const target = notes.target_host.id;
    const isSince = Date.parse(event.ops_time) >= since;
    if (event.action === 'migrating') {
      unsure.add(id);
      askedFor.set(id, (askedFor.get(id) ?? new Set()).add(target));
    } else if (event.action === 'migrate_success') {
      unsure.delete(id);
      askedFor.delete(id);
      if (isSince) arrived.set(id, target);
    } else if (!isSince) {
      // It failed before the last look, which has seen where the guest came to rest.
      unsure.delete(id);
    }
  }
  return { arrived, unsure, askedFor };
}

/** How hosts are called by their ids. */
export type HostNames = ReadonlyMap<string, { id: string; name: string }>;

/**
 * The moves that concern a rule: of its guests, where it names any, that left or came to one of its hosts.
 * @param rule - source and target hosts; where a list is empty every host is meant.
 */
export function concerning(
  rule: Pick<Rule, 'source' | 'target'>,
  moved: readonly MovedGuest[],
  hosts: HostNames,
): ForeignMove[] {
  const { source, target } = rule;
  const concerns = (id: string) => {
    const host = hosts.get(id) ?? { id, name: id };
    const isSource = source.hosts.length === 0 || isAmong(source.hosts, host);
    return isSource || target.hosts.length === 0 || isAmong(target.hosts, host);
  };
  return moved.flatMap(({ guest, fromId }): ForeignMove[] => {
    if (source.guests.length > 0 && !isAmong(source.guests, guest)) return [];
    if (!concerns(fromId) && !concerns(guest.host_id)) return [];
    const name = (id: string) => hosts.get(id)?.name ?? id;
    return [{ guest: guest.name, from: name(fromId), to: name(guest.host_id) }];
  });
}
