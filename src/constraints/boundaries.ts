import { type ApartGroup, type Arrival, type FleetIndex, names } from '../balancer/index.js';
import type { Guest, Host } from '../fleet/fleet.js';
import type { Rule } from '../rules/rule.js';
import type { Constraint, HostSet } from './constraint.js';
import { GroupLookup } from './guest-groups.js';

/** The keys of a rule that keep guests together, apart, on their hosts, or out of it. */
export type BoundaryKeys = Pick<Rule, 'keepTogether' | 'keepApart' | 'pinned' | 'ignore'>;

/** Tags of the cloud that say the same as the keys of a rule, for every rule. */
export const CLOUD_TAGS = {
  /** `automigrate=ignore`, on guests and hosts. */
  ignore: 'automigrate',
  /** Hosts by id or name, separated by commas. */
  pinned: 'automigrate.pinned',
  /** The name of a group. */
  together: 'automigrate.together',
  apart: 'automigrate.apart',
} as const;

/** Whether an entry carries a tag, given as `name` or `name=value`. */
function hasTag({ tags }: Named, tag: string): boolean {
  if (!tags) return false;
  const at = tag.indexOf('=');
  if (at < 0) return tags[tag] !== undefined;
  return tags[tag.slice(0, at)] === tag.slice(at + 1);
}

/** A guest or host as lists and tags know it. */
type Named = Pick<Guest | Host, 'id' | 'name' | 'tags'>;

/** What a rule leaves alone, laid out once. */
function ignoring(ignore: Rule['ignore'] | undefined) {
  const tags = [...(ignore?.tags ?? []), `${CLOUD_TAGS.ignore}=ignore`];
  const lists = { guests: new Set(ignore?.guests), hosts: new Set(ignore?.hosts) };
  return (kind: 'guests' | 'hosts', entry: Named): string | undefined => {
    if (names(lists[kind], entry)) return 'ignored by the rule';
    const tag = tags.find((each) => hasTag(entry, each));
    return tag === undefined ? undefined : `ignored for its tag ${tag}`;
  };
}

/** Why a rule, or the cloud by its tag, leaves a guest or host alone; undefined if neither does. */
export function ignoredBy(
  { ignore }: Pick<Rule, 'ignore'>,
  kind: 'guests' | 'hosts',
  entry: Named,
): string | undefined {
  return ignoring(ignore)(kind, entry);
}

/**
 * What the boundaries of a rule, and of the cloud's tags, rule out on a fleet. Guests are only looked at where they are asked
 * about; the whole fleet is gone through once, if a guest that may move is to be kept apart from others.
 * @param arrivals - guests on their way: they keep others apart from where they go.
 */
export function boundaries(
  { keepTogether = [], keepApart = [], pinned = {}, ignore }: Partial<BoundaryKeys>,
  index: FleetIndex,
  arrivals: readonly Arrival[],
): Constraint {
  const ignored = ignoring(ignore);
  const together = togetherOn(new GroupLookup(keepTogether, CLOUD_TAGS.together), index);
  const apart = apartFrom(new GroupLookup(keepApart, CLOUD_TAGS.apart), index, arrivals);
  return {
    host(host) {
      const text = ignored('hosts', host);
      return text === undefined ? undefined : { reason: 'ignored', text };
    },
    guest(guest, source) {
      const ofHost = ignored('hosts', source);
      if (ofHost !== undefined) return { reason: 'ignored', text: `host ${source.name} is ${ofHost}` };
      const text = ignored('guests', guest);
      if (text !== undefined) return { reason: 'ignored', text };
      const kept = together(guest);
      return kept === undefined ? undefined : { reason: 'kept_together', text: kept };
    },
    onlyTo: pins(pinned, index),
    neverTo: (guest) => apart.groupsOf(guest).flatMap((group) => apart.hostsOf(group) ?? []),
    apart: (guest) => apart.groupsOf(guest),
  };
}

/** Each list that says where a guest may go; it has to be on all of them. */
function pins(pinned: Rule['pinned'], index: FleetIndex): (guest: Guest) => HostSet[] {
  const known = new Map<string, ReadonlySet<string>>();
  const hostsOf = (list: readonly string[]): ReadonlySet<string> => {
    const key = list.join('\n');
    let ids = known.get(key);
    if (!ids) {
      const references = new Set(list);
      ids = new Set(index.hosts.filter((host) => names(references, host)).map(({ id }) => id));
      known.set(key, ids);
    }
    return ids;
  };
  return (guest) => {
    const tag = guest.tags?.[CLOUD_TAGS.pinned];
    const lists = [pinned[guest.id], pinned[guest.name], tag?.split(',').map((word) => word.trim())];
    return lists.flatMap((list): HostSet[] => {
      if (!list) return [];
      const text = `guest ${guest.name} is pinned to ${list.join(', ')}`;
      return [{ hostIds: hostsOf(list), why: () => ({ reason: 'pinned', text }) }];
    });
  };
}

/** Tells with whom a guest is kept together on its host, which is looked through when the first of its guests is asked about. */
function togetherOn(lookup: GroupLookup, index: FleetIndex): (guest: Guest) => string | undefined {
  const byHost = new Map<string, Map<ApartGroup, Guest[]>>();
  return (guest) => {
    const groups = lookup.groupsOf(guest);
    if (groups.length === 0) return undefined;
    let members = byHost.get(guest.host_id);
    if (!members) byHost.set(guest.host_id, (members = lookup.members(index.guestsOf.get(guest.host_id) ?? [])));
    for (const group of groups) {
      const fellow = members.get(group)?.find(({ id }) => id !== guest.id);
      if (fellow) return `kept together with ${fellow.name} (${group.label})`;
    }
    return undefined;
  };
}

/** Where the members of each group are, worked out when the first is asked about. */
function apartFrom(lookup: GroupLookup, index: FleetIndex, arrivals: readonly Arrival[]) {
  let byGroup: Map<ApartGroup, HostSet> | undefined;

  function whereabouts(): Map<ApartGroup, HostSet> {
    const memberOn = new Map<ApartGroup, Map<string, Guest>>();
    const add = (guest: Guest, hostId: string) => {
      for (const group of lookup.groupsOf(guest)) {
        const hosts = memberOn.get(group) ?? new Map<string, Guest>();
        if (!hosts.has(hostId)) hosts.set(hostId, guest);
        memberOn.set(group, hosts);
      }
    };
    for (const guests of index.guestsOf.values()) for (const guest of guests) add(guest, guest.host_id);
    for (const { guest, hostId } of arrivals) add(guest, hostId);
    return new Map(
      [...memberOn].map(([group, hosts]): [ApartGroup, HostSet] => [
        group,
        {
          hostIds: new Set(hosts.keys()),
          why(guest, target) {
            const other = hosts.get(target.id);
            const isComing = other && other.host_id !== target.id;
            const there = isComing ? ', which is on its way there' : ' there';
            const text = `guest ${guest.name} is kept apart from ${other?.name ?? 'another'}${there} (${group.label})`;
            return { reason: 'kept_apart', text };
          },
        },
      ]),
    );
  }

  return {
    groupsOf: (guest: Guest): readonly ApartGroup[] => lookup.groupsOf(guest),
    hostsOf(group: ApartGroup): HostSet | undefined {
      byGroup ??= whereabouts();
      return byGroup.get(group);
    },
  };
}
