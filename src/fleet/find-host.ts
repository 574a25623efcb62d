import { isIP } from 'node:net';
import type { HostRecord } from './fleet.js';

/** What identifies a host or a guest. */
export interface Named {
  id: string;
  name: string;
}

/** The host that the words of an alert name. `hosts` of an ambiguous word: ids and names of all that it fits. */
export type FoundHost =
  | { found: 'host'; host: HostRecord; word: string }
  | { found: 'unknown'; words: readonly string[]; text: string }
  | { found: 'ambiguous'; word: string; hosts: Named[]; text: string };

type Test = (word: string, host: HostRecord) => boolean;

const alike = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

/** `a15` of `a15.example.com`; undefined for an address, whose first part names nothing. */
export function shortName(name: string): string | undefined {
  return isIP(name) === 0 ? name.split('.', 1)[0] : undefined;
}

/** One of the two is short, and is the first part of the other. */
function shortAndLong(word: string, name: string): boolean {
  const [a, b] = [shortName(word), shortName(name)];
  if (a === undefined || b === undefined || a === '') return false;
  return word.includes('.') !== name.includes('.') && alike(a, b);
}

const EXACT: Test[] = [
  (word, host) => host.id === word,
  (word, host) => host.name === word,
  (word, host) => host.addresses?.includes(word) ?? false,
];
const LOOSE: Test[] = [
  (word, host) => alike(host.name, word) || (host.addresses?.some((address) => alike(address, word)) ?? false),
  (word, host) => shortAndLong(word, host.name),
];

/** The hosts that a word names by the first test that any host passes. */
function named(word: string, hosts: readonly HostRecord[], tests: readonly Test[]): HostRecord[] {
  for (const test of tests) {
    const fitting = hosts.filter((host) => test(word, host));
    if (fitting.length > 0) return fitting;
  }
  return [];
}

/**
 * Finds the host that an alert is about. Every word is tried exactly, as id, name and address, before any is tried
 * loosely: in any letter case, then a short name against a full one (`a15`, `a15.example.com`).
 * @param words - in order of preference, as {@link matchAlert} gives them.
 * @param hosts - all hosts of the fleet.
 * @returns the host of the first word that names exactly one; ambiguous if some word names several and none names one.
 */
export function findHost(words: readonly string[], hosts: readonly HostRecord[]): FoundHost {
  let ambiguous: { word: string; hosts: HostRecord[] } | undefined;
  for (const tests of [EXACT, LOOSE]) {
    for (const word of words) {
      const [host, ...others] = named(word, hosts, tests);
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
