import type { Cloud } from '../../fleet.js';
import { pongOf } from '../../http-client.js';
import type { CloudOptions } from '../cloud-options.js';
import { createKeystoneClient } from '../keystone.js';
import { createFollowed } from './followed.js';
import { createGuestStatuses } from './guest-status.js';
import { readInventory } from './inventory.js';
import { createMending } from './left-behind.js';
import { cloudpodsMigrations } from './migration.js';
import type { CloudpodsSettings } from './settings.js';

/** The region service, by its newer type first. */
const SERVICE_TYPES = ['compute_v2', 'compute'];

/** A Cloudpods, asked through its region service with the rights of the whole system. */
export function createCloudpods(settings: CloudpodsSettings, options: CloudOptions): Cloud {
  const system = 'cloudpods';
  const client = createKeystoneClient({
    ...options,
    system,
    settings: settings.keystone,
    serviceTypes: SERVICE_TYPES,
    // To the region service whoever sends a dead token is a guest user without any right.
    forbidsDeadTokens: true,
  });
  const statuses = createGuestStatuses(client, system, options.clock);
  const followed = createFollowed(options.clock);
  const mend = createMending(statuses, (guestId) => followed.isFollowed(guestId));
  const { inventoryTimeoutMs } = options;
  return {
    name: system,
    ...(inventoryTimeoutMs !== undefined && { inventoryTimeoutMs }),
    async ping(signal) {
      const params = { scope: 'system', limit: 1 };
      const call = { what: 'list one host', method: 'GET' as const, path: '/hosts', params };
      return pongOf(await client.read({ ...call, ...(signal && { signal }) }));
    },
    async inventory(signal) {
      const inventory = await readInventory(client, system, signal);
      mend(inventory.guests);
      return inventory;
    },
    ...cloudpodsMigrations({ client, system, settings, statuses, followed }),
  };
}
