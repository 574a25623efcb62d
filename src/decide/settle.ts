import type { FleetReadings, MetricName, Sample, Snapshot } from '../fleet/fleet.js';
import type { RecentMove } from '../constraints/index.js';

/** A fleet whose readings are those after the last moves. */
export interface Settled {
  snapshot: Snapshot;
  /** Hosts whose readings still are those of before, by id, with when a guest last came or went, ms since the epoch. */
  unsettled: Map<string, number>;
}

/**
 * Readings are means over the rule's period, so for a while after a move they still hold a guest that is gone, or lack one
 * that came. For such hosts the samples since the move are taken instead; without any the host has not settled.
 * @param moves - see {@link RecentMove}.
 * @param options - the rule's period and the usual distance of two samples, ms; a sample covers the time since the one before.
 */
export function settleReadings(
  snapshot: Snapshot,
  readings: FleetReadings,
  moves: readonly RecentMove[],
  { now, periodMs, scrapeIntervalMs }: { now: number; periodMs: number; scrapeIntervalMs: number },
): Settled {
  const touched = new Map<string, number>();
  for (const { fromId, toId, at } of moves) {
    if (now - at > periodMs) continue;
    for (const id of [fromId, toId]) touched.set(id, Math.max(touched.get(id) ?? 0, at));
  }
  const unsettled = new Map<string, number>();
  if (touched.size === 0) return { snapshot, unsettled };
  const hosts = snapshot.hosts.map((host) => {
    const at = touched.get(host.id);
    if (at === undefined) return host;
    const metrics = { ...host.metrics };
    for (const metric of Object.keys(metrics) as MetricName[]) {
      const samples = readings.hosts.get(host.id)?.[metric]?.samples ?? [];
      const since = samples.filter((sample) => sample.at - scrapeIntervalMs >= at);
      if (since.length > 0) metrics[metric] = meanOf(since);
      else unsettled.set(host.id, at);
    }
    return { ...host, metrics };
  });
  return { snapshot: { ...snapshot, hosts }, unsettled };
}

function meanOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0) / samples.length;
}
