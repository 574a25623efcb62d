import { heldMemory } from '../balancer/index.js';
import type { RecentMove } from '../constraints/index.js';
import type { FleetReadings, Guest, Host, MetricName, Reading, Sample, Snapshot } from '../fleet/fleet.js';

/** A fleet whose readings are those after the last moves. */
export interface CorrectedFleet {
  snapshot: Snapshot;
  /**
   * Hosts whose readings do not show yet what other batches have moved, by id, with when a guest last came or went, ms since
   * the epoch.
   */
  unsettled: Map<string, number>;
}

/** What the readings mean, besides their values. */
export interface ReadingTimes {
  /** ms since the epoch. */
  now: number;
  /** The window that a reading is the mean of, ms. */
  periodMs: number;
  /** What one sample covers at least, ms: the usual distance of two. */
  scrapeIntervalMs: number;
  /** The batch that asks. */
  batch: string;
}

/**
 * Readings are means over the rule's period, so for a while after a move they still hold a guest that is gone, or lack one
 * that came. Where a reading reaches back behind the move the samples since are taken instead. Without any, what this batch
 * itself has moved is added to the reading or taken off: of a mean over P that ends at e, a move at m is missing for the
 * share 1 - (e - m) / P. What other batches have moved leaves the host unsettled.
 * @param moves - see {@link RecentMove}.
 */
export function correctReadings(
  snapshot: Snapshot,
  readings: FleetReadings,
  moves: readonly RecentMove[],
  times: ReadingTimes,
): CorrectedFleet {
  const unsettled = new Map<string, number>();
  const touched = movesByHost(moves);
  if (touched.size === 0) return { snapshot, unsettled };
  const guests = new Map(snapshot.guests.map((guest) => [guest.id, guest]));
  const hosts = snapshot.hosts.map((host) => {
    const its = touched.get(host.id);
    if (!its) return host;
    const last = Math.max(...its.map(({ at }) => at));
    const metrics = { ...host.metrics };
    for (const metric of Object.keys(metrics) as MetricName[]) {
      const reading = readings.hosts.get(host.id)?.[metric];
      const coversMs = reading?.coversMs ?? times.periodMs;
      const end = reading?.at ?? times.now;
      if (end - coversMs >= last) continue;
      const since = samplesSince(reading, last, times.scrapeIntervalMs);
      if (since.length > 0) {
        metrics[metric] = meanOf(since);
      } else if (its.every(({ batch }) => batch === times.batch)) {
        metrics[metric] = withMoves(host, metric, its, guests, { coversMs, end });
      } else {
        unsettled.set(host.id, last);
      }
    }
    return { ...host, metrics };
  });
  return { snapshot: { ...snapshot, hosts }, unsettled };
}

function movesByHost(moves: readonly RecentMove[]): Map<string, RecentMove[]> {
  const byHost = new Map<string, RecentMove[]>();
  for (const move of moves) {
    for (const id of [move.fromId, move.toId]) byHost.set(id, [...(byHost.get(id) ?? []), move]);
  }
  return byHost;
}

/** The samples of a host's reading from after all moves that touched the host. */
export function samplesAfterMoves(
  hostId: string,
  reading: Reading | undefined,
  moves: readonly RecentMove[],
  scrapeIntervalMs: number,
): readonly Sample[] {
  const touching = moves.filter(({ fromId, toId }) => fromId === hostId || toId === hostId);
  return samplesSince(reading, Math.max(...touching.map(({ at }) => at)), scrapeIntervalMs);
}

/** The samples of a reading that cover nothing from before a moment. */
function samplesSince(reading: Reading | undefined, at: number, scrapeIntervalMs: number): Sample[] {
  const covers = Math.max(scrapeIntervalMs, reading?.sampleSpanMs ?? 0);
  return (reading?.samples ?? []).filter((sample) => sample.at - covers >= at);
}

/** A host's reading with what has come and gone since: % or bytes, never below 0. */
function withMoves(
  host: Host,
  metric: MetricName,
  moves: readonly RecentMove[],
  guests: ReadonlyMap<string, Guest>,
  { end, coversMs }: { end: number; coversMs: number },
): number {
  const reading = host.metrics[metric] ?? 0;
  const change = moves.reduce((sum, { guestId, toId, at }) => {
    const guest = guests.get(guestId);
    if (!guest) return sum;
    // A reading of the present moment covers nothing: it shows the move or it does not.
    const missing = at >= end ? 1 : Math.max(0, 1 - (end - at) / coversMs);
    const comes = toId === host.id ? 1 : -1;
    // What is used goes up with a guest that comes, what is available goes down.
    const use =
      metric === 'cpu.usage_active'
        ? ((guest.metrics['cpu.usage_active'] ?? 0) * guest.vcpu_count) / host.cpu_count
        : -heldMemory(guest);
    return sum + comes * missing * use;
  }, 0);
  return Math.max(0, reading + change);
}

function meanOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, { value }) => sum + value, 0) / samples.length;
}
