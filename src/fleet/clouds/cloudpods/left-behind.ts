import type { GuestRecord } from '../../fleet.js';
import type { GuestStatuses } from './guest-status.js';
import { inParallel } from './pages.js';

/** A migration, and nothing else, has left the guest in it. */
const MIGRATION_FAILED = /migrat\w*_fail(ed)?$/;

/**
 * Mends the status of guests whose migration failed and was never synchronised, as where a former process ended too early:
 * Cloudpods refuses to move them until then.
 * @param isFollowed - whether this process follows the guest's migration just now: how it ended must be seen first.
 * @returns what is to be told of every inventory. It does its work in the background, one round at a time; what cannot be
 *   mended is tried again with the next inventory.
 */
export function createMending(
  statuses: GuestStatuses,
  isFollowed: (guestId: string) => boolean,
): (guests: readonly GuestRecord[]) => void {
  let round: Promise<unknown> | undefined;
  return (guests) => {
    if (round) return;
    const left = guests.filter(({ id, status }) => MIGRATION_FAILED.test(status) && !isFollowed(id));
    if (left.length === 0) return;
    const mend = (guest: GuestRecord) =>
      // Nobody waits for it, and the guest's status goes on saying that it has not worked.
      statuses.synchroniseWhile(guest, ({ state }) => state.phase === 'failed').catch(() => undefined);
    round = inParallel(left, mend).finally(() => (round = undefined));
  };
}
