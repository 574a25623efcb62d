import type { ApartGroup, Arrival, Capacity, Exclusion, ExclusionReason } from '../balancer/index.js';
import type { Guest, Host } from '../fleet/fleet.js';

/** Some hosts, and why a guest may only go there, or may not. */
export interface HostSet {
  /** Guests that share a reason should share the set. */
  hostIds: ReadonlySet<string>;
  /** What to say where the set rules a host out. */
  why(guest: Guest, target: Host): Exclusion | undefined;
}

/** What source and target have to share. */
export interface SharedTrait {
  /** By position in the fleet index: hosts that share it have one number. */
  kinds: Int32Array;
  /** Undefined where it is not this trait that tells them apart. */
  differs(source: Host, target: Host): Exclusion | undefined;
}

/** One family of reasons. Whatever a family has nothing to say about is left out, or answered by undefined. */
export interface Constraint {
  /** Why a host takes no guest at all. */
  host?(host: Host): Exclusion | undefined;
  /** Why a guest stays where it is. */
  guest?(guest: Guest, source: Host): Exclusion | undefined;
  traits?: readonly SharedTrait[];
  /** The hosts that a guest may only go to: all of the sets hold. */
  onlyTo?(guest: Guest): readonly HostSet[];
  neverTo?(guest: Guest): readonly HostSet[];
  /** The groups of which no two guests may come to one host. */
  apart?(guest: Guest): readonly ApartGroup[];
  capacities?: readonly Capacity[];
  arrivals?: readonly Arrival[];
}

/**
 * A guest, a host, or a guest on a host that is ruled out by what has happened: plain data, so that it can be kept and
 * planned by again. At least one id is given.
 */
export interface ListedExclusion {
  guestId?: string;
  hostId?: string;
  reason: ExclusionReason;
  /** A few words that go behind the name. */
  text: string;
}

/** A {@link Constraint} of a list; of several entries for one guest or host the first is told. */
export function listed(exclusions: readonly ListedExclusion[]): Constraint {
  const hosts = new Map<string, Exclusion>();
  const guests = new Map<string, Exclusion>();
  const pairs = new Map<string, Map<string, Exclusion>>();
  for (const { guestId, hostId, reason, text } of exclusions) {
    const exclusion = { reason, text };
    if (guestId === undefined) {
      if (hostId !== undefined && !hosts.has(hostId)) hosts.set(hostId, exclusion);
    } else if (hostId === undefined) {
      if (!guests.has(guestId)) guests.set(guestId, exclusion);
    } else {
      const ofGuest = pairs.get(guestId) ?? new Map<string, Exclusion>();
      if (!ofGuest.has(hostId)) ofGuest.set(hostId, exclusion);
      pairs.set(guestId, ofGuest);
    }
  }
  const sets = new Map(
    [...pairs].map(([guestId, ofGuest]): [string, HostSet[]] => {
      return [guestId, [{ hostIds: new Set(ofGuest.keys()), why: (_guest, target) => ofGuest.get(target.id) }]];
    }),
  );
  return {
    host: ({ id }) => hosts.get(id),
    guest: ({ id }) => guests.get(id),
    ...(sets.size > 0 && { neverTo: ({ id }: Guest) => sets.get(id) ?? [] }),
  };
}
