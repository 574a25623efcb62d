import { isIP } from 'node:net';
import type { HostRecord } from './fleet.js';

/** What identifies a host or a guest. */
export interface Named {
  id: string;
  name: string;
}

/** The host that the words of an alert name. `hosts` of an ambiguous word: ids and names of all that it fits. */
export type FoundHost =
  | { found: 'host'; host: KnownHost; word: string }
  | { found: 'unknown'; words: readonly string[]; text: string }
  | { found: 'ambiguous'; word: string; hosts: Named[]; text: string };

/** `a15` of `a15.example.com`; undefined for an address, whose first part names nothing. */
export function shortName(name: string): string | undefined {
  return isIP(name) === 0 ? name.split('.', 1)[0] : undefined;
}

type Hosts = ReadonlyMap<string, readonly KnownHost[]>;

/** What a host has to be found by. */
export type KnownHost = Pick<HostRecord, 'id' | 'name' | 'addresses'>;

/** The hosts of a fleet by everything that an alert may call them. */
export interface HostIndex {
  readonly byId: Hosts;
  readonly byName: Hosts;
  readonly byAddress: Hosts;
  /** Names and addresses in small letters. */
  readonly byAnyCase: Hosts;
  /** The first part of names that have several. */
  readonly byFirstPart: Hosts;
  /** Names of one part. */
  readonly byOnlyPart: Hosts;
}

/** Made once for many names: a body may hold thousands of alerts, a fleet ten thousand hosts. */
export function indexHosts(hosts: readonly KnownHost[]): HostIndex {
  const collect = (keysOf: (host: KnownHost) => readonly string[]): Hosts => {
    const found = new Map<string, KnownHost[]>();
    for (const host of hosts) {
      for (const key of new Set(keysOf(host))) {
        const list = found.get(key);
        if (list) list.push(host);
        else found.set(key, [host]);
      }
    }
    return found;
  };
  const short = (host: KnownHost, hasParts: boolean): string[] => {
    const first = shortName(host.name)?.toLowerCase();
    return first !== undefined && first !== '' && host.name.includes('.') === hasParts ? [first] : [];
  };
  return {
    byId: collect(({ id }) => [id]),
    byName: collect(({ name }) => [name]),
    byAddress: collect(({ addresses = [] }) => addresses),
    byAnyCase: collect(({ name, addresses = [] }) => [name, ...addresses].map((word) => word.toLowerCase())),
    byFirstPart: collect((host) => short(host, true)),
    byOnlyPart: collect((host) => short(host, false)),
  };
}

/** The hosts that a word names exactly: by id, by name, or by address. */
function exactly(word: string, index: HostIndex): readonly KnownHost[] {
  return index.byId.get(word) ?? index.byName.get(word) ?? index.byAddress.get(word) ?? [];
}

/** The hosts that a word names in any letter case, or as a short name against a full one. */
function loosely(word: string, index: HostIndex): readonly KnownHost[] {
  const inAnyCase = index.byAnyCase.get(word.toLowerCase());
  if (inAnyCase) return inAnyCase;
  const short = shortName(word)?.toLowerCase();
  if (short === undefined || short === '') return [];
  return (word.includes('.') ? index.byOnlyPart : index.byFirstPart).get(short) ?? [];
}

/**
 * Finds the host that an alert is about. Every word is tried exactly, as id, name and address, before any is tried
 * loosely: in any letter case, then a short name against a full one (`a15`, `a15.example.com`).
 * @param words - in order of preference, as matching an alert gives them.
 * @param index - of all hosts of the fleet.
 * @returns the host of the first word that names exactly one; ambiguous if some word names several and none names one.
 */
export function findHost(words: readonly string[], index: HostIndex): FoundHost {
  let ambiguous: { word: string; hosts: readonly KnownHost[] } | undefined;
  for (const named of [exactly, loosely]) {
    for (const word of words) {
      const [host, ...others] = named(word, index);
      if (!host) continue;
      if (others.length === 0) return { found: 'host', host, word };
      ambiguous ??= { word, hosts: [host, ...others] };
    }
  }
  if (!ambiguous) {
    const tried = words.map((word) => `"${word}"`).join(', ');
    return { found: 'unknown', words, text: `no host of the fleet is called ${tried || 'nothing at all'}` };
  }
  const { word } = ambiguous;
  const several = ambiguous.hosts.map(({ id, name }) => ({ id, name }));
  const text = `"${word}" names ${several.length} hosts: ${several.map(({ id, name }) => `${name} (${id})`).join(', ')}`;
  return { found: 'ambiguous', word, hosts: several, text };
}

/**
 * Whether one of a rule's references means this host or guest, by id or name.
 * @param references - an empty list means nobody here; what it means in a rule is the rule's matter.
 */
export function isAmong(references: readonly string[], { id, name }: Named): boolean {
  return references.includes(id) || references.includes(name);
}

/** Whether a rule relieves this host: one of its `source.hosts`, or any host where none are given. */
export function isRuleSource(rule: { source: { hosts: readonly string[] } }, host: Named): boolean {
  return rule.source.hosts.length === 0 || isAmong(rule.source.hosts, host);
}

/** Whether guests may go to this host as far as the rule's `target.hosts` say: one of them, or any host where none are given. */
export function isRuleTarget(rule: { target: { hosts: readonly string[] } }, host: Named): boolean {
  return rule.target.hosts.length === 0 || isAmong(rule.target.hosts, host);
}
