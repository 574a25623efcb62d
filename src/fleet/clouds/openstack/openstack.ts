import type { Cloud } from '../../fleet.js';
import type { CloudOptions } from '../cloud-options.js';
import type { KeystoneSettings } from '../keystone.js';
import { createKeystoneClient } from '../keystone.js';
import { readInventory } from './inventory.js';
import { novaMigrations } from './migration.js';

/** How to reach an OpenStack. */
export interface OpenstackSettings {
  keystone: KeystoneSettings;
}

/** 2.88 takes CPUs and memory out of the hypervisors; 2.87 came with Ussuri (Nova 21). */
const MICROVERSION = '2.87';

/** The Nova of an OpenStack, asked with the rights of an administrator. A host's id is its compute service's host name. */
export function createOpenstack({ keystone }: OpenstackSettings, options: CloudOptions): Cloud {
  const system = 'openstack';
  const client = createKeystoneClient({
    ...options,
    system,
    settings: keystone,
    serviceTypes: ['compute'],
    headers: { 'OpenStack-API-Version': `compute ${MICROVERSION}` },
  });
  return {
    name: system,
    inventory: (signal) => readInventory(client, system, signal),
    ...novaMigrations(client, system, options.clock),
  };
}
