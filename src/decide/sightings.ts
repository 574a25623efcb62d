import type { Snapshot } from '../fleet/fleet.js';
import type { Sighting } from './foreign-moves.js';
import { sightingOf } from './foreign-moves.js';
import type { SnapshotStore } from './kept-snapshots.js';

/** Remembers where the guests were, from one look at the fleet to the next. */
export interface Sightings {
  /** The last look that was confirmed; undefined if there was none. */
  last(): Promise<Sighting | undefined>;
  /** A look counts once what it showed stands in the journal: until then the one before does. */
  propose(snapshot: Snapshot, at: number): void;
  confirm(): void;
}

/** @param snapshots - where a former process left its last look; absent if none are kept. */
export function createSightings(snapshots: Pick<SnapshotStore, 'latest'> | undefined): Sightings {
  let confirmed: Sighting | undefined;
  let proposed: Sighting | undefined;
  let isPrepared = false;
  return {
    async last() {
      if (!isPrepared) {
        isPrepared = true;
        const seen = (await snapshots?.latest().catch(() => undefined))?.parts.at(-1)?.snapshot;
        if (seen) confirmed ??= sightingOf(seen, Date.parse(seen.taken_at));
      }
      return confirmed;
    },
    propose(snapshot, at) {
      proposed = sightingOf(snapshot, at);
    },
    confirm() {
      confirmed = proposed ?? confirmed;
      proposed = undefined;
    },
  };
}
