import type { Guest, Host } from '../../src/fleet/fleet.js';
import type { BenchCase } from './cases.js';
import { Random } from './random.js';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** Fleets of a character of their own, apart from the random mix of the other cases. */
export const CHARACTERS = [
  'mixed sizes',
  'four sources, tight',
  'equal guests',
  'memory to the MiB',
  'many idle guests',
  'one huge guest',
  'two targets',
  'memory floor',
  'round numbers',
] as const;
export type Character = (typeof CHARACTERS)[number];

interface Draft {
  metric: 'cpu.usage_active' | 'mem.available';
  threshold: number;
  sources: number;
  targets: number;
  /** How much of what the sources have to give away fits on all targets together, about. */
  room: number;
  guests: number;
  size: () => number;
  vcpus: () => number;
  usage: () => number;
  /** Room in the guard, as a share of what the guests that go would need. */
  guardRoom: number;
  /** Excess of a source as a share of what its guests take up. */
  excess: () => number;
  cpuCount: () => number;
  hugeGuest: boolean;
  restricted: number;
  /** What readings are rounded to: % and bytes. */
  grain: { cpu: number; memory: number };
}

function draftOf(character: Character, random: Random): Draft {
  const usual: Draft = {
    metric: random.chance(0.5) ? 'cpu.usage_active' : 'mem.available',
    threshold: 0,
    sources: random.integer(1, 3),
    targets: random.integer(4, 20),
    room: random.between(0.8, 3),
    guests: random.integer(8, 24),
    size: () => random.pick([1024, 2048, 4096, 8192, 16384, 32768]),
    vcpus: () => random.pick([1, 2, 4, 8, 16]),
    usage: () => random.between(1, 95),
    guardRoom: random.between(1.5, 4),
    excess: () => random.between(0.1, 0.6),
    cpuCount: () => random.pick([16, 32, 40, 64, 128]),
    hugeGuest: false,
    restricted: 0,
    grain: { cpu: 1e-6, memory: 4096 },
  };
  const cpu = { metric: 'cpu.usage_active' as const };
  const memory = { metric: 'mem.available' as const };
  switch (character) {
    case 'mixed sizes':
      return {
        ...usual,
        size: () => Math.round(256 * 2 ** random.between(0, 10)),
        vcpus: () => Math.round(2 ** random.between(0, 6)),
        usage: () => Math.min(100, 2 ** random.between(-4, 7)),
      };
    case 'four sources, tight':
      return { ...usual, sources: 4, room: random.between(0.9, 1.3), targets: random.integer(3, 8) };
    case 'equal guests': {
      const size = random.pick([2048, 4096, 8192]);
      const vcpus = random.pick([2, 4]);
      const usage = random.between(20, 80);
      const alike = { size: () => size, vcpus: () => vcpus, usage: () => usage };
      return { ...usual, ...alike, room: random.between(0.9, 2) };
    }
    case 'memory to the MiB':
      return { ...usual, ...memory, room: random.between(0.95, 1.2), grain: { cpu: 1e-6, memory: MIB } };
    case 'many idle guests':
      return {
        ...usual,
        guests: 60,
        usage: () => (random.chance(0.7) ? random.pick([0, 0.01]) : random.between(5, 90)),
      };
    case 'one huge guest':
      return { ...usual, hugeGuest: true, room: random.between(1, 2) };
    case 'two targets':
      return { ...usual, restricted: random.integer(1, 2), room: random.between(1, 2) };
    case 'memory floor':
      return { ...usual, ...cpu, guardRoom: random.between(0.7, 1.2), room: random.between(2, 5) };
    case 'round numbers':
      return {
        ...usual,
        ...cpu,
        usage: () => random.integer(1, 19) * 5,
        cpuCount: () => random.pick([10, 20, 40, 50]),
        grain: { cpu: 1, memory: GIB },
        room: random.between(0.9, 1.5),
      };
  }
}

function roundedTo(value: number, grain: number): number {
  return Math.round(value / grain) * grain;
}

