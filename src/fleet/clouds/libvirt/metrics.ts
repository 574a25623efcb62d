import type { Clock } from '../../../common/clock.js';
import type { FleetReadings, Metrics, MetricsQuery } from '../../fleet.js';
import { HISTORY_SLOT_MS } from '../../fleet.js';
import { answered, askHosts } from './hosts.js';
import type { HostSample } from './samples.js';
import { guestReadings, hostReadings, readSample, samplesOf } from './samples.js';
import type { LibvirtHost } from './uris.js';
import type { Virsh } from './virsh.js';

/** What {@link createLibvirtMetrics} needs. */
export interface LibvirtMetricsOptions {
  hosts: readonly LibvirtHost[];
  virsh: Virsh;
  clock: Clock;
  /** How often the counters are read, ms. */
  sampleIntervalMs: number;
}

/** How long all samples are kept, ms; beyond that as many as the slots of a history need. */
const DENSE_MS = 3_600_000;
/** How long samples are kept at all, ms. */
const KEPT_MS = 6 * 3_600_000 + HISTORY_SLOT_MS;
/** The least distance of two samples that make a rate, ms. */
const LEAST_DISTANCE_MS = 1000;

/**
 * Readings without any metric store: CPU from the differences of libvirt's own counters, memory from nodememstats. The
 * counters are read in the background from now on until `close`, and once more for every question, so that a mean covers the
 * period that was asked for as far as samples reach back: an hour in full, six for the history of guests. A question that comes too early waits for a second
 * sample.
 */
export function createLibvirtMetrics(options: LibvirtMetricsOptions): Metrics & { close(): void } {
  const { hosts, virsh, clock, sampleIntervalMs } = options;
  const rings = new Map<string, HostSample[]>(hosts.map(({ name }) => [name, []]));
  const closing = new AbortController();

  const sample = async (some: readonly LibvirtHost[], signal: AbortSignal) => {
    const answers = await askHosts(some, (host) => readSample(virsh, host, () => clock.now(), signal), signal);
    for (const answer of answers) {
      if ('value' in answer) keep(rings.get(answer.host.name) ?? [], answer.value);
    }
    return answers;
  };

  const inBackground = async () => {
    for (;;) {
      await sample(hosts, closing.signal);
      await clock.sleep(sampleIntervalMs, closing.signal);
    }
  };
  // Ends only by `close`; a host that does not answer shows when readings are asked for.
  inBackground().catch(() => undefined);

  const readingsOf = (query: MetricsQuery): FleetReadings => {
    const { periodMs, historyMs, guestHistoryMs = historyMs } = query;
    const window = { periodMs, slackMs: sampleIntervalMs, historyMs };
    const ofGuests = { ...window, historyMs: guestHistoryMs };
    const fresh = clock.now() - periodMs - sampleIntervalMs;
    const ringsBack = (backMs = 0) => {
      return new Map([...rings].map(([id, ring]) => [id, ring.filter(({ at }) => at >= fresh - backMs)]));
    };
    const ofHost = ringsBack(historyMs);
    const ofGuest = ringsBack(guestHistoryMs);
    return {
      hosts: new Map(query.hosts.map(({ id }) => [id, hostReadings(ofHost.get(id) ?? [], window)])),
      guests: new Map(
        query.guests.map((guest) => [guest.id, guestReadings(guest, ofGuest.get(guest.host_id) ?? [], ofGuests)]),
      ),
    };
  };

  return {
    name: 'libvirt',
    scrapeIntervalMs: sampleIntervalMs,

    async readings(query, signal): Promise<FleetReadings> {
      signal?.throwIfAborted();
      const either = signal ? AbortSignal.any([signal, closing.signal]) : closing.signal;
      const good = answered(await sample(hosts, either)).map(({ host }) => host);
      const young = good.filter((host) => !hasDistance(rings.get(host.name) ?? [], query));
      if (young.length > 0) {
        await clock.sleep(LEAST_DISTANCE_MS, either);
        await sample(young, either);
      }
      return readingsOf(query);
    },

    close: () => closing.abort(new Error('closed')),
  };
}

/** Adds a sample; drops those that are too old, or from before the host started anew. */
function keep(ring: HostSample[], sample: HostSample): void {
  const last = ring.at(-1);
  // Two readers at once: the later sample stands already.
  if (last && last.at >= sample.at) return;
  const restarted = last !== undefined && (last.cpu.total > sample.cpu.total || last.cpu.busy > sample.cpu.busy);
  const old = restarted ? ring.length : ring.findIndex(({ at }) => at >= sample.at - KEPT_MS);
  if (old > 0) ring.splice(0, old);
  ring.push(sample);
  thin(ring, sample.at - DENSE_MS);
}

/** Drops the newest sample from before a moment where the one before and the one after it are within a slot. */
function thin(ring: HostSample[], before: number): void {
  const at = ring.findIndex((sample) => sample.at >= before) - 1;
  const [older, younger] = [ring[at - 1], ring[at + 1]];
  if (older && younger && younger.at - older.at <= HISTORY_SLOT_MS) ring.splice(at, 1);
}

/** Whether a host and all its running guests have samples that are far enough apart. */
function hasDistance(ring: readonly HostSample[], { guests }: MetricsQuery): boolean {
  const span = (samples: readonly HostSample[]) => (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
  const here = ring.at(-1)?.guests;
  const runs = guests
    .filter(({ id, status }) => status === 'running' && here?.has(id))
    .map(({ id }) => samplesOf(id, ring));
  return [ring, ...runs].every((samples) => span(samples) >= LEAST_DISTANCE_MS);
}
