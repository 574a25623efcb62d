import type { Guest, Host, MetricName, Metrics, Sample, Snapshot } from '../../src/fleet/fleet.js';
import { GIB } from '../support/fleet.js';

const SCRAPE_MS = 60_000;

/** Numbers that look random and are the same in every run. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A fleet as one might have it: hosts in two zones, guests of many sizes, a few hosts past 70 %, one without readings. */
export function plausibleFleet(count: number): Snapshot {
  const random = sequence(20_261_128);
  const hosts: Host[] = [];
  const guests: Guest[] = [];
  const kinds = ['web', 'api', 'db', 'cache', 'build', 'queue', 'search', 'batch'];
  for (let index = 0; index < count; index += 1) {
    const id = `id-compute-${index + 1}`;
    const wanted = index % 19 === 3 ? 72 + random() * 12 : index % 7 === 2 ? 58 + random() * 10 : 15 + random() * 38;
    let load = 0;
    let memory = 0;
    for (let turn = 0; load < wanted - 4 && turn < 30; turn += 1) {
      const vcpu_count = [2, 4, 8, 8, 16][Math.floor(random() * 5)] ?? 4;
      const usage = Math.min(98, 20 + random() * 75, ((wanted - load) * 64) / vcpu_count);
      const vmem_size = vcpu_count * (random() < 0.3 ? 4096 : 2048);
      const kind = kinds[Math.floor(random() * kinds.length)] ?? 'web';
      guests.push({
        id: `id-guest-${guests.length + 1}`,
        name: `${kind}-${guests.length + 1}`,
        host_id: id,
        status: 'running',
        vcpu_count,
        vmem_size,
        metrics: { 'cpu.usage_active': usage },
      });
      load += (usage * vcpu_count) / 64;
      memory += vmem_size;
    }
    const isSilent = index % 41 === 29;
    hosts.push({
      id,
      name: `compute-${index + 1}`,
      addresses: [`10.20.${Math.floor(index / 250)}.${(index % 250) + 1}`],
      status: 'online',
      enabled: index % 53 !== 11,
      host_type: 'hypervisor',
      cpu_architecture: 'x86_64',
      cpu_count: 64,
      mem_size: 524_288,
      ...(index % 37 === 17 && { maintenance: true }),
      tags: { az: index % 2 === 0 ? 'az-1' : 'az-2' },
      metrics: isSilent
        ? {}
        : { 'cpu.usage_active': load + 3, 'mem.available': (524_288 - memory - 20_000) * (GIB / 1024) },
    });
  }
  return { taken_at: '2026-11-28T08:00:00Z', hosts, guests };
}

/** The course that a host's present reading might have come along; a store that lives as long as the test has none. */
export function withCourse<Store extends Metrics>(store: Store, now: () => number): Store {
  return {
    ...store,
    async history({ hosts, historyMs }) {
      const present = await store.readings({ hosts, guests: [], periodMs: SCRAPE_MS });
      const course = (id: string, metric: MetricName, seed: number): Sample[] => {
        const value = present.hosts.get(id)?.[metric]?.value;
        if (value === undefined) return [];
        const random = sequence(seed);
        const count = Math.floor(historyMs / SCRAPE_MS);
        const swing = metric === 'cpu.usage_active' ? 9 : 20 * GIB;
        let noise = 0;
        return Array.from({ length: count }, (_, index) => {
          const left = (count - 1 - index) / count;
          noise = noise * 0.8 + (random() - 0.5) * swing * 0.35;
          const slow = Math.sin(left * 7 + seed) * swing * Math.min(1, left * 6);
          const told = value + (slow + noise * Math.min(1, left * 20)) - swing * 1.6 * left;
          return {
            at: now() - left * historyMs,
            value: Math.max(0, metric === 'cpu.usage_active' ? Math.min(100, told) : told),
          };
        });
      };
      return {
        hostSpanMs: SCRAPE_MS,
        hosts: new Map(
          hosts.map(({ id }) => [
            id,
            {
              'cpu.usage_active': course(id, 'cpu.usage_active', id.length * 7 + 3),
              'mem.available': course(id, 'mem.available', id.length * 11 + 5),
            },
          ]),
        ),
        guests: new Map(),
      };
    },
  };
}
