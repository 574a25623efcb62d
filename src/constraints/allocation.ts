import type { Arrival, Capacity, FleetIndex } from '../balancer/index.js';
import type { Guest, Host } from '../fleet/fleet.js';
import type { Rule } from '../rules/rule.js';
import type { Constraint } from './constraint.js';

/** MiB as people say them. */
function gib(mib: number): string {
  return `${Math.round((mib / 1024) * 100) / 100} GiB`;
}

/** A guest never goes where there are fewer CPUs than it has vCPUs: it could not run all of them at once. */
function ownCpus(index: FleetIndex): Capacity {
  return {
    reason: 'too_few_cpus',
    counts: 'each',
    demand: ({ vcpu_count }) => vcpu_count,
    room: index.cpuCount,
    text: (guest, host) => `${host.cpu_count} CPUs, fewer than the ${guest.vcpu_count} vCPUs of guest ${guest.name}`,
    say: (amount) => `${amount} CPUs`,
  };
}

/** What is left of a host to give out, in whole numbers, with what is on its way. */
function left(
  index: FleetIndex,
  given: Float64Array,
  all: (host: Host) => number,
  demand: (guest: Guest) => number,
  arrivals: readonly Arrival[],
): Float64Array {
  const room = Float64Array.from(index.hosts, (host, at) => Math.floor(all(host) + 1e-9) - (given[at] ?? 0));
  for (const { guest, hostId } of arrivals) {
    const at = index.positionOf.get(hostId);
    if (at !== undefined) room[at] = (room[at] ?? 0) - demand(guest);
  }
  return room;
}

/**
 * What may be given out of a host, whatever is used of it: the CPUs that a guest needs at once always, and as ratios of all
 * memory and CPUs where the rule sets them.
 * @param allocation - ratios: 1 is as much as there is.
 * @param arrivals - what is on its way, and given out already.
 */
export function allocation(
  { memory, cpu }: NonNullable<Rule['allocation']>,
  index: FleetIndex,
  arrivals: readonly Arrival[],
): Constraint {
  const capacities: Capacity[] = [ownCpus(index)];
  if (memory !== undefined) {
    const demand = ({ vmem_size }: Guest) => vmem_size;
    capacities.push({
      reason: 'memory_allocation',
      counts: 'together',
      demand,
      room: left(index, index.givenMemory, ({ mem_size }) => memory * mem_size, demand, arrivals),
      text: (guest, host, room) =>
        `may give out ${gib(Math.max(0, room))} more (${memory} × ${gib(host.mem_size)} in all), guest ${guest.name} has ${gib(guest.vmem_size)}`,
      say: (amount) => `${gib(amount)} of memory to give out`,
    });
  }
  if (cpu !== undefined) {
    const demand = ({ vcpu_count }: Guest) => vcpu_count;
    capacities.push({
      reason: 'cpu_allocation',
      counts: 'together',
      demand,
      room: left(index, index.givenVcpus, ({ cpu_count }) => cpu * cpu_count, demand, arrivals),
      text: (guest, host, room) =>
        `may give out ${Math.max(0, room)} vCPUs more (${cpu} × ${host.cpu_count} CPUs in all), guest ${guest.name} has ${guest.vcpu_count}`,
      say: (amount) => `${amount} vCPUs to give out`,
    });
  }
  return { capacities };
}
