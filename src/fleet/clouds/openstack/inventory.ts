import { z } from 'zod';
import type { GuestRecord, HostRecord, Inventory } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { checked } from '../answers.js';
import { readPages } from './pages.js';

const hypervisorSchema = z.object({
  id: z.union([z.string(), z.number()]).transform(String),
  hypervisor_hostname: z.string().min(1),
  hypervisor_type: z.string(),
  host_ip: z.string().nullish(),
  state: z.string(),
  status: z.string(),
  vcpus: z.number(),
  memory_mb: z.number(),
  cpu_info: z.unknown().optional(),
  service: z.object({ host: z.string().min(1) }),
});

const serverSchema = z.object({
  id: z.string().min(1),
  name: z.string().nullish(),
  status: z.string(),
  'OS-EXT-SRV-ATTR:host': z.string().nullish(),
  'OS-EXT-STS:task_state': z.string().nullish(),
  flavor: z
    .object({ vcpus: z.number(), ram: z.number(), extra_specs: z.record(z.string(), z.string()).nullish() })
    .optional(),
  metadata: z.record(z.string(), z.string()).nullish(),
});

const servicesSchema = z.object({
  services: z.array(
    z.object({
      host: z.string(),
      zone: z.string(),
      state: z.string(),
      status: z.string(),
      forced_down: z.boolean().nullish(),
    }),
  ),
});

const aggregatesSchema = z.object({
  aggregates: z.array(z.object({ name: z.string(), hosts: z.array(z.string()).nullish() })),
});

type Hypervisor = z.output<typeof hypervisorSchema>;
type Server = z.output<typeof serverSchema>;

/** What is known of a host beside its hypervisor. */
interface Surroundings {
  services: Map<string, z.output<typeof servicesSchema>['services'][number]>;
  /** Names of the aggregates by host. */
  aggregates: Map<string, string[]>;
}

/**
 * All compute hosts and servers of every project.
 * @throws FleetError also where a cell does not answer, or the lists change while they are read: never half a picture.
 */
export async function readInventory(client: HttpClient, system: string, signal?: AbortSignal): Promise<Inventory> {
  const common = { client, system, ...(signal && { signal }) };
  const [hypervisors, servers, surroundings] = await Promise.all([
    readPages({
      ...common,
      path: ['os-hypervisors', 'detail'],
      key: 'hypervisors',
      schema: hypervisorSchema,
      idOf: ({ id }: Hypervisor) => id,
    }),
    readPages({
      ...common,
      path: ['servers', 'detail'],
      key: 'servers',
      schema: serverSchema,
      idOf: ({ id }: Server) => id,
      params: { all_tenants: 1 },
    }),
    readSurroundings(client, system, signal),
  ]);
  // Ironic's nodes are bare metal, all behind one compute service: they hold no guests.
  const hosts = hypervisors.filter((each) => each.hypervisor_type.toLowerCase() !== 'ironic');
  const known = new Set<string>();
  for (const { service, hypervisor_hostname: name } of hosts) {
    if (known.has(service.host)) {
      throw new FleetError(system, `list hypervisors: compute service ${service.host} has several, one is ${name}`);
    }
    known.add(service.host);
  }
  const guests = servers.flatMap((server) => toGuest(server, system));
  return { hosts: hosts.map((each) => toHost(each, surroundings)), guests };
}

async function readSurroundings(client: HttpClient, system: string, signal?: AbortSignal): Promise<Surroundings> {
  const read = (what: string, path: string, params?: Record<string, string>) =>
    client.read({ what, method: 'GET', path, ...(params && { params }), ...(signal && { signal }) });
  const [services, aggregates] = await Promise.all([
    read('list compute services', '/os-services', { binary: 'nova-compute' }),
    read('list aggregates', '/os-aggregates'),
  ]);
  const byHost = new Map<string, string[]>();
  for (const { name, hosts } of checked(system, 'list aggregates', aggregatesSchema, aggregates).aggregates) {
    for (const host of hosts ?? []) byHost.set(host, [...(byHost.get(host) ?? []), name]);
  }
  const list = checked(system, 'list compute services', servicesSchema, services).services;
  return { services: new Map(list.map((service) => [service.host, service])), aggregates: byHost };
}

function toHost(hypervisor: Hypervisor, { services, aggregates }: Surroundings): HostRecord {
  const { host } = hypervisor.service;
  const service = services.get(host);
  const isUp = hypervisor.state === 'up' && service?.state !== 'down' && !service?.forced_down;
  const names = aggregates.get(host) ?? [];
  const tags = {
    ...(service && { az: service.zone }),
    ...(names.length > 0 && { aggregates: names.sort().join(',') }),
  };
  // Alerts name a host by any of these.
  const addresses = [host, hypervisor.id, ...(hypervisor.host_ip ? [hypervisor.host_ip] : [])];
  return {
    id: host,
    name: hypervisor.hypervisor_hostname,
    addresses,
    status: isUp ? 'online' : 'down',
    enabled: hypervisor.status === 'enabled' && (service?.status ?? 'enabled') === 'enabled',
    host_type: hypervisor.hypervisor_type.toLowerCase(),
    cpu_architecture: architectureIn(hypervisor.cpu_info),
    cpu_count: hypervisor.vcpus,
    mem_size: hypervisor.memory_mb,
    ...(Object.keys(tags).length > 0 && { tags }),
  };
}

/** `cpu_info` is an object, and empty for drivers that know nothing of it. */
function architectureIn(cpuInfo: unknown): string {
  const isObject = typeof cpuInfo === 'object' && cpuInfo !== null && 'arch' in cpuInfo;
  return isObject && typeof cpuInfo.arch === 'string' && cpuInfo.arch !== '' ? cpuInfo.arch : 'unknown';
}

/** Servers that are on no host (shelved, being built, in error) are no part of the fleet. */
function toGuest(server: Server, system: string): GuestRecord[] {
  const { id, flavor, metadata } = server;
  const host = server['OS-EXT-SRV-ATTR:host'];
  if (!flavor || host === undefined) {
    // What stays of a server whose cell does not answer (since 2.69), or of one that we may not look into.
    const why = server.status === 'UNKNOWN' ? 'its cell does not answer' : 'administrator rights are needed to see it';
    const missing = flavor ? 'OS-EXT-SRV-ATTR:host' : 'flavor';
    throw new FleetError(system, `list servers: server ${server.name ?? id} has no ${missing}: ${why}`);
  }
  if (host === null || host === '') return [];
  const passthrough = flavor.extra_specs?.['pci_passthrough:alias'];
  return [
    {
      id,
      name: server.name ?? id,
      host_id: host,
      status: statusOf(server),
      vcpu_count: flavor.vcpus,
      vmem_size: flavor.ram,
      ...(passthrough !== undefined && { immovable: `has the passed-through device ${passthrough}` }),
      ...(metadata && Object.keys(metadata).length > 0 && { tags: metadata }),
    },
  ];
}

/** `running` only for a server that runs and has nothing else going on. */
export function statusOf(server: Pick<Server, 'status' | 'OS-EXT-STS:task_state'>): string {
  const task = server['OS-EXT-STS:task_state'];
  if (task) return task;
  return server.status === 'ACTIVE' ? 'running' : server.status.toLowerCase();
}
