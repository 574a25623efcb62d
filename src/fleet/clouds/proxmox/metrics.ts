import { z } from 'zod';
import type { Clock } from '../../../common/clock.js';
import type { FleetReadings, MetricsQuery, Reading } from '../../fleet.js';
import type { ProxmoxApi } from './proxmox-api.js';
import { data } from './proxmox-api.js';
import type { NodeResource } from './resources.js';
import { readGuests, readNodes } from './resources.js';

/** The usual distance of two readings that a node reports of itself, ms. */
export const STATUS_INTERVAL_MS = 10_000;

/** A node whose uptime has stood still for longer than this no longer reports: its last readings are kept for minutes, ms. */
const STANDSTILL_MS = 20_000;

/** The most samples that are asked for at once: of each, Proxmox VE sends a dozen values of 85 bytes or so. */
const MOST_SAMPLES = 30_000;

const exportSchema = data(
  z.object({
    data: z.array(z.object({ id: z.string(), metric: z.string(), timestamp: z.number(), value: z.number() })),
  }),
);

/** What nodes and guests were seen with, and since when. */
export interface UptimeWatch {
  /** Takes note of what nodes report; ids of those that no longer do. */
  silent(nodes: readonly NodeResource[]): Set<string>;
}

/** Tells which nodes still report, by two looks or more: the first cannot know. */
export function createUptimeWatch(clock: Clock): UptimeWatch {
  const seen = new Map<string, { uptime: number; since: number }>();
  return {
    silent(nodes) {
      const now = clock.monotonic();
      const silent = new Set<string>();
      for (const { id, status, uptime } of nodes) {
        if (status !== 'online' || !isNumber(uptime)) continue;
        const last = seen.get(id);
        if (last?.uptime !== uptime) seen.set(id, { uptime, since: now });
        else if (now - last.since > STANDSTILL_MS) silent.add(id);
      }
      return silent;
    },
  };
}

/**
 * The readings that a cluster keeps of its nodes and guests: means over the period where it tells its last half hour
 * (Proxmox VE 8.3 on, `Sys.Audit` on `/`), and what they last reported, of about ten seconds, where it does not.
 */
export async function proxmoxMetrics(
  api: ProxmoxApi,
  { clock, uptimes, timeoutMs }: { clock: Clock; uptimes: UptimeWatch; timeoutMs: number },
  { periodMs }: Pick<MetricsQuery, 'periodMs'>,
  signal?: AbortSignal,
): Promise<FleetReadings> {
  const [nodes, guests] = await Promise.all([readNodes(api, signal), readGuests(api, signal)]);
  const now = clock.now();
  const silent = uptimes.silent(nodes);
  const samples = ((nodes.length + guests.length) * periodMs) / STATUS_INTERVAL_MS;
  const past = samples > MOST_SAMPLES ? undefined : await lately(api, now - periodMs, timeoutMs, signal);
  const reading = (value: number | undefined, mean?: Reading): Reading | undefined =>
    mean
      ? { ...mean, at: Math.min(mean.at, now) }
      : value === undefined
        ? undefined
        : { value, at: now, coversMs: STATUS_INTERVAL_MS };

  const readings: FleetReadings = { hosts: new Map(), guests: new Map() };
  for (const { id, status, cpu, mem, maxmem } of nodes) {
    if (status !== 'online' || silent.has(id)) continue;
    const usage = reading(isNumber(cpu) ? cpu * 100 : undefined, past?.get(id)?.cpu);
    const total = isNumber(maxmem) ? maxmem : undefined;
    const used = reading(isNumber(mem) ? mem : undefined, past?.get(id)?.mem);
    readings.hosts.set(id, {
      ...(usage && usage.value <= 100 && { 'cpu.usage_active': usage }),
      ...(used && total !== undefined && { 'mem.available': { ...used, value: total - used.value } }),
    });
  }
  for (const { id, node, status, cpu } of guests) {
    if (status !== 'running' || silent.has(`node/${node}`)) continue;
    // QEMU's own threads come on top of the virtual CPUs: a guest at its limit reads a little above 1.
    const usage = reading(isNumber(cpu) ? Math.min(100, cpu * 100) : undefined, past?.get(id)?.cpu);
    if (usage) readings.guests.set(id, { 'cpu.usage_active': usage });
  }
  return readings;
}

type Means = Map<string, { cpu?: Reading; mem?: Reading }>;

/**
 * Means since a moment, by id: `cpu` in %, `mem` what is used of it, bytes.
 * @param from - ms since the epoch.
 * @returns undefined where the cluster does not tell, or not in time: the values of the moment then do.
 */
async function lately(
  api: ProxmoxApi,
  from: number,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Means | undefined> {
  const limit = AbortSignal.timeout(Math.floor(timeoutMs / 2));
  const params = { history: 1, 'start-time': Math.floor(from / 1000) };
  try {
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    const told = await api.get('metrics', '/cluster/metrics/export', exportSchema.shape.data, { params, signal: both });
    return meansOf(told.data, from);
  } catch {
    signal?.throwIfAborted();
    return undefined;
  }
}

type Entry = z.output<typeof exportSchema>['data']['data'][number];

function meansOf(entries: readonly Entry[], from: number): Means {
  const sums = new Map<string, { cpu: Sum; mem: Sum }>();
  for (const { id, metric, timestamp, value } of entries) {
    const name = metric === 'cpu_current' ? 'cpu' : metric === 'mem_used' ? 'mem' : undefined;
    if (!name || timestamp * 1000 < from) continue;
    const sum = sums.get(id) ?? { cpu: { total: 0, count: 0, at: 0 }, mem: { total: 0, count: 0, at: 0 } };
    sums.set(id, sum);
    const isGuest = !id.startsWith('node/');
    sum[name].total += name === 'cpu' ? 100 * (isGuest ? Math.min(1, value) : value) : value;
    sum[name].count += 1;
    sum[name].at = Math.max(sum[name].at, timestamp * 1000);
  }
  return new Map(
    [...sums].map(([id, { cpu, mem }]) => [
      id,
      { ...(cpu.count > 0 && { cpu: meanOf(cpu) }), ...(mem.count > 0 && { mem: meanOf(mem) }) },
    ]),
  );
}

interface Sum {
  total: number;
  count: number;
  /** Newest, ms since the epoch. */
  at: number;
}

function meanOf({ total, count, at }: Sum): Reading {
  return { value: total / count, at };
}

function isNumber(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}
