import type { RuleFile } from '../rules/rule.js';
import { ruleJsonSchema } from '../rules/schema.js';
import { InputError } from './context.js';

/** What a key of a rule takes. */
type Kind = 'flag' | 'number' | 'text' | 'number or text' | 'list' | 'map' | 'map of lists' | 'groups' | 'evidence';

/** A key that a rule can have, as it is given on the command line. */
export interface RuleKey {
  /** `guards.memoryFloor`. */
  path: string;
  kind: Kind;
  description: string;
  /** Whether it takes several values. */
  isMany: boolean;
}

interface Schema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  additionalProperties?: Schema | boolean;
}

function kindOf(path: string, { type, items, anyOf, additionalProperties }: Schema): Kind {
  if (path === 'evidence') return 'evidence';
  if (type === 'boolean') return 'flag';
  if (type === 'array') return items?.anyOf ? 'groups' : 'list';
  if (typeof additionalProperties === 'object') return additionalProperties.type === 'array' ? 'map of lists' : 'map';
  if (Array.isArray(type) || anyOf) return 'number or text';
  return type === 'number' || type === 'integer' ? 'number' : 'text';
}

function keysOf(properties: Record<string, Schema>, before = ''): RuleKey[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = `${before}${name}`;
    if (schema.properties) return keysOf(schema.properties, `${path}.`);
    const kind = kindOf(path, schema);
    const isMany = ['list', 'map', 'map of lists', 'groups'].includes(kind);
    return [{ path, kind, description: schema.description ?? '', isMany }];
  });
}

/** All keys of a rule, from its schema. */
export const RULE_KEYS: readonly RuleKey[] = keysOf((ruleJsonSchema() as Schema).properties ?? {}).filter(
  ({ path }) => path !== '$schema',
);

const words = (text: string, separator: string) =>
  text
    .split(separator)
    .map((word) => word.trim())
    .filter((word) => word !== '');

const FORMS: Readonly<Partial<Record<Kind, string>>> = {
  flag: 'true or false',
  map: 'name=value',
  'map of lists': 'guest=host,host',
};

function entry(path: string, kind: Kind, text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  throw new InputError([`${path}: expected ${FORMS[kind] ?? 'a value'}, got ${JSON.stringify(text)}`]);
}

/** Numbers become numbers; what is none is left to the check of the rule, which says what it expects. */
const numberIn = (text: string): number | string => (/^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text);

/**
 * The value of a key as it stands in a rule file.
 * @param texts - as people give it: one, or several for a key that takes many.
 * @throws InputError where it cannot be read at all; whether it is allowed is for the check of the rule.
 */
export function ruleValue({ path, kind }: RuleKey, texts: readonly string[]): unknown {
  const [first = ''] = texts;
  switch (kind) {
    case 'flag':
      if (first === 'true' || first === 'false') return first === 'true';
      throw new InputError([`${path}: expected true or false, got ${JSON.stringify(first)}`]);
    case 'number':
    case 'number or text':
      return numberIn(first);
    case 'text':
      return first;
    case 'evidence': {
      const share = numberIn(first.replace(/^share\s*[:=]?\s*/, ''));
      return typeof share === 'number' ? { share } : first;
    }
    case 'list':
      return [...texts];
    case 'map':
      return Object.fromEntries(texts.map((text) => entry(path, kind, text)));
    case 'map of lists':
      return Object.fromEntries(
        texts.map((text) => {
          const [name, values] = entry(path, kind, text);
          return [name, words(values, ',')];
        }),
      );
    case 'groups':
      return texts.map((text) => (text.startsWith('tag:') ? { tag: text.slice(4).trim() } : words(text, ',')));
  }
}

/** What stands between the values of a key in one text: cron patterns, groups and entries have commas inside. */
function separatorOf({ path, kind }: RuleKey): string {
  return kind === 'list' && !path.startsWith('windows.') ? ',' : ';';
}

/**
 * Reads `key=value`: `threshold=55`, `source.hosts=a15,a16`, `windows.allow=* 8-17 * * 1-5; * 8-12 * * 6`.
 * @returns the key, and its value; undefined where nothing stands behind the `=`: then the key is taken out.
 * @throws InputError for what is no such pair, or no key of a rule.
 */
export function parseAssignment(text: string): { path: string; value: unknown } {
  const [, path = '', given = ''] = /^([^=\s]+)\s*=(.*)$/s.exec(text) ?? [];
  if (path === '') throw new InputError([`expected key=value, got ${JSON.stringify(text)}`]);
  const key = RULE_KEYS.find((each) => each.path === path);
  if (!key || path === 'name') {
    const known = RULE_KEYS.filter((each) => each.path !== 'name').map((each) => each.path);
    const why = key ? 'the name is that of the file, and stays' : 'unknown key';
    throw new InputError([`${path}: ${why}; expected one of ${known.join(', ')}`]);
  }
  const value = given.trim();
  if (value === '') return { path, value: undefined };
  return { path, value: ruleValue(key, key.isMany ? words(value, separatorOf(key)) : [value]) };
}

type Tree = Record<string, unknown>;

/** The rule with a key set, or taken out; what becomes empty by that goes too. */
export function withValue(rule: RuleFile, path: string, value: unknown): RuleFile {
  const set = (tree: Tree, [name = '', ...rest]: string[]): Tree => {
    const { [name]: before, ...others } = tree;
    const inner = rest.length === 0 ? value : set((before ?? {}) as Tree, rest);
    const isGone = inner === undefined || (rest.length > 0 && Object.keys(inner as Tree).length === 0);
    if (isGone) return others;
    return name in tree ? { ...tree, [name]: inner } : { ...others, [name]: inner };
  };
  return set(rule, path.split('.')) as RuleFile;
}

/** What the rule has at a key. */
export function valueAt(rule: RuleFile, path: string): unknown {
  return path.split('.').reduce<unknown>((value, name) => (value as Tree | undefined)?.[name], rule);
}
