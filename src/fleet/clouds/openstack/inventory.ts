import { z } from 'zod';
import type { GuestRecord, HostRecord, Inventory } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { checked } from '../answers.js';
import type { PlacementFacts, ServerGroup } from './scheduling-constraints.js';
import { serversVersion, versionHeader } from './microversions.js';
import { readPages } from './pages.js';
import { readServerGroups } from './server-groups.js';

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
  'OS-EXT-STS:power_state': z.number().nullish(),
  pinned_availability_zone: z.string().nullish(),
  flavor: z
    .object({ vcpus: z.number(), ram: z.number(), extra_specs: z.record(z.string(), z.string()).nullish() })
    .optional(),
  metadata: z.record(z.string(), z.string()).nullish(),
});

const servicesSchema = z.object({
  services: z.array(
    z.object({
      host: z.string(),
      // Absent, like all but host and status, where the service's cell does not answer.
      zone: z.string().optional(),
      state: z.string().optional(),
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
 * All compute hosts and servers of every project, and what they tell of where Nova lets guests go.
 * @throws FleetError also where a cell does not answer, or the lists change while they are read: never half a picture.
 */
export async function readInventory(
  client: HttpClient,
  system: string,
  signal?: AbortSignal,
): Promise<{ inventory: Inventory; facts: PlacementFacts }> {
  const version = await serversVersion(client, system, signal);
  const services = await readServices(client, system, signal);
  const common = { client, system, ...(signal && { signal }) };
  const [hypervisors, servers, aggregates, groups] = await Promise.all([
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
      headers: versionHeader(version),
    }),
    readAggregates(client, system, signal),
    readServerGroups(client, system, signal),
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
  const held = groupByMember(groups.filter(({ policy }) => policy === 'affinity'));
  const guests = servers.flatMap((server) => toGuest(server, held.get(server.id), system));
  const facts: PlacementFacts = {
    zones: new Map(hosts.map(({ service: { host } }) => [host, services.get(host)?.zone])),
    pins: new Map(servers.flatMap(({ id, pinned_availability_zone: zone }) => (zone ? [[id, zone] as const] : []))),
    hostOf: new Map(guests.map(({ id, host_id }) => [id, host_id])),
    groups,
  };
  return { inventory: { hosts: hosts.map((each) => toHost(each, { services, aggregates })), guests }, facts };
}

/**
 * Compute services by host.
 * @throws FleetError that names the hosts whose cell does not answer: Nova then has no list of hypervisors at all.
 */
async function readServices(
  client: HttpClient,
  system: string,
  signal?: AbortSignal,
): Promise<Surroundings['services']> {
  const what = 'list compute services';
  const params = { binary: 'nova-compute' };
  const answer = await client.read({ what, method: 'GET', path: '/os-services', params, ...(signal && { signal }) });
  const { services } = checked(system, what, servicesSchema, answer);
  const lost = services.filter(({ status }) => status === 'UNKNOWN').map(({ host }) => host);
  if (lost.length > 0) {
    const more = lost.length > 3 ? ` and ${lost.length - 3} more` : '';
    const hosts = `${lost.slice(0, 3).join(', ')}${more}`;
    throw new FleetError(system, `${what}: the cell of ${hosts} does not answer, so that Nova does not know its hosts`);
  }
  return new Map(services.map((service) => [service.host, service]));
}

/** Names of the aggregates by host. */
async function readAggregates(
  client: HttpClient,
  system: string,
  signal?: AbortSignal,
): Promise<Map<string, string[]>> {
  const what = 'list aggregates';
  const answer = await client.read({ what, method: 'GET', path: '/os-aggregates', ...(signal && { signal }) });
  const byHost = new Map<string, string[]>();
  for (const { name, hosts } of checked(system, what, aggregatesSchema, answer).aggregates) {
    for (const host of hosts ?? []) byHost.set(host, [...(byHost.get(host) ?? []), name]);
  }
  return byHost;
}

function groupByMember(groups: readonly ServerGroup[]): Map<string, ServerGroup> {
  return new Map(groups.flatMap((group) => group.members.map((id) => [id, group] as const)));
}

function toHost(hypervisor: Hypervisor, { services, aggregates }: Surroundings): HostRecord {
  const { host } = hypervisor.service;
  const service = services.get(host);
  const isUp = hypervisor.state === 'up' && service?.state !== 'down' && !service?.forced_down;
  const names = aggregates.get(host) ?? [];
  const tags = {
    ...(service?.zone !== undefined && { az: service.zone }),
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
function toGuest(server: Server, affinity: ServerGroup | undefined, system: string): GuestRecord[] {
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
  // Nova finds no valid host for a member of an affinity group, even for the only one.
  const immovable =
    passthrough !== undefined
      ? `has the passed-through device ${passthrough}`
      : affinity && `is in the affinity group ${affinity.name}, which Nova keeps on one host`;
  return [
    {
      id,
      name: server.name ?? id,
      host_id: host,
      status: statusOf(server),
      vcpu_count: flavor.vcpus,
      vmem_size: flavor.ram,
      ...(immovable !== undefined && { immovable }),
      ...(metadata && Object.keys(metadata).length > 0 && { tags: metadata }),
    },
  ];
}

/** Nova's power states besides 1, running. */
const POWER_STATES: Record<number, string> = {
  0: 'no state',
  3: 'paused',
  4: 'shut down',
  6: 'crashed',
  7: 'suspended',
};

/** `running` only for a server that runs and has nothing else going on. */
export function statusOf(server: Pick<Server, 'status' | 'OS-EXT-STS:task_state' | 'OS-EXT-STS:power_state'>): string {
  const { status, 'OS-EXT-STS:task_state': task, 'OS-EXT-STS:power_state': power } = server;
  if (task) return task;
  if (status !== 'ACTIVE') return status.toLowerCase();
  // A guest that has ended by itself stays ACTIVE until Nova looks, and Nova refuses to move it.
  return power === 1 || power === undefined || power === null
    ? 'running'
    : `active with power state ${POWER_STATES[power] ?? power}`;
}
