import { FleetError } from '../../fleet.js';
import type { Sight } from './follow.js';
import { isLeaving } from './follow.js';
import type { LibvirtHost } from './uris.js';
import type { Virsh } from './virsh.js';

/** Switches migrations that take too long to post-copy. */
export interface Postcopy {
  /**
   * To be called with every look at a guest that migrates away from `source`.
   * @throws FleetError the first time that libvirt refuses it for a guest: one begun without leave for it stays as it is.
   */
  switchIfDue(source: LibvirtHost, uuid: string, sight: Sight, signal?: AbortSignal): Promise<void>;
}

/**
 * By libvirt's own count of the time and at our looks, rather than by `virsh --timeout`: that virsh may end with us.
 * @param afterMs - how long a migration may take before; it never is switched if undefined.
 */
export function createPostcopy(virsh: Virsh, afterMs: number | undefined): Postcopy {
  const refused = new Set<string>();
  return {
    async switchIfDue(source, uuid, sight, signal) {
      if (afterMs === undefined || !isLeaving(sight)) return;
      const { elapsedMs = 0 } = sight.job;
      // A later migration of the same guest, which may have leave.
      if (elapsedMs < afterMs) refused.delete(uuid);
      // Once switched it is paused on its source.
      if (elapsedMs < afterMs || sight.state !== 'running' || refused.has(uuid)) return;
      const { words } = await virsh.ask(source, [`migrate-postcopy --domain ${uuid}`], signal);
      if (words === '' || /no job is active|failed to get domain/i.test(words)) return;
      refused.add(uuid);
      throw new FleetError('libvirt', `${source.name}: migrate-postcopy: ${words}`);
    },
  };
}
