import type { Clock } from '../../../common/clock.js';
import type { MigrationRequest } from '../../fleet.js';
import { createCells } from './cells.js';

/** A server group, as far as it keeps guests from hosts. */
export interface ServerGroup {
  name: string;
  policy: string;
  members: readonly string[];
  /** How many members one host may have, for `anti-affinity`. */
  mostPerHost: number;
}

/** What an inventory tells of where Nova's scheduler lets guests go. */
export interface PlacementFacts {
  /** Zone by host id; every host that is known. */
  zones: ReadonlyMap<string, string | undefined>;
  /** The zone that a guest is pinned to, by guest id. */
  pins: ReadonlyMap<string, string>;
  /** Host id by guest id. */
  hostOf: ReadonlyMap<string, string>;
  groups: readonly ServerGroup[];
}

type Move = Pick<MigrationRequest, 'guest' | 'source' | 'target'>;

/** What Nova would refuse, from what its lists and its former refusals have told. */
export interface SchedulingConstraints {
  /** Takes the place of what the inventory before has told. */
  learn(facts: PlacementFacts): void;
  /** Whether the last inventory had this host. */
  knows(hostId: string): boolean;
  /** Why Nova would refuse a move; undefined if nothing is known against it. */
  against(move: Move): string | undefined;
  /** All hosts that Nova would refuse for a guest, by id. */
  hostsAgainst(move: Move): string[];
  /** Nova has refused this guest on this target. */
  refused(move: Move, reason: string): void;
  /** Nova takes a move between two hosts for one within a cell, or not. */
  sawCells(move: Move, areOne: boolean): void;
}

/** What lay against a pair may be mended; then it is worth another try. */
const REFUSED_FOR_MS = 3_600_000;

/** Constraints that know nothing yet. */
export function createSchedulingConstraints(clock: Pick<Clock, 'monotonic'>): SchedulingConstraints {
  let facts: PlacementFacts = { zones: new Map(), pins: new Map(), hostOf: new Map(), groups: [] };
  const refusals = new Map<string, { reason: string; at: number }>();
  const cells = createCells(clock);
  const pairOf = ({ guest, target }: Move) => `${guest.id} ${target.id}`;

  const against = (move: Move): string | undefined => {
    const { guest, source, target } = move;
    const pin = facts.pins.get(guest.id);
    const zone = facts.zones.get(target.id);
    if (pin !== undefined && zone !== undefined && zone !== pin) {
      return `guest ${guest.name} is pinned to the zone ${pin}, and host ${target.name} is in ${zone}`;
    }
    for (const group of facts.groups) {
      if (group.policy !== 'anti-affinity' || !group.members.includes(guest.id)) continue;
      const there = group.members.filter((id) => id !== guest.id && facts.hostOf.get(id) === target.id).length;
      if (there < group.mostPerHost) continue;
      const full = `host ${target.name} has ${there} of the anti-affinity group ${group.name}`;
      return `${full}, of which guest ${guest.name} is one`;
    }
    if (cells.areApart(source.id, target.id)) {
      return `hosts ${source.name} and ${target.name} are in different cells: Nova moves no guest between them`;
    }
    const former = refusals.get(pairOf(move));
    if (former === undefined || clock.monotonic() - former.at > REFUSED_FOR_MS) return undefined;
    return `Nova has refused host ${target.name} for guest ${guest.name} within the last hour: ${former.reason}`;
  };

  return {
    learn(latest) {
      facts = latest;
    },
    knows: (hostId) => facts.zones.has(hostId),
    against,
    hostsAgainst: (move) =>
      [...facts.zones.keys()].filter((id) => against({ ...move, target: { id, name: id } }) !== undefined),
    refused(move, reason) {
      const now = clock.monotonic();
      for (const [pair, { at }] of refusals) if (now - at > REFUSED_FOR_MS) refusals.delete(pair);
      refusals.set(pairOf(move), { reason, at: now });
    },
    sawCells({ source, target }, areOne) {
      if (areOne) cells.together(source.id, target.id);
      else cells.apart(source.id, target.id);
    },
  };
}
