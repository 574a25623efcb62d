import type { Cloud, Metrics } from '../../fleet.js';
import type { CloudOptions } from '../cloud-options.js';
import type { ProxmoxAccess } from './proxmox-api.js';
import { createProxmoxApi } from './proxmox-api.js';
import { pingCluster, readInventory } from './inventory.js';
import { STATUS_INTERVAL_MS, createUptimeWatch, proxmoxMetrics } from './metrics.js';
import type { MigrationSettings } from './migration.js';
import { proxmoxMigrations } from './migration.js';
import { proxmoxWarnings } from './warnings.js';

/** How to reach a Proxmox VE cluster, and what goes with its migrations. */
export interface ProxmoxSettings extends ProxmoxAccess, MigrationSettings {}

/** A Proxmox VE cluster, and the readings that it keeps of its nodes and guests. Ids are those of its resources: `node/pve1`, `qemu/100`. */
export function createProxmox(settings: ProxmoxSettings, options: CloudOptions): Cloud & Metrics {
  const api = createProxmoxApi(settings, options);
  const { clock, timeoutMs } = options;
  const uptimes = createUptimeWatch(clock);
  return {
    name: api.system,
    scrapeIntervalMs: STATUS_INTERVAL_MS,
    ping: (signal) => pingCluster(api, signal),
    inventory: (signal) => readInventory(api, signal),
    readings: (query, signal) => proxmoxMetrics(api, { clock, uptimes, timeoutMs }, query, signal),
    warnings: (signal) => proxmoxWarnings(api, clock, signal),
    ...proxmoxMigrations(api, clock, settings),
  };
}
