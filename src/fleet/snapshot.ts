import type {
  FleetHistory,
  FleetReadings,
  GuestRecord,
  HostRecord,
  Inventory,
  MetricHistory,
  MetricName,
  MetricReadings,
  Reading,
  Sample,
  Snapshot,
} from './fleet.js';
import { HISTORY_SLOT_MS, METRIC_NAMES } from './fleet.js';
import { countedAs, isReading } from './snapshot-file.js';

/** Why a reading was not used. */
export type DiscardReason = 'stale' | 'implausible' | 'future';

/** A reading that was there and was not used. */
export interface DiscardedReading {
  kind: 'host' | 'guest';
  id: string;
  name: string;
  metric: MetricName;
  value: number;
  reason: DiscardReason;
}

/** What {@link assembleSnapshot} needs besides inventory and readings. */
export interface AssembleOptions {
  /** ms since the epoch. */
  now: number;
  /** A reading whose newest sample is older than this is stale, ms: the rule's period plus a scrape. */
  maxAgeMs: number;
  /** A reading dated this much later than now is none, ms: a scrape. Its clock is ahead, so nobody knows how old it is. */
  maxAheadMs: number;
}

/**
 * Puts inventory and readings together into what the balancer works on. A reading that is stale, dated in the future, not a
 * number, negative or, of a host, above 100 % is left out, as if the store did not have it. A guest above 100 % is at 100 %.
 * @returns the snapshot, and the readings that were left out.
 */
export function assembleSnapshot(
  inventory: Inventory,
  readings: FleetReadings,
  options: AssembleOptions,
): { snapshot: Snapshot; discarded: DiscardedReading[] } {
  const discarded: DiscardedReading[] = [];

  const usable = (
    kind: 'host' | 'guest',
    record: HostRecord | GuestRecord,
    found: Partial<Record<MetricName, Reading>> | undefined,
  ): { metrics: MetricReadings; history?: MetricHistory } => {
    const metrics: MetricReadings = {};
    const history: MetricHistory = {};
    for (const metric of METRIC_NAMES) {
      const reading = found?.[metric];
      if (!reading) continue;
      const reason = judge(kind, metric, reading, options);
      if (reason) {
        discarded.push({ kind, id: record.id, name: record.name, metric, value: reading.value, reason });
        continue;
      }
      metrics[metric] = countedAs(kind, metric, reading.value);
      const slots = slotMeans(kind, metric, reading.samples ?? [], options.now);
      if (slots.length > 0) history[metric] = slots;
    }
    return Object.keys(history).length > 0 ? { metrics, history } : { metrics };
  };

  const snapshot: Snapshot = {
    taken_at: new Date(options.now).toISOString(),
    hosts: inventory.hosts.map((host) => ({ ...host, ...usable('host', host, readings.hosts.get(host.id)) })),
    guests: inventory.guests.map((guest) => ({
      ...guest,
      ...usable('guest', guest, readings.guests.get(guest.id)),
    })),
  };
  return { snapshot, discarded };
}

/**
 * The means of equal slots that end now. A slot without a plausible sample ends the history: what lies before a gap says
 * nothing about the present.
 * @returns oldest first.
 */
function slotMeans(kind: 'host' | 'guest', metric: MetricName, samples: readonly Sample[], now: number): number[] {
  const slots: { sum: number; count: number }[] = [];
  for (const { at, value: told } of samples) {
    const slot = Math.floor((now - at) / HISTORY_SLOT_MS);
    const value = countedAs(kind, metric, told);
    if (slot < 0 || !isReading(metric, value)) continue;
    const { sum, count } = slots[slot] ?? { sum: 0, count: 0 };
    slots[slot] = { sum: sum + value, count: count + 1 };
  }
  const means: number[] = [];
  for (const slot of Array.from(slots)) {
    if (!(slot as typeof slot | undefined)) break;
    means.unshift(slot.sum / slot.count);
  }
  return means;
}

function judge(
  kind: 'host' | 'guest',
  metric: MetricName,
  reading: Reading,
  options: AssembleOptions,
): DiscardReason | undefined {
  if (!isReading(metric, countedAs(kind, metric, reading.value))) return 'implausible';
  if (reading.at - options.now > options.maxAheadMs) return 'future';
  if (!(options.now - reading.at <= options.maxAgeMs)) return 'stale';
  return undefined;
}

/** Readings with the course that was asked for apart from them. */
export function withHistory(readings: FleetReadings, history: FleetHistory): FleetReadings {
  const joined = (kind: 'hosts' | 'guests'): FleetReadings['hosts'] => {
    const all: FleetReadings['hosts'] = new Map();
    const span = kind === 'hosts' && { sampleSpanMs: history.hostSpanMs };
    for (const [id, found] of readings[kind]) {
      const samples = history[kind].get(id) ?? {};
      const metrics = METRIC_NAMES.flatMap((metric) => {
        const reading = found[metric];
        return reading ? [[metric, { ...reading, samples: samples[metric] ?? [], ...span }] as const] : [];
      });
      all.set(id, Object.fromEntries(metrics));
    }
    return all;
  };
  return { hosts: joined('hosts'), guests: joined('guests') };
}
