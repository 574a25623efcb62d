import type { PlanRequest } from '../support/plan.js';
import type { Guest, Host } from '../../src/fleet/fleet.js';
import { Random } from './random.js';

const GIB = 1024 ** 3;

/** How much room the hosts beside the alerting ones have. */
export const TIGHTNESS = ['roomy', 'fair', 'tight', 'scarce'] as const;
export type Tightness = (typeof TIGHTNESS)[number];

export interface BenchCase {
  name: string;
  tightness: Tightness;
  request: PlanRequest;
}

interface Shape {
  hosts: number;
  guestsPerHost: number;
  sources: number;
  metric: 'cpu.usage_active' | 'mem.available';
  tightness: Tightness;
  /** Some hosts and guests are odd, some readings are missing. */
  odd: boolean;
  restrictTargets: boolean;
  restrictGuests: boolean;
}

const SIZES: readonly { cpu_count: number; mem_size: number }[] = [
  { cpu_count: 16, mem_size: 65536 },
  { cpu_count: 32, mem_size: 131072 },
  { cpu_count: 40, mem_size: 262144 },
  { cpu_count: 64, mem_size: 524288 },
];
const FLAVORS: readonly (readonly [vcpus: number, memory: number])[] = [
  [1, 1024],
  [1, 2048],
  [2, 2048],
  [2, 4096],
  [4, 4096],
  [4, 8192],
  [4, 16384],
  [8, 8192],
  [8, 16384],
  [8, 32768],
  [16, 32768],
];

function makeGuest(random: Random, id: string, hostId: string, odd: boolean): Guest {
  const [vcpu_count, size] = random.pick(FLAVORS);
  const usage = random.chance(0.5) ? random.between(1, 30) : random.between(20, 95);
  return {
    id,
    name: `vm-${id}`,
    host_id: hostId,
    status: odd && random.chance(0.05) ? 'ready' : 'running',
    vcpu_count,
    vmem_size: random.chance(0.15) ? random.integer(600, 20000) : size,
    metrics: odd && random.chance(0.05) ? {} : { 'cpu.usage_active': usage },
  };
}

/** Room on a target in the watched metric and for the guard: shares of what the sources' guests need on average. */
function roomFactor(random: Random, tightness: Tightness): number {
  switch (tightness) {
    case 'roomy':
      return random.between(3, 10);
    case 'fair':
      return random.between(0.5, 4);
    case 'tight':
      return random.between(0, 2);
    case 'scarce':
      return random.between(-0.5, 1.2);
  }
}

/** A fleet and an alert on it, from a seed. */
export function makeCase(seed: number, shape: Shape): PlanRequest {
  const random = new Random(seed);
  const isCpu = shape.metric === 'cpu.usage_active';
  const threshold = isCpu ? random.pick([60, 70, 80]) : random.pick([8, 16, 32]) * GIB;
  const guests: Guest[] = [];
  const hosts = Array.from({ length: shape.hosts }, (_, at): Host => {
    const id = `h${String(at).padStart(4, '0')}`;
    const size = random.pick(SIZES);
    const isSource = at < shape.sources;
    const count = Math.max(1, Math.round(shape.guestsPerHost * random.between(0.6, 1.4)));
    const own = Array.from({ length: count }, (_, n) => makeGuest(random, `${id}-g${n}`, id, shape.odd));
    guests.push(...own);
    const meanCpu = own.reduce((sum, g) => sum + (g.metrics['cpu.usage_active'] ?? 0) * g.vcpu_count, 0) / count;
    const meanMemory = (own.reduce((sum, g) => sum + g.vmem_size, 0) / count) * 1024 * 1024;
    const { tightness } = shape;
    const cpuRoom = (roomFactor(random, tightness) * meanCpu) / size.cpu_count;
    const memoryRoom = roomFactor(random, tightness) * meanMemory;
    let cpu: number;
    let memory: number;
    if (isCpu) {
      const excess = (random.between(0.1, 3) * meanCpu) / size.cpu_count;
      cpu = isSource ? threshold + excess : threshold - cpuRoom;
      memory = isSource ? 4 * GIB : GIB + 2 * memoryRoom;
    } else {
      cpu = isSource ? 50 : 95 - 2 * cpuRoom;
      const available = threshold - random.between(0.1, 3) * meanMemory;
      memory = isSource ? Math.max(available, random.between(0, GIB)) : threshold + memoryRoom;
    }
    const odd = (share: number): boolean => shape.odd && !isSource && random.chance(share);
    const silentCpu = odd(0.04);
    const silentMemory = odd(0.04);
    return {
      id,
      name: `node-${id}`,
      status: odd(0.04) ? 'offline' : 'online',
      enabled: !odd(0.06),
      maintenance: odd(0.04),
      host_type: odd(0.04) ? 'esxi' : 'hypervisor',
      cpu_architecture: odd(0.04) ? 'aarch64' : 'x86_64',
      ...size,
      metrics: {
        ...(!silentCpu && { 'cpu.usage_active': Math.min(99, Math.max(1, cpu)) }),
        ...(!silentMemory && { 'mem.available': Math.max(0, Math.round(memory)) }),
      },
    };
  });
  const targets = hosts.slice(shape.sources).map(({ id }) => id);
  const sourceIds = new Set(hosts.slice(0, shape.sources).map(({ id }) => id));
  const ofSources = guests.filter(({ host_id }) => sourceIds.has(host_id));
  const most = <T>(entries: readonly T[], share: number): T[] =>
    random.shuffled(entries).slice(0, Math.ceil(entries.length * share));
  return {
    snapshot: { taken_at: '2022-06-28T07:40:02Z', hosts: random.shuffled(hosts), guests: random.shuffled(guests) },
    rule: {
      name: 'bench',
      metric: shape.metric,
      threshold,
      source: { hosts: [], guests: shape.restrictGuests ? most(ofSources, 0.6).map(({ id }) => id) : [] },
      target: { hosts: shape.restrictTargets ? most(targets, 0.5) : [] },
    },
    sourceIds: [...sourceIds],
  };
}

/** The cases of the benchmark; another first seed makes other fleets of the same kinds. */
export function benchCases(count: number, firstSeed = 1): BenchCase[] {
  return Array.from({ length: count }, (_, at) => {
    const seed = firstSeed + at;
    const random = new Random(seed * 7919);
    const tightness = TIGHTNESS[at % TIGHTNESS.length]!;
    const shape: Shape = {
      hosts: random.pick([6, 10, 16, 24, 40]),
      guestsPerHost: random.pick([6, 10, 16, 24]),
      sources: random.pick([1, 1, 2, 3, 4]),
      metric: random.chance(0.6) ? 'cpu.usage_active' : 'mem.available',
      tightness,
      odd: random.chance(0.5),
      restrictTargets: random.chance(0.25),
      restrictGuests: random.chance(0.25),
    };
    return { name: `${tightness}-${seed}`, tightness, request: makeCase(seed, shape) };
  });
}
