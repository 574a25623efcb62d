import { z } from 'zod';
import type { ProxmoxApi } from './proxmox-api.js';
import { flag, number } from './proxmox-api.js';

const nodeSchema = z.object({
  id: z.string().min(1),
  node: z.string().min(1),
  status: z.string(),
  cpu: number.nullish(),
  maxcpu: number.nullish(),
  mem: number.nullish(),
  maxmem: number.nullish(),
  /** s since it was started, as it last reported. */
  uptime: number.nullish(),
  hastate: z.string().nullish(),
  /** Only where it is not x86_64. */
  'host-arch': z.string().nullish(),
});

const guestSchema = z.object({
  id: z.string().min(1),
  type: z.string(),
  vmid: number,
  name: z.string().nullish(),
  node: z.string().min(1),
  status: z.string(),
  cpu: number.nullish(),
  maxcpu: number.nullish(),
  maxmem: number.nullish(),
  /** What the host has given it, from Proxmox VE 9 on. */
  memhost: number.nullish(),
  hastate: z.string().nullish(),
  lock: z.string().nullish(),
  template: flag.nullish(),
  tags: z.string().nullish(),
  pool: z.string().nullish(),
});

/** A node of the cluster; `cpu` is a fraction of its CPUs, memory in bytes. */
export type NodeResource = z.output<typeof nodeSchema>;
/** A virtual machine or container; `cpu` is a fraction of its own CPUs, memory in bytes. */
export type GuestResource = z.output<typeof guestSchema>;

/** All nodes. */
export function readNodes(api: ProxmoxApi, signal?: AbortSignal): Promise<NodeResource[]> {
  return api.get('list nodes', '/cluster/resources', z.array(nodeSchema), { params: { type: 'node' }, signal });
}

/** All virtual machines and containers. */
export function readGuests(api: ProxmoxApi, signal?: AbortSignal): Promise<GuestResource[]> {
  return api.get('list guests', '/cluster/resources', z.array(guestSchema), { params: { type: 'vm' }, signal });
}

/** `running` only for a guest that runs and that nothing else is done with (a lock: backup, snapshot, migrate …). */
export function statusOf({ status, lock, hastate }: GuestResource): string {
  if (lock) return lock;
  return isHaMoving(hastate) ? 'migrate' : status;
}

/** Whether the HA manager is moving a guest. */
export function isHaMoving(hastate: string | null | undefined): boolean {
  return hastate === 'migrate' || hastate === 'relocate';
}
