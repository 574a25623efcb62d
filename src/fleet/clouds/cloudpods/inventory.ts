import { z } from 'zod';
import type { GuestRecord, HostRecord, Inventory } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { readPages } from './pages.js';

const hostSchema = z.object({
  id: z.string().min(1),
  name: z.string().min(1),
  access_ip: z.string().nullish(),
  enabled: z.boolean(),
  status: z.string(),
  host_status: z.string().nullish(),
  host_type: z.string(),
  cpu_architecture: z.string().nullish(),
  cpu_count: z.number().nullish(),
  mem_size: z.number().nullish(),
  is_maintenance: z.boolean().nullish(),
  zone: z.string().nullish(),
});

const guestSchema = z.object({
  id: z.string().min(1),
  name: z.string().min(1),
  host_id: z.string().nullish(),
  status: z.string(),
  vcpu_count: z.number(),
  vmem_size: z.number(),
  backup_host_id: z.string().nullish(),
  disks_info: z.array(z.object({ storage_type: z.string().nullish() })).nullish(),
  isolated_devices: z.array(z.unknown()).nullish(),
  cdrom: z.unknown().optional(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

/**
 * All hosts and guests of a Cloudpods, of every project.
 * @throws FleetError also where the lists change while they are read: never half a picture.
 */
export async function readInventory(client: HttpClient, system: string, signal?: AbortSignal): Promise<Inventory> {
  const [hosts, servers] = await Promise.all([
    readPages({ client, system, list: 'hosts', schema: hostSchema, ...(signal && { signal }) }),
    readPages({ client, system, list: 'servers', schema: guestSchema, ...(signal && { signal }) }),
  ]);
  return { hosts: hosts.map(toHost), guests: servers.flatMap(toGuest) };
}

function toHost(host: z.output<typeof hostSchema>): HostRecord {
  const { id, name, enabled, host_type } = host;
  // The host's agent answers (host_status) and the host itself is in order (status): a target needs both.
  const agent = host.host_status ?? 'unknown';
  return {
    id,
    name,
    ...(host.access_ip && { addresses: [host.access_ip] }),
    status: agent === 'online' && host.status !== 'running' ? host.status : agent,
    enabled,
    host_type,
    cpu_architecture: host.cpu_architecture ?? 'unknown',
    cpu_count: host.cpu_count ?? 0,
    mem_size: host.mem_size ?? 0,
    ...(host.is_maintenance && { maintenance: true }),
    ...(host.zone && { tags: { az: host.zone } }),
  };
}

/** Guests that are on no host (being scheduled, or on the way in) are no part of the fleet yet. */
function toGuest(server: z.output<typeof guestSchema>): GuestRecord[] {
  const { id, name, host_id, status, vcpu_count, vmem_size } = server;
  if (!host_id) return [];
  const immovable = obstacleIn(server);
  const tags = Object.entries(server.metadata ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return [
    {
      id,
      name,
      host_id,
      status,
      vcpu_count,
      vmem_size,
      ...(immovable !== undefined && { immovable }),
      ...(tags.length > 0 && { tags: Object.fromEntries(tags) }),
    },
  ];
}

/** Why Cloudpods would not move the guest live, whatever the target. */
function obstacleIn(server: z.output<typeof guestSchema>): string | undefined {
  if (server.backup_host_id) return `has the backup host ${server.backup_host_id}`;
  const devices = server.isolated_devices?.length ?? 0;
  if (devices > 0) return `has ${devices} isolated device${devices === 1 ? '' : 's'}`;
  if (isMounted(server.cdrom)) return 'has a cdrom mounted';
  const local = (server.disks_info ?? []).find(({ storage_type: type }) => type?.startsWith('local'));
  if (local) return `has a disk on storage of type ${local.storage_type ?? 'local'}, which only its host reaches`;
  return undefined;
}

/** Drives stay in the list when they are empty; older servers give one text, newer ones a list of objects. */
function isMounted(cdrom: unknown): boolean {
  if (typeof cdrom === 'string') return cdrom !== '';
  if (Array.isArray(cdrom)) return cdrom.some(isMounted);
  if (typeof cdrom !== 'object' || cdrom === null) return false;
  return Object.values(cdrom).some((value) => typeof value === 'string' && value !== '');
}
