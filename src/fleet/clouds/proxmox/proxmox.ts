import type { Cloud, Metrics } from '../../fleet.js';
import type { HttpCall, HttpClient } from '../../http-client.js';
import { createHttpClient } from '../../http-client.js';
import type { CloudOptions } from '../cloud-options.js';
import { readInventory } from './inventory.js';
import { proxmoxMetrics } from './metrics.js';
import { proxmoxMigrations } from './migration.js';

/** How to reach a Proxmox VE cluster, through any of its nodes. */
export interface ProxmoxSettings {
  /** `https://pve1.example:8006`. */
  url: string;
  /** `USER@REALM!TOKENID=UUID`. */
  token: string;
  /** Certificates of the authority that signed that of the API, PEM; the cluster's own is `/etc/pve/pve-root-ca.pem`. */
  ca?: string;
}

/** The usual distance of two readings that a node reports of itself, ms. */
const STATUS_INTERVAL_MS = 10_000;

/** A Proxmox VE cluster, and the readings that it keeps of its nodes and guests. Ids are those of its resources: `node/pve1`, `qemu/100`. */
export function createProxmox(settings: ProxmoxSettings, options: CloudOptions): Cloud & Metrics {
  const system = 'proxmox';
  const http = createHttpClient({
    ...options,
    system,
    baseUrl: `${settings.url.replace(/\/+$/, '')}/api2/json`,
    secrets: () => [settings.token, settings.token.split('=')[1] ?? ''],
    ...(settings.ca !== undefined && { ca: settings.ca }),
  });
  const withToken = (call: HttpCall): HttpCall => ({
    ...call,
    headers: { ...call.headers, authorization: `PVEAPIToken=${settings.token}` },
  });
  const client: HttpClient = {
    once: (call) => http.once(withToken(call)),
    read: (call) => http.read(withToken(call)),
  };
  return {
    name: system,
    scrapeIntervalMs: STATUS_INTERVAL_MS,
    inventory: (signal) => readInventory(client, system, signal),
    readings: (query, signal) => proxmoxMetrics(client, system, options.clock, query, signal),
    ...proxmoxMigrations(client, system),
  };
}
