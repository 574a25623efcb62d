import type { Guest, Host, Snapshot } from '../../../src/fleet/fleet.js';
import { Random } from '../random.js';
import type { Trace } from './traces.js';

const MIB = 1024 ** 2;
const GIB_IN_MIB = 1024;

/** A fleet whose guests follow a trace. */
export interface DayFleet {
  name: string;
  /** The fleet as it stands before the first interval. */
  snapshot: Snapshot;
  /** For each guest id its course over the day, %. */
  usage: ReadonlyMap<string, readonly number[]>;
  /** Guests that come late or leave early: the intervals that they are there, from the first to without the last. */
  stays?: ReadonlyMap<string, { from: number; to: number }>;
}

const HOST_CPUS = [
  [16, 1],
  [24, 2],
  [32, 1],
] as const;
const GUEST_VCPUS = [
  [1, 3],
  [2, 3],
  [4, 1],
] as const;
/** MiB for each vCPU. */
const MEMORY_PER_VCPU = [
  [1 * GIB_IN_MIB, 1],
  [2 * GIB_IN_MIB, 2],
  [4 * GIB_IN_MIB, 2],
  [8 * GIB_IN_MIB, 1],
] as const;
/** Enough for all guests of a host and as many again: these days are about CPU. */
const HOST_MEMORY = 1536 * GIB_IN_MIB;

/** Means over the day that hosts are filled to, %. */
export const USUAL_FILL: readonly [number, number] = [35, 75];

/** One of several values, as often as its weight says. */
function weighted<T>(random: Random, choices: readonly (readonly [T, number])[]): T {
  const total = choices.reduce((sum, [, weight]) => sum + weight, 0);
  let left = random.between(0, total);
  for (const [value, weight] of choices) {
    left -= weight;
    if (left < 0) return value;
  }
  return choices[choices.length - 1]![0];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * A fleet of hosts of different sizes, each filled with guests until its mean over the day reaches a level drawn evenly from
 * a range. Every guest follows a column of the trace of its own as long as there are columns, then they are taken again.
 * @param hostCount - hosts.
 * @param seed - the same seed makes the same fleet.
 * @param fill - the range, %.
 */
export function makeFleet(trace: Trace, hostCount: number, seed: number, fill = USUAL_FILL): DayFleet {
  const [least, most] = fill;
  const random = new Random(seed * 1000 + hostCount);
  let columns = random.shuffled(trace.usage);
  const hosts: Host[] = [];
  const guests: Guest[] = [];
  const usage = new Map<string, readonly number[]>();

  // One from each of as many equal parts of the range: no seed makes a fleet of idle or of full hosts only.
  const fills = random.shuffled(
    Array.from({ length: hostCount }).map((_, part) => least + ((most - least) * (part + random.next())) / hostCount),
  );

  for (let index = 0; index < hostCount; index += 1) {
    const id = `host-${String(index + 1).padStart(2, '0')}`;
    const cpuCount = weighted(random, HOST_CPUS);
    const level = fills[index]!;
    let load = 0;
    let memory = 0;
    let now = 0;
    while (load < level) {
      if (columns.length === 0) columns = random.shuffled(trace.usage);
      const course = columns.pop()!;
      const vcpus = weighted(random, GUEST_VCPUS);
      const vmem = vcpus * weighted(random, MEMORY_PER_VCPU);
      const guestId = `guest-${String(guests.length + 1).padStart(4, '0')}`;
      usage.set(guestId, course);
      guests.push({
        id: guestId,
        name: guestId,
        host_id: id,
        status: 'running',
        vcpu_count: vcpus,
        vmem_size: vmem,
        metrics: { 'cpu.usage_active': course[0]! },
      });
      load += (mean(course) * vcpus) / cpuCount;
      now += (course[0]! * vcpus) / cpuCount;
      memory += vmem;
    }
    hosts.push({
      id,
      name: id,
      status: 'online',
      enabled: true,
      host_type: 'hypervisor',
      cpu_architecture: 'x86_64',
      cpu_count: cpuCount,
      mem_size: HOST_MEMORY,
      metrics: { 'cpu.usage_active': now, 'mem.available': (HOST_MEMORY - memory) * MIB },
    });
  }
  const snapshot = { taken_at: '2011-03-03T00:00:00Z', hosts, guests };
  return { name: `${trace.day} ${hostCount} hosts seed ${seed}`, snapshot, usage };
}
