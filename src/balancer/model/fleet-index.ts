import type { Guest, Host, Snapshot } from '../../fleet/fleet.js';
import { unassignedMemory, readingOf } from './arithmetic.js';

/**
 * A snapshot, sorted, grouped and laid out in columns once, so that a plan touches only what it needs.
 * All columns go by the position of a host in {@link hosts}; a missing number is NaN, which no comparison lets through.
 */
export interface FleetIndex {
  /** By id, so that nothing depends on the order of the snapshot. */
  readonly hosts: readonly Host[];
  readonly positionOf: ReadonlyMap<string, number>;
  /** By host id; each list by guest id. */
  readonly guestsOf: ReadonlyMap<string, readonly Guest[]>;
  /** Hosts of one type and architecture have one number. */
  readonly kind: Int32Array;
  /** 1 for what is enabled, online and not under maintenance. */
  readonly isOpen: Uint8Array;
  readonly cpuCount: Float64Array;
  /** CPU readings, %. */
  readonly cpu: Float64Array;
  /** Available memory with its sign turned, bytes; so that it rises with what a host takes on. */
  readonly memory: Float64Array;
  /** The same, but without a reading what the host's guests were not given. */
  readonly memoryOrGiven: Float64Array;
  readonly ones: Float64Array;
  /** What the guests on a host were given: MiB, and vCPUs. */
  readonly givenMemory: Float64Array;
  readonly givenVcpus: Float64Array;
}

interface Cached {
  hosts: readonly Host[];
  guests: readonly Guest[];
  index: FleetIndex;
}

const cache = new WeakMap<Snapshot, Cached>();

/** Orders by id, by code unit: the same on every machine and in every locale. */
export function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/**
 * The index of a snapshot; built on the first call, kept as long as the snapshot lives.
 * @param snapshot - must not be changed afterwards.
 */
export function fleetIndex(snapshot: Snapshot): FleetIndex {
  const known = cache.get(snapshot);
  if (known?.hosts === snapshot.hosts && known.guests === snapshot.guests) return known.index;
  const index = build(snapshot);
  cache.set(snapshot, { hosts: snapshot.hosts, guests: snapshot.guests, index });
  return index;
}

function build(snapshot: Snapshot): FleetIndex {
  const hosts = [...snapshot.hosts].sort(byId);
  const guestsOf = groupGuests(snapshot.guests);
  const kindOf = kindNumbers();
  const column = (value: (host: Host) => number | undefined) =>
    Float64Array.from(hosts, (host) => value(host) ?? Number.NaN);
  const available = column((host) => readingOf(host, 'mem.available'));
  const given = (amount: (guest: Guest) => number) =>
    Float64Array.from(hosts, ({ id }) => (guestsOf.get(id) ?? []).reduce((sum, guest) => sum + amount(guest), 0));
  const givenMemory = given(({ vmem_size }) => vmem_size);
  return {
    hosts,
    positionOf: new Map(hosts.map(({ id }, position) => [id, position])),
    guestsOf,
    kind: Int32Array.from(hosts, kindOf),
    isOpen: Uint8Array.from(hosts, ({ enabled, status, maintenance }) => {
      return enabled && status === 'online' && !maintenance ? 1 : 0;
    }),
    cpuCount: column(({ cpu_count }) => cpu_count),
    cpu: column((host) => readingOf(host, 'cpu.usage_active')),
    memory: available.map((bytes) => -bytes),
    memoryOrGiven: available.map((bytes, position) => {
      const host = hosts[position];
      return Number.isNaN(bytes) && host ? -unassignedMemory(host.mem_size, givenMemory[position]!) : -bytes;
    }),
    ones: new Float64Array(hosts.length).fill(1),
    givenMemory,
    givenVcpus: given(({ vcpu_count }) => vcpu_count),
  };
}

function groupGuests(guests: readonly Guest[]): Map<string, Guest[]> {
  const guestsOf = new Map<string, Guest[]>();
  for (const guest of guests) {
    const list = guestsOf.get(guest.host_id);
    if (list) list.push(guest);
    else guestsOf.set(guest.host_id, [guest]);
  }
  for (const list of guestsOf.values()) list.sort(byId);
  return guestsOf;
}

/** Numbers the kinds of hosts as they turn up. */
function kindNumbers(): (host: Host) => number {
  const numbers = new Map<string, Map<string, number>>();
  let next = 0;
  return ({ host_type, cpu_architecture }) => {
    let byArchitecture = numbers.get(host_type);
    if (!byArchitecture) numbers.set(host_type, (byArchitecture = new Map<string, number>()));
    let number = byArchitecture.get(cpu_architecture);
    if (number === undefined) byArchitecture.set(cpu_architecture, (number = next++));
    return number;
  };
}
