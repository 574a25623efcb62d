import { z } from 'zod';
import { choice } from './kinds.js';
import { STORE_NAMES } from './store-settings.js';

export const CLOUD_NAMES = ['simulated', 'cloudpods', 'openstack', 'proxmox', 'libvirt'] as const;

export const METRICS_NAMES = ['simulated', 'proxmox', 'libvirt', ...STORE_NAMES] as const;

/** The variables that choose cloud and store, and what the simulated cloud needs. */
export const fleetVariables = {
  CLOUD: choice(CLOUD_NAMES)
    .prefault('simulated')
    .describe(`Cloud of the fleet: ${CLOUD_NAMES.join(', ')}`),
  METRICS: choice(METRICS_NAMES)
    .optional()
    .describe(`Where the readings come from, by default the cloud itself if it has any: ${METRICS_NAMES.join(', ')}`),
  SIMULATION: z
    .string()
    .optional()
    .describe(
      'Scenario file of the simulated cloud, or the address of a process that simulates it; by default embedded',
    ),
};

/** The clouds that keep readings of their own. */
const WITH_READINGS = ['simulated', 'proxmox', 'libvirt'];

/**
 * Where the readings come from.
 * @param metrics - what METRICS says, if anything.
 * @returns the name, or what is wrong with it.
 */
export function metricsFor<Name extends string>(
  cloud: string,
  metrics: Name | undefined,
  names: readonly Name[],
): { ok: true; metrics: Name } | { ok: false; problem: string } {
  const chosen = metrics ?? names.find((name) => name === cloud && WITH_READINGS.includes(name));
  if (chosen === undefined) {
    const stores = names.filter((name) => !WITH_READINGS.includes(name));
    const choice = stores.length > 0 ? `one of ${stores.join(', ')}` : 'a metric store';
    return { ok: false, problem: `METRICS: expected ${choice}, as CLOUD=${cloud} has no readings of its own` };
  }
  if (WITH_READINGS.includes(chosen) && chosen !== cloud) {
    return { ok: false, problem: `METRICS: ${chosen} only has the readings of CLOUD=${chosen}, not of CLOUD=${cloud}` };
  }
  return { ok: true, metrics: chosen };
}
