import type { MetricName } from '../../fleet/fleet.js';
import type { HostSummary, RuleFile } from './api.js';

const MIB = 1024 ** 2;
/** A host this close to a threshold is near it, points. */
export const NEAR = 10;

/** How a host stands to the thresholds of the rules. */
export type Band = 'over' | 'unknown' | 'near' | 'fine';

/** A rule's threshold on one host. */
export interface Threshold {
  rule: string;
  metric: MetricName;
  /** % or bytes. */
  value: number;
}

/** A host with what the list shows of it. */
export interface RatedHost {
  host: HostSummary;
  band: Band;
  /** Points to the nearest threshold: negative past it; absent without a reading or a rule. */
  margin?: number;
  /** Where the margin is to. */
  threshold?: Threshold;
  thresholds: Threshold[];
  zone: string;
}

const STEPS = ['', 'k', 'm', 'g', 't'];

/** @returns bytes; NaN for what is no amount of memory. */
export function bytesOf(threshold: number | string, host: Pick<HostSummary, 'mem_size'>): number {
  if (typeof threshold === 'number') return threshold;
  const share = /^\s*([\d.]+)\s*%\s*$/.exec(threshold);
  if (share) return (Number(share[1]) / 100) * host.mem_size * MIB;
  const [, amount, unit = ''] = /^\s*([\d.]+)\s*([kmgt]?)i?b?\s*$/i.exec(threshold) ?? [];
  return amount === undefined ? Number.NaN : Number(amount) * 1024 ** STEPS.indexOf(unit.toLowerCase());
}

/** The thresholds that rules set on a host. */
export function thresholdsOf(host: HostSummary, rules: readonly RuleFile[]): Threshold[] {
  return rules.flatMap((rule) => {
    const hosts = rule.source?.hosts ?? [];
    const concerns = hosts.length === 0 || hosts.includes(host.name) || hosts.includes(host.id);
    if (rule.enabled === false || !concerns) return [];
    const value = rule.metric === 'cpu.usage_active' ? Number(rule.threshold) : bytesOf(rule.threshold, host);
    return Number.isFinite(value) ? [{ rule: rule.name, metric: rule.metric, value }] : [];
  });
}

/** Points from a reading to a threshold: of CPU %, or % of the host's memory; negative past it. */
export function marginTo({ metric, value }: Threshold, host: HostSummary): number | undefined {
  const reading = host.metrics[metric];
  if (reading === undefined) return undefined;
  return metric === 'cpu.usage_active' ? value - reading : ((reading - value) / (host.mem_size * MIB)) * 100;
}

/** Puts a host where it belongs. */
export function rate(host: HostSummary, rules: readonly RuleFile[]): RatedHost {
  const thresholds = thresholdsOf(host, rules);
  const zone = host.tags?.az ?? host.tags?.zone ?? '';
  const rated = { host, thresholds, zone };
  let nearest: { margin: number; threshold: Threshold } | undefined;
  for (const threshold of thresholds) {
    const margin = marginTo(threshold, host);
    if (margin !== undefined && (!nearest || margin < nearest.margin)) nearest = { margin, threshold };
  }
  if (nearest) {
    const band = nearest.margin < 0 ? 'over' : nearest.margin < NEAR ? 'near' : 'fine';
    return { ...rated, band, ...nearest };
  }
  const isRead = host.metrics['cpu.usage_active'] !== undefined || host.metrics['mem.available'] !== undefined;
  return { ...rated, band: thresholds.length > 0 || !isRead ? 'unknown' : 'fine' };
}

const ORDER: Readonly<Record<Band, number>> = { over: 0, unknown: 1, near: 2, fine: 3 };

/** Those that matter first: by distance to their threshold; those without one by load. */
export function byDistance(hosts: readonly RatedHost[]): RatedHost[] {
  const load = ({ host }: RatedHost) => host.metrics['cpu.usage_active'] ?? -1;
  return [...hosts].sort(
    (a, b) =>
      ORDER[a.band] - ORDER[b.band] ||
      (a.margin ?? Infinity) - (b.margin ?? Infinity) ||
      load(b) - load(a) ||
      (a.host.name < b.host.name ? -1 : 1),
  );
}

/** How many are in each band. */
export function countBands(hosts: readonly RatedHost[]): Record<Band, number> {
  const counts = { over: 0, unknown: 0, near: 0, fine: 0 };
  for (const { band } of hosts) counts[band] += 1;
  return counts;
}

/** @param text - part of a name, id, address or tag. */
export function search(hosts: readonly RatedHost[], text: string, zone: string): RatedHost[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === '' && zone === '') return [...hosts];
  return hosts.filter((each) => {
    if (zone !== '' && each.zone !== zone) return false;
    const { name, id, addresses = [], tags = {} } = each.host;
    return [name, id, ...addresses, ...Object.values(tags)].some((word) => word.toLowerCase().includes(wanted));
  });
}