function makeRequest(draft: Draft, random: Random): BenchCase['request'] {
  const isCpu = draft.metric === 'cpu.usage_active';
  const threshold = isCpu ? random.pick([60, 70, 80]) : random.pick([8, 16]) * GIB;
  const hosts: Host[] = [];
  const guests: Guest[] = [];
  let needed = 0;
  let neededGuard = 0;
  const base = (id: string): Host => ({
    id,
    name: `node-${id}`,
    status: 'online',
    enabled: true,
    host_type: 'hypervisor',
    cpu_architecture: 'x86_64',
    cpu_count: draft.cpuCount(),
    mem_size: 524288,
    metrics: {},
  });
  for (let at = 0; at < draft.sources; at++) {
    const source = base(`s${at}`);
    const own = Array.from({ length: draft.guests }, (_, n): Guest => {
      const isHuge = draft.hugeGuest && n === 0;
      return {
        id: `s${at}-${n}`,
        name: `vm-${at}-${n}`,
        host_id: source.id,
        status: 'running',
        vcpu_count: isHuge ? Math.floor(source.cpu_count / 2) : draft.vcpus(),
        vmem_size: isHuge ? 131072 : draft.size(),
        metrics: { 'cpu.usage_active': isHuge ? 70 : draft.usage() },
      };
    });
    guests.push(...own);
    const load = own.reduce((sum, g) => sum + g.metrics['cpu.usage_active']! * g.vcpu_count, 0);
    const bytes = own.reduce((sum, g) => sum + g.vmem_size, 0) * MIB;
    const share = draft.excess();
    const points = Math.min(99 - threshold, (share * load) / source.cpu_count);
    const wanted = Math.min(threshold, share * bytes);
    needed += isCpu ? points * source.cpu_count : wanted;
    neededGuard += isCpu ? share * bytes : share * load;
    source.metrics = isCpu
      ? { 'cpu.usage_active': roundedTo(threshold + points, draft.grain.cpu), 'mem.available': 4 * GIB }
      : { 'cpu.usage_active': 50, 'mem.available': roundedTo(threshold - wanted, draft.grain.memory) };
    hosts.push(source);
  }
  const shares = Array.from({ length: draft.restricted || draft.targets }, () => random.between(0.3, 1.7));
  const total = shares.reduce((sum, share) => sum + share, 0);
  for (let at = 0; at < draft.targets; at++) {
    const target = base(`t${at}`);
    const share = (shares[at] ?? 1) / total;
    const room = draft.room * needed * share * 1.4;
    const guardRoom = draft.guardRoom * neededGuard * share * random.between(0.7, 1.3);
    target.metrics = isCpu
      ? {
          'cpu.usage_active': Math.max(1, roundedTo(threshold - room / target.cpu_count, draft.grain.cpu)),
          'mem.available': roundedTo(GIB + guardRoom, draft.grain.memory),
        }
      : {
          'cpu.usage_active': Math.max(1, roundedTo(95 - guardRoom / target.cpu_count, draft.grain.cpu)),
          'mem.available': roundedTo(threshold + room, draft.grain.memory),
        };
    hosts.push(target);
  }
  const named = draft.restricted > 0 ? Array.from({ length: draft.restricted }, (_, at) => `t${at}`) : [];
  return {
    snapshot: { taken_at: '2022-06-28T07:40:02Z', hosts: random.shuffled(hosts), guests: random.shuffled(guests) },
    rule: {
      name: 'bench',
      metric: draft.metric,
      threshold,
      source: { hosts: [], guests: [] },
      target: { hosts: named },
    },
    sourceIds: hosts.slice(0, draft.sources).map(({ id }) => id),
  };
}

/** Cases of each character in turn; another first seed makes other fleets of the same characters. */
export function characterCases(count: number, firstSeed = 1): (BenchCase & { character: Character })[] {
  return Array.from({ length: count }, (_, at) => {
    const character = CHARACTERS[at % CHARACTERS.length]!;
    const random = new Random((firstSeed + at) * 104729);
    const request = makeRequest(draftOf(character, random), random);
    return { name: `${character}-${firstSeed + at}`, tightness: 'tight', character, request };
  });
}
