import type { Host, MetricName, Snapshot } from '../fleet/fleet.js';

/** What one host has to bear, at one look. */
export interface HostLoad {
  id: string;
  /** % or bytes; absent without a reading. */
  reading?: number;
  /** What its guests account for, % of its CPUs. */
  guests: number;
}

/** Hosts that are looked at again, and over which window. */
export interface HostLoadsQuery {
  ids: readonly string[];
  metric: MetricName;
  /** The window to average over, ms. */
  periodMs: number;
}

/**
 * Asks the fleet how some hosts are doing.
 * @returns those that the cloud knows.
 * @throws FleetError where a system does not answer.
 */
export type LookAtHosts = (query: HostLoadsQuery, signal: AbortSignal) => Promise<HostLoad[]>;

/** By host id: what the guests of some hosts account for, % of the host's CPUs. */
export function guestsUse(
  hosts: readonly Pick<Host, 'id' | 'cpu_count'>[],
  guests: Snapshot['guests'],
): ReadonlyMap<string, number> {
  const cpus = new Map(hosts.map(({ id, cpu_count }) => [id, cpu_count]));
  const use = new Map(hosts.map(({ id }) => [id, 0]));
  for (const { host_id, vcpu_count, metrics } of guests) {
    const count = cpus.get(host_id);
    if (count === undefined) continue;
    use.set(host_id, (use.get(host_id) ?? 0) + ((metrics['cpu.usage_active'] ?? 0) * vcpu_count) / count);
  }
  return use;
}

/** Some hosts of a snapshot: see {@link LookAtHosts}. */
export function hostLoads(snapshot: Snapshot, { ids, metric }: HostLoadsQuery): HostLoad[] {
  const wanted = new Set(ids);
  const hosts = snapshot.hosts.filter(({ id }) => wanted.has(id));
  const use = guestsUse(hosts, snapshot.guests);
  return hosts.map(({ id, metrics }) => {
    const reading = metrics[metric];
    return { id, ...(reading !== undefined && { reading }), guests: use.get(id) ?? 0 };
  });
}
