import type { Clock } from '../../../common/clock.js';

/** The guests whose migrations this process follows. */
export interface Followed {
  /** Notes a look at a guest; `unfinished`: it has arrived, and is not at rest. @returns for how long it has been so, ms. */
  look(guestId: string, unfinished: boolean): number;
  /** Whether it was looked at just now. */
  isFollowed(guestId: string): boolean;
}

/** The watcher's pauses are shorter, ms. */
const JUST_NOW_MS = 60_000;

export function createFollowed(clock: Clock): Followed {
  const guests = new Map<string, { lookedAt: number; unfinishedSince: number | undefined }>();
  return {
    look(guestId, unfinished) {
      const now = clock.monotonic();
      const since = unfinished ? (guests.get(guestId)?.unfinishedSince ?? now) : undefined;
      guests.set(guestId, { lookedAt: now, unfinishedSince: since });
      return since === undefined ? 0 : now - since;
    },
    isFollowed(guestId) {
      const { lookedAt } = guests.get(guestId) ?? {};
      return lookedAt !== undefined && clock.monotonic() - lookedAt < JUST_NOW_MS;
    },
  };
}
