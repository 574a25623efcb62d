import type { Cloud } from '../../fleet.js';
import { pongOf } from '../../http-client.js';
import type { CloudOptions } from '../cloud-options.js';
import type { KeystoneSettings } from '../keystone.js';
import { createKeystoneClient } from '../keystone.js';
import { createSchedulingConstraints } from './scheduling-constraints.js';
import { readInventory } from './inventory.js';
import { BASE, versionHeader } from './microversions.js';
import { novaMigrations } from './migration.js';

/** How to reach an OpenStack. */
export interface OpenstackSettings {
  keystone: KeystoneSettings;
}

/** The Nova of an OpenStack, asked with the rights of an administrator. A host's id is its compute service's host name. */
export function createOpenstack({ keystone }: OpenstackSettings, options: CloudOptions): Cloud {
  const system = 'openstack';
  const client = createKeystoneClient({
    ...options,
    system,
    settings: keystone,
    serviceTypes: ['compute'],
    headers: versionHeader(BASE),
  });
  const { clock, inventoryTimeoutMs } = options;
  const constraints = createSchedulingConstraints(clock);
  return {
    name: system,
    ...(inventoryTimeoutMs !== undefined && { inventoryTimeoutMs }),
    async ping(signal) {
      const call = {
        what: 'list one hypervisor',
        method: 'GET' as const,
        path: '/os-hypervisors',
        params: { limit: 1 },
      };
      return pongOf(await client.read({ ...call, ...(signal && { signal }) }));
    },
    async inventory(signal) {
      const { inventory, facts } = await readInventory(client, system, signal);
      constraints.learn(facts);
      return inventory;
    },
    ...novaMigrations({ client, system, user: keystone.username, clock, constraints }),
  };
}
