import type { GuestRecord, MetricName, Reading, Sample } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import { wordsOf } from './hosts.js';
import { parseCpuTime, parseDomstats, parseList, parseMemory } from './parse.js';
import type { LibvirtHost } from './uris.js';
import type { Virsh } from './virsh.js';

/** A host's counters at one moment. */
export interface HostSample {
  /** ms since the epoch. */
  at: number;
  /** CPU time since the host started, ns. */
  cpu: { busy: number; total: number };
  /** Bytes. */
  memAvailable: number;
  /** CPU time of each guest since it started on this host, ns. */
  guests: ReadonlyMap<string, number>;
}

/** Which samples a mean is made of, ms. */
export interface Window {
  /** The window to average over. */
  periodMs: number;
  /** The usual distance of two samples: so much further back the first of them may be. */
  slackMs: number;
  /** How far back single samples are wanted; none by default. */
  historyMs?: number | undefined;
}

const NS_PER_MS = 1_000_000;

/** Reads a host's counters. @throws FleetError that names the host. */
export async function readSample(
  virsh: Virsh,
  host: LibvirtHost,
  now: () => number,
  signal?: AbortSignal,
): Promise<HostSample> {
  const before = now();
  const commands = [
    'nodecpustats',
    'domstats --state --cpu-total --list-active --nowait',
    'list --uuid --name',
    'nodememstats',
  ];
  const { outputs, words } = await virsh.ask(host, commands, signal);
  const [cpustats = '', domstats = '', list = '', memstats = ''] = outputs;
  try {
    const stats = parseDomstats(domstats);
    const guests = [...parseList(list)].flatMap(([uuid, name]): [string, number][] => {
      const time = Number(stats.get(name)?.get('cpu.time'));
      return Number.isFinite(time) ? [[uuid, time]] : [];
    });
    return {
      // The counters were read somewhere between.
      at: (before + now()) / 2,
      cpu: parseCpuTime(cpustats),
      memAvailable: parseMemory(memstats).availableKiB * 1024,
      guests: new Map(guests),
    };
  } catch (error) {
    throw new FleetError('libvirt', `${host.name}: ${[wordsOf(error), words].filter(Boolean).join('; ')}`, {
      cause: error,
    });
  }
}

/**
 * A host's readings from its samples: CPU from the difference of the first and the last in the window, memory as the mean.
 * @param samples - oldest first, of one start of the host.
 */
export function hostReadings(samples: readonly HostSample[], window: Window): Partial<Record<MetricName, Reading>> {
  const last = samples.at(-1);
  if (!last) return {};
  const within = samples.slice(firstWithin(samples, last.at - window.periodMs, window.slackMs));
  const usage = (from: HostSample, to: HostSample) =>
    (100 * (to.cpu.busy - from.cpu.busy)) / (to.cpu.total - from.cpu.total);
  const memory = within.reduce((sum, { memAvailable }) => sum + memAvailable, 0) / within.length;
  return {
    ...meanAndHistory('cpu.usage_active', within, samples, window, usage),
    'mem.available': {
      value: memory,
      at: last.at,
      ...(window.historyMs !== undefined && {
        samples: samples
          .slice(firstWithin(samples, last.at - window.historyMs, 0))
          .map(({ at, memAvailable }) => ({ at, value: memAvailable })),
      }),
    },
  };
}

/**
 * A guest's CPU usage from the samples of the host that it is on, % of its vCPUs. What its emulator needs beyond them counts
 * with it, up to 100 %.
 */
export function guestReadings(
  guest: Pick<GuestRecord, 'id' | 'vcpu_count'>,
  samples: readonly HostSample[],
  window: Window,
): Partial<Record<MetricName, Reading>> {
  const last = samples.at(-1);
  if (!last?.guests.has(guest.id)) return {};
  const time = (sample: HostSample) => sample.guests.get(guest.id) ?? Number.NaN;
  const own = samplesOf(guest.id, samples);
  const usage = (from: HostSample, to: HostSample) => {
    const share = (time(to) - time(from)) / NS_PER_MS / (to.at - from.at) / guest.vcpu_count;
    return Math.min(100, 100 * share);
  };
  const within = own.slice(firstWithin(own, last.at - window.periodMs, window.slackMs));
  return meanAndHistory('cpu.usage_active', within, own, window, usage);
}

/** The last samples that are one run of a guest's counter: since it came to this host, or started there. */
export function samplesOf(guestId: string, samples: readonly HostSample[]): readonly HostSample[] {
  const time = (index: number) => samples[index]?.guests.get(guestId) ?? Number.NaN;
  let since = samples.length - 1;
  while (since > 0 && time(since - 1) <= time(since)) since -= 1;
  return Number.isNaN(time(since)) ? [] : samples.slice(since);
}

/** Whether a rate can be one. The kernel may take back idle time, and a host then seems busier than all its CPUs. */
function isUsage(value: number): boolean {
  return value >= 0 && value <= 100;
}

function meanAndHistory(
  metric: MetricName,
  within: readonly HostSample[],
  all: readonly HostSample[],
  { historyMs, slackMs }: Window,
  between: (from: HostSample, to: HostSample) => number,
): Partial<Record<MetricName, Reading>> {
  const [first, last] = [within[0], within.at(-1)];
  if (!first || !last) return {};
  const value = between(first, last);
  if (!isUsage(value)) return {};
  if (historyMs === undefined) return { [metric]: { value, at: last.at } };
  const history = all.slice(firstWithin(all, last.at - historyMs, slackMs));
  const samples = history.slice(1).flatMap((to, index): Sample[] => {
    const from = history[index];
    const each = from ? between(from, to) : Number.NaN;
    return isUsage(each) ? [{ at: to.at, value: each }] : [];
  });
  return { [metric]: { value, at: last.at, samples } };
}

/** Index of the sample to begin with: the first in the window, or the one before it if that is nearer to its beginning. */
function firstWithin(samples: readonly HostSample[], from: number, slackMs: number): number {
  const inside = samples.findIndex(({ at }) => at >= from);
  const [before, after] = [samples[inside - 1], samples[inside]];
  if (!before || !after || before.at < from - slackMs) return inside;
  // One sample alone makes no rate.
  return inside === samples.length - 1 || from - before.at < after.at - from ? inside - 1 : inside;
}
