import type { Guest, Host, Snapshot } from '../fleet/fleet.js';

/** A snapshot, sorted and grouped once, so that a plan touches only what it needs. */
export interface FleetIndex {
  /** By id, so that nothing depends on the order of the snapshot. */
  readonly hosts: readonly Host[];
  readonly hostById: ReadonlyMap<string, Host>;
  /** By host id; each list by guest id. */
  readonly guestsOf: ReadonlyMap<string, readonly Guest[]>;
}

const cache = new WeakMap<Snapshot, { hosts: readonly Host[]; guests: readonly Guest[]; index: FleetIndex }>();

/** Orders by id, by code unit: the same on every machine and in every locale. */
export function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

/**
 * The index of a snapshot; built on the first call, kept as long as the snapshot lives.
 * @param snapshot - must not be changed afterwards.
 */
export function fleetIndex(snapshot: Snapshot): FleetIndex {
  const known = cache.get(snapshot);
  if (known?.hosts === snapshot.hosts && known.guests === snapshot.guests) return known.index;
  const hosts = [...snapshot.hosts].sort(byId);
  const guestsOf = new Map<string, Guest[]>();
  for (const guest of snapshot.guests) {
    const list = guestsOf.get(guest.host_id);
    if (list) list.push(guest);
    else guestsOf.set(guest.host_id, [guest]);
  }
  for (const list of guestsOf.values()) list.sort(byId);
  const index: FleetIndex = { hosts, hostById: new Map(hosts.map((host) => [host.id, host])), guestsOf };
  cache.set(snapshot, { hosts: snapshot.hosts, guests: snapshot.guests, index });
  return index;
}
