import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { keysOf, nearest } from './near-miss.js';
import { SETTINGS } from './variables.js';

/** One entry of a configuration file. */
export interface FileEntry {
  /** As the environment would have it. */
  value: string;
  key: string;
  line: number;
}

/** What a configuration file says, by the name of the variable. */
export interface FileEntries {
  entries: Map<string, FileEntry>;
  /** One for everything that is wrong, with file, line and key. */
  problems: string[];
}

const SETTING_BY_KEY = new Map(SETTINGS.flatMap((setting) => keysOf(setting).map((key) => [key, setting] as const)));
const KEYS = [...SETTING_BY_KEY.keys()];
/** What stands between the values of a list where the environment has it. */
const SEPARATORS = { list: ',', words: ' ', number: undefined };
/** A slip of more letters could mean many keys. */
const MOST_EDITS = 3;

/**
 * Reads a configuration file: YAML, whose keys are the names of the variables in small letters. Its words are taken as they stand
 * there, so that `0644`, `yes` or `1e3` are not made into something else.
 */
export function parseConfigFile(text: string, path: string): FileEntries {
  const lines = new LineCounter();
  const lineOf = (offset = 0) => lines.linePos(offset).line;
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, prettyErrors: false });
  const entries: FileEntries['entries'] = new Map();
  const problems = document.errors.map(({ pos, message }) => `${path}:${lineOf(pos[0])}: ${message}`);
  const { contents } = document;
  if (problems.length > 0 || contents === null || (isScalar(contents) && contents.value === '')) {
    return { entries, problems };
  }
  if (!isMap(contents)) return { entries, problems: [`${path}:1: expected settings, each "key: value"`] };
  for (const { key: name, value } of contents.items) {
    const key = isScalar(name) ? String(name.value) : '?';
    const line = lineOf((isScalar(name) ? name : contents).range[0]);
    const say = (problem: string) => void problems.push(`${path}:${line}: ${key}: ${problem}`);
    const setting = SETTING_BY_KEY.get(key);
    if (!setting) {
      const meant = nearest(key.toLowerCase(), KEYS, () => MOST_EDITS);
      say(`no such setting${meant === undefined ? '' : `; did you mean ${meant}?`}`);
      continue;
    }
    const separator = key.endsWith('_file') ? undefined : SEPARATORS[setting.yaml ?? 'number'];
    const written = isSeq(value) ? value.items : [value];
    const words = written.flatMap((item) => (isScalar(item) ? [String(item.value).trim()] : []));
    if (words.length < written.length || (isSeq(value) && separator === undefined)) {
      say(separator !== undefined ? 'expected a value, or a list of values' : 'expected one value');
    } else if (words.length === 0 || words.includes('')) say('expected a value, and nothing stands there');
    else if (isSeq(value) && words.some((word) => word.includes(separator ?? ','))) {
      say(`expected a list of values without ${separator === ' ' ? 'spaces' : 'commas'}`);
    } else entries.set(key.toUpperCase(), { value: words.join(separator), key, line });
  }
  return { entries, problems };
}

/** The JSON Schema (draft 2020-12) of the configuration file, for editors and other programs. */
export function configFileSchema(): Record<string, unknown> {
  const text = { type: 'string', minLength: 1 };
  const typeOf = ({ words, yaml }: (typeof SETTINGS)[number]) => {
    if (words?.join() === 'true,false') return { type: 'boolean' };
    if (words) return { enum: words };
    if (yaml === 'number') return { type: 'integer', minimum: 0 };
    if (yaml === 'list' || yaml === 'words')
      return { anyOf: [text, { type: 'integer' }, { type: 'array', items: text, minItems: 1 }] };
    return { anyOf: [text, { type: 'number' }] };
  };
  const properties = SETTINGS.flatMap((setting) => {
    const [key = '', file] = keysOf(setting);
    const { meaning, default: standard, yaml, words } = setting;
    const isPlain = yaml === 'number' || words?.join() === 'true,false';
    const value = standard !== undefined && { default: isPlain ? (JSON.parse(standard) as unknown) : standard };
    return [
      [key, { description: meaning, ...typeOf(setting), ...value }] as const,
      ...(file === undefined ? [] : [[file, { description: `File that holds ${key}`, ...text }] as const]),
    ];
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of automigrate',
    description:
      'Every key is a variable of the environment in small letters; what the environment says goes before it',
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  };
}
