import type { ListedExclusion } from './constraint.js';

/** What a cloud said no to, in its own words. */
export interface CloudRefusal {
  guestId: string;
  hostId: string;
  /** Whether it holds for the one move, for the guest wherever it goes, or for the host whoever comes. */
  holdsFor: 'move' | 'guest' | 'host';
  text: string;
}

/** What refusals of the cloud rule out, each as widely as it holds. */
export function cloudRefusals(refusals: readonly CloudRefusal[]): ListedExclusion[] {
  return refusals.map(({ guestId, hostId, holdsFor, text }) => ({
    ...(holdsFor !== 'host' && { guestId }),
    ...(holdsFor !== 'guest' && { hostId }),
    reason: 'cloud_refused',
    text,
  }));
}
