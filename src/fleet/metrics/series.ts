import type { MetricName, Reading, Sample } from '../fleet.js';
import { HISTORY_SLOT_MS } from '../fleet.js';
import { countedAs, isReading } from '../snapshot-file.js';

/** How far outside 0–100 % rounding and the jitter of scrapes can push an honest value, points. */
const TOLERANCE = 0.5;
/** The most samples that a history has for one host. */
const MOST_SAMPLES = 60;

/**
 * The distance of two samples of a history, ms. Those of a host tell what has come since a move, and how much of a period was past
 * the threshold: a scrape, and at most 60 samples in all. A guest is only asked what it does over the slots of a history, and guests
 * are many: an hour of 20,000 of them in steps of a minute would be 50 MiB.
 */
export function historyStepMs(kind: 'hosts' | 'guests', historyMs: number, scrapeIntervalMs: number): number {
  if (kind === 'guests') return Math.max(scrapeIntervalMs, HISTORY_SLOT_MS);
  return Math.max(scrapeIntervalMs, Math.ceil(historyMs / MOST_SAMPLES / 1000) * 1000);
}

/** A store's number; whatever is none (`NaN`, `+Inf`, an empty string) comes out as one that no reading can be. */
export function numberOf(value: number | string): number {
  if (typeof value === 'number') return value;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
}

/** Brings a percentage that is off by rounding back into 0–100; all others are left for the snapshot to refuse. */
export function settled(metric: MetricName, value: number): number {
  if (metric !== 'cpu.usage_active') return value;
  if (value > 100 && value <= 100 + TOLERANCE) return 100;
  return value < 0 && value >= -TOLERANCE ? 0 : value;
}

/**
 * The reading of one host or guest out of all series that bear its name. Just after a move a guest has two: the one with
 * the newest sample counts. Series that are equally new (two exporters on one host) are averaged.
 * @param found - at least one.
 */
export function newestReading(metric: MetricName, found: readonly Reading[]): Reading {
  const at = Math.max(...found.map((reading) => reading.at));
  const newest = found.filter((reading) => reading.at === at);
  const value = newest.reduce((sum, reading) => sum + reading.value, 0) / newest.length;
  return { value: settled(metric, value), at };
}

/**
 * Joins the histories of one host or guest: from where a newer series begins, the older one no longer counts.
 * @returns plausible samples only, oldest first.
 */
export function joinedHistory(
  kind: 'host' | 'guest',
  metric: MetricName,
  histories: readonly (readonly Sample[])[],
): Sample[] {
  const lastOf = (samples: readonly Sample[]) => samples.at(-1)?.at ?? 0;
  let joined: Sample[] = [];
  for (const samples of histories.toSorted((a, b) => lastOf(b) - lastOf(a))) {
    const begins = joined[0]?.at ?? Number.POSITIVE_INFINITY;
    joined = [...samples.filter(({ at }) => at < begins), ...joined];
  }
  return joined
    .map(({ at, value }) => ({ at, value: countedAs(kind, metric, settled(metric, value)) }))
    .filter(({ value }) => isReading(metric, value));
}
