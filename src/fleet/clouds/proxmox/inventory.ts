import { z } from 'zod';
import type { GuestRecord, HostRecord, Inventory, Pong } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import { pongOf } from '../../http-client.js';
import { checked } from '../answers.js';
import type { ProxmoxApi } from './proxmox-api.js';
import { data } from './proxmox-api.js';
import type { GuestResource, NodeResource } from './resources.js';
import { readGuests, readNodes, statusOf } from './resources.js';

const MIB = 1024 ** 2;

const membersSchema = z.array(
  z.object({
    type: z.string(),
    name: z.string().nullish(),
    ip: z.string().nullish(),
    quorate: z.union([z.number(), z.boolean()]).nullish(),
  }),
);

const haSchema = z.array(
  z.object({ type: z.string().nullish(), node: z.string().nullish(), status: z.string().nullish() }),
);

/**
 * All nodes and guests of a cluster.
 * @throws FleetError also where no node that answers is in the part of the cluster that has quorum, or where the token may
 * not see nodes.
 */
export async function readInventory(api: ProxmoxApi, signal?: AbortSignal): Promise<Inventory> {
  const { system } = api;
  const [members, ha, nodes, guests] = await Promise.all([
    quorateMembers(api, signal),
    api.get('HA status', '/cluster/ha/status/current', haSchema, { signal }),
    readNodes(api, signal),
    readGuests(api, signal),
  ]);
  const listed = new Set(nodes.map(({ node }) => node));
  const missing = members.filter(({ type, name }) => type === 'node' && name && !listed.has(name));
  if (missing.length > 0) {
    throw new FleetError(system, `list nodes: ${missing.map(({ name }) => name).join(', ')} missing in the answer`);
  }
  const addresses = new Map(
    members.flatMap(({ type, name, ip }) => (type === 'node' && name && ip ? [[name, ip]] : [])),
  );
  const resting = new Set(
    ha.flatMap(({ type, node, status }) => (type === 'lrm' && node && status?.includes('maintenance') ? [node] : [])),
  );
  return {
    hosts: nodes.map((node) => toHost(node, addresses.get(node.node), resting.has(node.node), system)),
    guests: guests.map(toGuest),
  };
}

type Members = z.output<typeof membersSchema>;

/** Asks whether the cluster is there, and has quorum. */
export async function pingCluster(api: ProxmoxApi, signal?: AbortSignal): Promise<Pong> {
  const call = { what: 'cluster status', method: 'GET' as const, path: '/cluster/status' };
  const answer = await api.read({ ...call, ...(signal && { signal }) });
  requireQuorum(api, checked(api.system, call.what, data(membersSchema), answer).data);
  return pongOf(answer);
}

/** The members, as told by a node that is not cut off from the others: what one tells that is may be old. */
async function quorateMembers(api: ProxmoxApi, signal?: AbortSignal): Promise<Members> {
  const members = await api.get('cluster status', '/cluster/status', membersSchema, { signal });
  requireQuorum(api, members);
  return members;
}

function requireQuorum(api: ProxmoxApi, members: Members): void {
  if (!members.some(({ type, quorate }) => type === 'cluster' && quorate !== undefined && !quorate)) return;
  // The lists that were asked for together with this come from the same node.
  api.passOver();
  throw new FleetError(api.system, 'cluster status: the cluster has no quorum: what this node tells may be old');
}

function toHost(node: NodeResource, address: string | undefined, isResting: boolean, system: string): HostRecord {
  const isOnline = node.status === 'online';
  if (isOnline && (!node.maxcpu || !node.maxmem)) {
    throw new FleetError(
      system,
      `list nodes: node ${node.node} has no CPUs or memory: the token needs Sys.Audit on /nodes`,
    );
  }
  return {
    id: node.id,
    name: node.node,
    ...(address !== undefined && { addresses: [address] }),
    status: node.status,
    enabled: true,
    host_type: 'kvm',
    cpu_architecture: node['host-arch'] ?? 'x86_64',
    cpu_count: node.maxcpu ?? 0,
    mem_size: Math.floor((node.maxmem ?? 0) / MIB),
    ...((isResting || node.hastate === 'maintenance') && { maintenance: true }),
  };
}

function toGuest(guest: GuestResource): GuestRecord {
  const immovable = obstacleIn(guest);
  const tags = (guest.tags ?? '').split(/[;, ]+/).filter((tag) => tag !== '');
  const all = { ...Object.fromEntries(tags.map((tag) => [tag, ''])), ...(guest.pool && { pool: guest.pool }) };
  return {
    id: guest.id,
    name: guest.name ?? `VM ${guest.vmid}`,
    host_id: `node/${guest.node}`,
    status: statusOf(guest),
    vcpu_count: guest.maxcpu ?? 0,
    vmem_size: Math.floor((guest.maxmem ?? 0) / MIB),
    // A guest that does not run is told to hold nothing.
    ...(guest.memhost && { mem_held: Math.ceil(guest.memhost / MIB) }),
    ...(immovable !== undefined && { immovable }),
    ...(Object.keys(all).length > 0 && { tags: all }),
  };
}

/** Why Proxmox VE would not move the guest live, whatever the target. */
function obstacleIn({ type, template, hastate }: GuestResource): string | undefined {
  if (type !== 'qemu') return 'is a container, which can only be moved by a restart';
  if (template) return 'is a template';
  if (hastate === 'error' || hastate === 'fence') return `is in the HA state ${hastate}`;
  return undefined;
}
