import type { JournalEvent, MigrationNotes } from '../journal/events.js';
import type { ListedExclusion } from './constraint.js';

/** A guest that arrived on a host. */
export interface RecentMove {
  guestId: string;
  fromId: string;
  from: string;
  toId: string;
  to: string;
  /** When it had arrived, ms since the epoch. */
  at: number;
  /** The batch that moved it. */
  batch?: string;
}

/** How much longer a guest keeps away from the host that it left than it stays where it is. */
const AWAY = 2;

/** How far back moves matter to {@link cooldownExclusions}, ms. */
export function lookBackMs(cooldownMs: number, restMs: number): number {
  return Math.max(AWAY * cooldownMs, restMs);
}

/**
 * The moves that the journal holds.
 * @param events - of the action `migrate_success`, oldest first.
 */
export function recentMoves(events: readonly JournalEvent[]): RecentMove[] {
  return events.flatMap(({ action, notes, ops_time, batch }) => {
    if (action !== 'migrate_success' || !isMigration(notes)) return [];
    const { guest, target_host: target } = notes;
    const at = Date.parse(ops_time);
    const { id: guestId, host_id: fromId, host: from } = guest;
    return [{ guestId, fromId, from, toId: target.id, to: target.name, at, ...(batch !== undefined && { batch }) }];
  });
}

function isMigration(notes: JournalEvent['notes']): notes is MigrationNotes {
  return typeof notes === 'object' && 'guest' in notes && 'target_host' in notes;
}

/**
 * What recent moves rule out, whichever rule made them: a guest that moved stays for a while and does not go back to the
 * host that it left, and a host that took a guest is no target before its readings show it.
 * @param moves - oldest first.
 * @param now - ms since the epoch.
 * @param cooldownMs - how long a guest stays; it keeps away from the host it left for twice as long.
 * @param restMs - how long a host rests.
 */
export function cooldownExclusions(
  moves: readonly RecentMove[],
  now: number,
  { cooldownMs, restMs }: { cooldownMs: number; restMs: number },
): ListedExclusion[] {
  const exclusions: ListedExclusion[] = [];
  for (const { guestId, fromId, from, toId, at } of moves) {
    const age = now - at;
    // Of a clock that was ahead: nobody knows how long ago it was.
    if (age < 0) continue;
    const ago = `${minutes(age)} ago`;
    if (age <= cooldownMs) {
      const text = `moved here from ${from} ${ago}, stays for ${minutes(cooldownMs)}`;
      exclusions.push({ guestId, reason: 'cooldown', text });
    }
    if (age <= AWAY * cooldownMs) {
      const text = `left this host ${ago}, keeps away for ${minutes(AWAY * cooldownMs)}`;
      exclusions.push({ guestId, hostId: fromId, reason: 'returning', text });
    }
    if (age <= restMs) {
      const text = `took in a guest ${ago}, rests for ${minutes(restMs)}`;
      exclusions.push({ hostId: toId, reason: 'resting', text });
    }
  }
  return exclusions;
}

function minutes(ms: number): string {
  return ms < 60_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
