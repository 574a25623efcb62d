import type { OutsideRefusal, PlannedMigration } from '../balancer/index.js';
import type { Guest, Host, Snapshot } from '../fleet/fleet.js';
import { isAmong } from '../fleet/find-host.js';
import type { Rule } from '../rules/rule.js';

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

/** Guests that belong together or apart, and how a sentence calls them. */
interface Group {
  label: string;
  /** Ids. */
  members: ReadonlySet<string>;
}

/** What boundaries make of one fleet. */
export interface Boundaries {
  /** Guests, hosts and pairs that are ruled out from the start. */
  refusals: OutsideRefusal[];
  /** What has to be ruled out besides because guests of a plan would come to one host that are to stay apart. */
  meetings(migrations: readonly PlannedMigration[]): OutsideRefusal[];
}

/** Whether an entry carries a tag, given as `name` or `name=value`. */
function hasTag({ tags }: Guest | Host, tag: string): boolean {
  const at = tag.indexOf('=');
  if (at < 0) return tags?.[tag] !== undefined;
  return tags?.[tag.slice(0, at)] === tag.slice(at + 1);
}

/** Why a rule, or the cloud by its tag, leaves a guest or host alone; undefined if neither does. */
export function ignoredBy(
  { ignore }: Pick<Rule, 'ignore'>,
  kind: 'guests' | 'hosts',
  entry: Guest | Host,
): string | undefined {
  if (isAmong(ignore[kind], entry)) return 'ignored by the rule';
  const tag = [...ignore.tags, `${CLOUD_TAGS.ignore}=ignore`].find((each) => hasTag(entry, each));
  return tag === undefined ? undefined : `ignored for its tag ${tag}`;
}

function byTag(guests: readonly Guest[], tag: string): Group[] {
  const at = tag.indexOf('=');
  const name = at < 0 ? tag : tag.slice(0, at);
  const groups = new Map<string, Set<string>>();
  for (const guest of guests) {
    const value = guest.tags?.[name];
    if (value === undefined || (at >= 0 && value !== tag.slice(at + 1))) continue;
    groups.set(value, (groups.get(value) ?? new Set()).add(guest.id));
  }
  return [...groups].map(([value, members]) => ({ label: value === '' ? name : `${name}=${value}`, members }));
}

function groupsOf(keys: Rule['keepApart'], guests: readonly Guest[], cloudTag: string): Group[] {
  const listed = keys.flatMap((key): Group[] => {
    if (!Array.isArray(key)) return byTag(guests, key.tag);
    const members = new Set(guests.filter((guest) => isAmong(key, guest)).map(({ id }) => id));
    return [{ label: key.join(', '), members }];
  });
  return [...listed, ...byTag(guests, cloudTag)].filter(({ members }) => members.size > 1);
}

/** Each list that says where a guest may go; it has to be on all of them. */
function pinsOf(rule: BoundaryKeys, guest: Guest): string[][] {
  const tag = guest.tags?.[CLOUD_TAGS.pinned];
  const own = [rule.pinned[guest.id], rule.pinned[guest.name], tag?.split(',').map((word) => word.trim())];
  return own.filter((hosts) => hosts !== undefined);
}

/**
 * What the boundaries of a rule, and of the cloud's tags, rule out on a fleet.
 * @param sourceIds - the alerting hosts: only their guests are looked at.
 */
export function boundariesOf(rule: BoundaryKeys, snapshot: Snapshot, sourceIds: readonly string[]): Boundaries {
  const { hosts, guests } = snapshot;
  const sources = new Set(sourceIds);
  const candidates = guests.filter(({ host_id }) => sources.has(host_id));
  const byId = new Map(guests.map((guest) => [guest.id, guest]));
  const refusals: OutsideRefusal[] = [];

  for (const host of hosts) {
    const text = ignoredBy(rule, 'hosts', host);
    if (text === undefined) continue;
    refusals.push({ hostId: host.id, reason: 'ignored', text });
    for (const { id, host_id } of candidates) {
      if (host_id === host.id) refusals.push({ guestId: id, reason: 'ignored', text: `host ${host.name} is ${text}` });
    }
  }
  for (const guest of candidates) {
    const text = ignoredBy(rule, 'guests', guest);
    if (text !== undefined) refusals.push({ guestId: guest.id, reason: 'ignored', text });
    for (const pins of pinsOf(rule, guest)) {
      for (const host of hosts) {
        if (isAmong(pins, host)) continue;
        const only = `guest ${guest.name} is pinned to ${pins.join(', ')}`;
        refusals.push({ guestId: guest.id, hostId: host.id, reason: 'pinned', text: only });
      }
    }
  }

  const members = (group: Group) => [...group.members].flatMap((id) => byId.get(id) ?? []);
  for (const group of groupsOf(rule.keepTogether, guests, CLOUD_TAGS.together)) {
    const all = members(group);
    for (const guest of all) {
      if (!sources.has(guest.host_id)) continue;
      const fellow = all.find(({ id, host_id }) => id !== guest.id && host_id === guest.host_id);
      if (!fellow) continue;
      refusals.push({
        guestId: guest.id,
        reason: 'kept_together',
        text: `kept together with ${fellow.name} (${group.label})`,
      });
    }
  }

  const apart = groupsOf(rule.keepApart, guests, CLOUD_TAGS.apart);
  for (const group of apart) {
    const all = members(group);
    for (const guest of all) {
      if (!sources.has(guest.host_id)) continue;
      for (const other of all) {
        if (other.host_id === guest.host_id) continue;
        const text = `guest ${guest.name} is kept apart from ${other.name} there (${group.label})`;
        refusals.push({ guestId: guest.id, hostId: other.host_id, reason: 'kept_apart', text });
      }
    }
  }

  const meetings = (migrations: readonly PlannedMigration[]): OutsideRefusal[] =>
    apart.flatMap((group) => {
      const first = new Map<string, string>();
      return migrations.flatMap(({ guest, target_host: target }): OutsideRefusal[] => {
        if (!group.members.has(guest.id)) return [];
        const other = first.get(target.id);
        if (other === undefined) {
          first.set(target.id, guest.name);
          return [];
        }
        const text = `guest ${guest.name} is kept apart from ${other}, which goes there (${group.label})`;
        return [{ guestId: guest.id, hostId: target.id, reason: 'kept_apart', text }];
      });
    });

  return { refusals, meetings };
}
