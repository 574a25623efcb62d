import { distance } from 'fastest-levenshtein';
import type { Setting } from './variables.js';
import { VARIABLES } from './variables.js';

/** Names of other programs that are one or two letters away from ours. */
const OF_OTHERS = new Set(['OS_CERT', 'OS_KEY', 'AUTOMIGRATE_URL']);
const KNOWN = VARIABLES.map(({ name }) => name);
/** What a cluster of Kubernetes tells of a service called `automigrate` begins so, and `AUTOMIGRATE_PORT` holds such an address. */
const ADDRESS = /^(tcp|udp|sctp):\/\//;

const sorted = (text: string) => Array.from(text).sort().join('');

/** Whether the letters differ little, or only stand in another order. */
const isSlip = (text: string, known: string, mostEdits: number) => {
  const edits = distance(text, known);
  return edits <= mostEdits || (edits === 2 && sorted(text) === sorted(known));
};

/**
 * The known name that another was most likely meant to be.
 * @param mostEdits - letters that may be added, left out or wrong, at most, for a known name.
 */
export function nearest(
  name: string,
  known: readonly string[],
  mostEdits: (known: string) => number,
): string | undefined {
  const words = name.split('_');
  const fits = known.filter((each) => {
    const meant = each.split('_');
    // A word that is another one altogether is no slip: INFLUXDB_DB is not INFLUXDB_CA.
    const sameWords =
      meant.length !== words.length || meant.every((word, at) => isSlip(words[at] ?? '', word, word.length / 2));
    return sameWords && isSlip(name, each, mostEdits(each));
  });
  return fits.sort((a, b) => distance(name, a) - distance(name, b))[0];
}

/** The key of the configuration file for a setting, and for the file of a secret. */
export function keysOf({ name, secret }: Setting): string[] {
  const key = name.toLowerCase();
  return secret ? [key, `${key}_file`] : [key];
}

/**
 * Variables that nothing reads and that look like one of ours: a sentence each. Short names are everybody's, and slips hardly ever
 * change the first letter, so that ordinary variables say nothing.
 */
export function nearMisses(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(env).flatMap(([name, value = '']) => {
    if (value === '' || KNOWN.includes(name) || OF_OTHERS.has(name)) return [];
    const meant = meantBy(name, value);
    return meant === undefined ? [] : [`${name} is no variable of automigrate: did you mean ${meant}?`];
  });
}

function meantBy(name: string, value: string): string | undefined {
  const upper = name.toUpperCase();
  if (upper !== name && upper.includes('_') && KNOWN.includes(upper)) return upper;
  const bare = name.replace(/^AUTOMIGRATE_/, '');
  if (bare !== name) return KNOWN.includes(bare) && !ADDRESS.test(value) ? bare : undefined;
  const mostEdits = ({ length }: string) => (length >= 9 ? 2 : length >= 7 ? 1 : 0);
  return nearest(
    name,
    KNOWN.filter((known) => known.startsWith(name.charAt(0))),
    mostEdits,
  );
}
