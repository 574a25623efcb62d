import type { Cloud, Metrics } from '../../../src/fleet/fleet.js';
import type { SimulatedCloud } from '../../../src/fleet/clouds/simulated.js';
import { Random } from '../random.js';
import type { DayFleet } from './fleet.js';

const MIB = 1024 ** 2;
const GIB_IN_MIB = 1024;
const INTERVAL_MS = 300_000;

/** What makes a day harder than load alone. */
export const CONDITIONS = ['arrivals', 'memory', 'slow', 'boundaries'] as const;
export type Condition = (typeof CONDITIONS)[number];

export const CONDITION_TEXT: Readonly<Record<Condition, string>> = {
  arrivals: 'a tenth of the guests comes in the course of the day, another tenth leaves',
  memory: 'each host has what its guests were given and half a GiB more for each CPU',
  slow: 'migrations take minutes: 1 GiB/s shared by 64',
  boundaries: 'of every nine guests one may not move, one is kept apart from two others, one is pinned to four hosts',
};

/** MiB/s at which a guest is copied. */
export const BANDWIDTH = { usual: 1024, slow: 16 };

/** The fleet under conditions; the same seed gives the same. */
export function underConditions(fleet: DayFleet, conditions: ReadonlySet<Condition>, seed: number): DayFleet {
  const random = new Random(seed * 7919);
  let { hosts, guests } = fleet.snapshot;
  if (conditions.has('memory')) {
    const given = new Map<string, number>();
    for (const { host_id, vmem_size } of guests) given.set(host_id, (given.get(host_id) ?? 0) + vmem_size);
    hosts = hosts.map((host) => {
      const spare = 0.5 * GIB_IN_MIB * host.cpu_count;
      const mem_size = (given.get(host.id) ?? 0) + spare;
      return { ...host, mem_size, metrics: { ...host.metrics, 'mem.available': spare * MIB } };
    });
  }
  if (conditions.has('boundaries')) {
    guests = guests.map((guest, at) => {
      const hostIds = () => random.shuffled(hosts.map(({ id }) => id)).slice(0, 4);
      const tags = [
        { automigrate: 'ignore' },
        { 'automigrate.apart': `group-${Math.floor(at / 27)}` },
        { 'automigrate.pinned': hostIds().join(',') },
      ][at % 9];
      return tags ? { ...guest, tags } : guest;
    });
  }
  const stays = new Map<string, { from: number; to: number }>();
  if (conditions.has('arrivals')) {
    for (const { id } of guests) {
      const draw = random.next();
      if (draw < 0.1) stays.set(id, { from: random.integer(1, 287), to: Infinity });
      else if (draw < 0.2) stays.set(id, { from: 0, to: random.integer(1, 287) });
    }
  }
  const usage = new Map(
    [...fleet.usage].map(([id, course]) => {
      const { from, to } = stays.get(id) ?? { from: 0, to: Infinity };
      return [id, course.map((value, slot) => (slot >= from && slot < to ? value : 0))];
    }),
  );
  return { ...fleet, snapshot: { ...fleet.snapshot, hosts, guests }, usage, stays };
}

/** The cloud and its store as they tell of guests that come and go: nothing before, nothing after. */
export function withStays(
  cloud: SimulatedCloud,
  stays: DayFleet['stays'],
  startedAt: number,
  now: () => number,
): Cloud & Metrics {
  if (!stays || stays.size === 0) return cloud;
  const begins = (id: string) => startedAt + (stays.get(id)?.from ?? 0) * INTERVAL_MS;
  const isThere = (id: string) =>
    now() >= begins(id) && now() < startedAt + (stays.get(id)?.to ?? Infinity) * INTERVAL_MS;
  return {
    ...cloud,
    async inventory(signal) {
      const { hosts, guests } = await cloud.inventory(signal);
      return { hosts, guests: guests.filter(({ id }) => isThere(id)) };
    },
    async readings(query, signal) {
      const readings = await cloud.readings(query, signal);
      for (const [id, found] of readings.guests) {
        const cpu = found['cpu.usage_active'];
        if (!isThere(id)) readings.guests.delete(id);
        else if (cpu?.samples) {
          const samples = cpu.samples.filter(({ at }) => at > begins(id));
          readings.guests.set(id, { 'cpu.usage_active': { ...cpu, samples } });
        }
      }
      return readings;
    },
  };
}
