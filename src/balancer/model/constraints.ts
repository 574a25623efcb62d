import type { Guest, Host } from '../../fleet/fleet.js';

/** Why a guest stays, a host takes none, or a guest does not go to a host; room aside. */
export type ExclusionReason =
  | 'source'
  | 'alerting'
  | 'rule_source'
  | 'not_a_rule_target'
  | 'disabled'
  | 'not_online'
  | 'maintenance'
  | 'other_host_type'
  | 'other_architecture'
  | 'other_zone'
  | 'other_aggregate'
  | 'no_reading'
  | 'no_cpus'
  | 'not_running'
  | 'not_a_rule_guest'
  | 'score_zero'
  | 'immovable'
  | 'cloud_refused'
  | 'cooldown'
  | 'returning'
  | 'resting'
  | 'kept_together'
  | 'kept_apart'
  | 'pinned'
  | 'ignored'
  | 'failed_before'
  | 'not_in_plan'
  | 'under_way';

/** Why there is no room; the first three by readings, the others by what was given out. */
export type RoomReason =
  'over_threshold' | 'memory_floor' | 'cpu_ceiling' | 'too_few_cpus' | 'memory_allocation' | 'cpu_allocation';

/** Why not. */
export interface Exclusion {
  reason: ExclusionReason;
  /** A few words that go behind the name of the guest or host in a sentence. */
  text: string;
}

/** Something that hosts have a number of and guests take some of, whole numbers both: so sums are exact. */
export interface Capacity {
  reason: RoomReason;
  /** Whether the guests that come to a host count together, or each by itself. */
  counts: 'together' | 'each';
  readonly demand: (guest: Guest) => number;
  /** By position in the fleet index: what is left for guests that come; below 0 where too much was given out already. */
  readonly room: Float64Array;
  /** What stands behind the host's name; `room` is what is left beside what a plan has put there. */
  text(guest: Guest, host: Host, room: number): string;
  /** As in `2 vCPUs`. */
  say(amount: number): string;
}

/** Guests of one group do not come to one host. Groups are told apart by identity. */
export interface ApartGroup {
  /** What a sentence calls it. */
  readonly label: string;
}

/** A guest that is on its way to a host whose readings do not show it yet. */
export interface Arrival {
  guest: Guest;
  hostId: string;
}

/**
 * Everything but room by readings that keeps guests where they are and hosts from taking them: what a plan has to respect,
 * and where the explanation has its words from. What concerns pairs is sparse, so that nothing is hosts × guests.
 */
export interface Constraints {
  /** Why a host takes no guest at all. */
  host(host: Host): Exclusion | undefined;
  /** Why a guest stays where it is. */
  guest(guest: Guest, source: Host): Exclusion | undefined;
  /** Why a guest does not go to a host that takes others. */
  pair(guest: Guest, source: Host, target: Host): Exclusion | undefined;
  /** By position in the fleet index: guests only go between hosts of one number. */
  readonly kinds: Int32Array;
  /** Ids of the hosts that a guest may only go to (all sets hold), and of those it may not. */
  targetsOf(guest: Guest): { only: readonly ReadonlySet<string>[]; never: readonly ReadonlySet<string>[] };
  apartGroups(guest: Guest): readonly ApartGroup[];
  readonly capacities: readonly Capacity[];
  readonly arrivals: readonly Arrival[];
}
