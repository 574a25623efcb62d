import type { GuestRecord, HostRecord, Inventory } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import { answered, askHosts, wordsOf } from './hosts.js';
import { immovableReason, tiesCommand } from './immovable.js';
import type { Domain, HostFacts } from './parse.js';
import { parseDomains, parseHostFacts } from './parse.js';
import type { LibvirtHost } from './uris.js';
import type { Virsh } from './virsh.js';

/** What one host's daemon tells. */
export interface HostContents {
  facts: HostFacts;
  domains: Domain[];
  /** Why a guest cannot move, by UUID. */
  immovable: Map<string, string>;
}

/** Guests whose descriptions are asked for in one run of virsh: a command line holds 128 KiB. */
const MOST_AT_ONCE = 200;

/** Asks one daemon for its host and guests. @throws FleetError that names the host. */
export async function readHost(
  virsh: Virsh,
  host: LibvirtHost,
  sharedPaths: readonly string[],
  signal?: AbortSignal,
): Promise<HostContents> {
  const commands = ['hostname', 'nodeinfo', 'nodememstats', 'capabilities'];
  const guestCommands = ['list --all --uuid --name', 'domstats --state --vcpu --balloon --nowait'];
  const { outputs, words } = await virsh.ask(host, [...commands, ...guestCommands], signal);
  const [hostname = '', nodeinfo = '', memstats = '', capabilities = '', list = '', domstats = ''] = outputs;
  let facts: HostFacts;
  try {
    facts = parseHostFacts(hostname, nodeinfo, memstats, capabilities);
  } catch (error) {
    throw new FleetError('libvirt', `${host.name}: ${[wordsOf(error), words].filter(Boolean).join('; ')}`, {
      cause: error,
    });
  }
  // Guests on this host that could not be told would look as if they had gone.
  if (list.trim() !== '' && domstats.trim() === '') throw new FleetError('libvirt', `${host.name}: domstats: ${words}`);
  const domains = parseDomains(list, domstats);

  const immovable = new Map<string, string>();
  const active = domains.filter(({ state, incoming }) => state === 'running' && !incoming);
  for (let from = 0; from < active.length; from += MOST_AT_ONCE) {
    const some = active.slice(from, from + MOST_AT_ONCE);
    const answer = await virsh.ask(
      host,
      some.map(({ uuid }) => tiesCommand(uuid)),
      signal,
    );
    some.forEach(({ uuid }, index) => {
      const reason = immovableReason(answer.outputs[index] ?? '', sharedPaths);
      if (reason !== undefined) immovable.set(uuid, reason);
    });
  }
  return { facts, domains, immovable };
}

/** Reads the whole fleet. A host whose daemon does not answer is `offline`, with what was last known of it. */
export function createInventory(virsh: Virsh, hosts: readonly LibvirtHost[], sharedPaths: readonly string[]) {
  const lastKnown = new Map<string, HostFacts>();

  return async (signal?: AbortSignal): Promise<Inventory> => {
    signal?.throwIfAborted();
    const answers = await askHosts(hosts, (host) => readHost(virsh, host, sharedPaths, signal), signal);
    const good = answered(answers);
    for (const { host, value } of good) {
      const twin = good.find((other) => other.host !== host && other.value.facts.uuid === value.facts.uuid);
      if (twin && value.facts.uuid !== '') {
        const names = `${host.name} and ${twin.host.name}`;
        throw new FleetError('libvirt', `${names} are one host: both have the host UUID ${value.facts.uuid}`);
      }
      lastKnown.set(host.name, value.facts);
    }
    return {
      hosts: answers.map((answer) => {
        const trouble = 'error' in answer ? wordsOf(answer.error) : undefined;
        return toHost(answer.host, lastKnown.get(answer.host.name), trouble);
      }),
      guests: toGuests(good.map(({ host, value }) => ({ host, contents: value }))),
    };
  };
}

function toHost(host: LibvirtHost, facts: HostFacts | undefined, trouble: string | undefined): HostRecord {
  const addresses = [new URL(host.uri).hostname, new URL(host.destUri).hostname, facts?.hostname, facts?.uuid];
  return {
    id: host.name,
    name: host.name,
    addresses: [...new Set(addresses)].filter(
      (each) => each !== undefined && each !== '' && each !== host.name,
    ) as string[],
    status: trouble === undefined ? 'online' : 'offline',
    enabled: true,
    host_type: facts ? (facts.kvm ? 'kvm' : 'qemu') : 'unknown',
    cpu_architecture: facts?.architecture ?? 'unknown',
    // An offline host takes no part in any sum; a snapshot file wants at least one CPU.
    cpu_count: facts?.cpuCount ?? 1,
    mem_size: facts?.memoryMiB ?? 0,
    tags: {
      ...(facts?.uuid && { host_uuid: facts.uuid }),
      ...(facts?.cpuModel && { cpu_model: facts.cpuModel }),
      ...(trouble !== undefined && { offline_reason: trouble }),
    },
  };
}

/** Every guest once: where it is active, though other hosts may hold a definition of it or be taking it in. */
function toGuests(all: readonly { host: LibvirtHost; contents: HostContents }[]): GuestRecord[] {
  const guests = new Map<string, { domain: Domain; record: GuestRecord }>();
  const arriving = new Set<string>();
  for (const { host, contents } of all) {
    for (const domain of contents.domains) {
      if (domain.incoming) arriving.add(domain.uuid);
      const other = guests.get(domain.uuid);
      if (other && presence(other.domain) >= presence(domain)) continue;
      const immovable = contents.immovable.get(domain.uuid);
      const record: GuestRecord = {
        id: domain.uuid,
        name: domain.name,
        host_id: host.name,
        status: domain.state,
        vcpu_count: domain.vcpus,
        vmem_size: domain.memoryMiB,
        ...(domain.heldMiB !== undefined && { mem_held: domain.heldMiB }),
        ...(immovable !== undefined && { immovable }),
      };
      guests.set(domain.uuid, { domain, record });
    }
  }
  // While a host takes it in, a guest is no candidate for a further move.
  return [...guests.values()].map(({ record }) =>
    arriving.has(record.id) ? { ...record, status: 'migrating' } : record,
  );
}

/** How much of a guest a host has: 3 it runs there, 2 it rests there, 1 it comes or goes, 0 it is only defined. */
function presence({ state, incoming }: Domain): number {
  if (state === 'running') return 3;
  if (incoming) return 1;
  return state === 'shut off' ? 0 : 2;
}
