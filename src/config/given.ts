import { errorMessage } from '../common/error-message.js';
import { shown } from '../rules/problems.js';
import type { FileEntries } from './config-file.js';
import { parseConfigFile } from './config-file.js';
import { CONFIG_FILE, SETTINGS } from './variables.js';

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a file; throws if it cannot. */
export type ReadFile = (path: string) => string;

/** Where the value of a setting comes from. */
export type Source =
  | { from: 'default' }
  /** `variable` ends in `_FILE` where it names the file that holds the value. */
  | { from: 'environment'; variable: string }
  | { from: 'file'; path: string; line: number; key: string };

/** A value that somebody has given, as it was written. */
export interface GivenValue {
  value: string;
  source: Exclude<Source, { from: 'default' }>;
}

/** What environment and configuration file say, by the name of the setting. */
export interface Given {
  values: Map<string, GivenValue>;
  problems: string[];
}

/** A source as an error names it: the variable, or file, line and key. */
export function placeOf(source: GivenValue['source']): string {
  return source.from === 'environment' ? source.variable : `${source.path}:${source.line}: ${source.key}`;
}

/** A variable's value, trimmed; undefined where there is none, or nothing in it. */
export function nonEmpty(value: string | undefined): string | undefined {
  const text = value?.trim();
  return text === '' ? undefined : text;
}

function entriesOf(env: Environment, readFile: ReadFile): FileEntries & { path: string } {
  const path = nonEmpty(env[CONFIG_FILE.name]);
  if (path === undefined) return { entries: new Map(), problems: [], path: '' };
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const problem = `${CONFIG_FILE.name}: expected a file that can be read, got ${shown(path)}: ${errorMessage(error)}`;
    return { entries: new Map(), problems: [problem], path };
  }
  return { ...parseConfigFile(text, path), path };
}

/**
 * Everything that was given, the environment before the file: empty variables left out, secrets fetched from the files that hold them.
 * @param only - the settings that are wanted; by default all.
 */
export function readGiven(env: Environment, readFile: ReadFile, only?: readonly string[]): Given {
  const { entries, problems, path } = entriesOf(env, readFile);
  const values: Given['values'] = new Map();

  const byEnvironment = (variable: string): GivenValue | undefined => {
    const value = nonEmpty(env[variable]);
    return value === undefined ? undefined : { value, source: { from: 'environment', variable } };
  };
  const byFile = (variable: string): GivenValue | undefined => {
    const entry = entries.get(variable);
    return entry && { value: entry.value, source: { from: 'file', path, line: entry.line, key: entry.key } };
  };

  for (const { name, secret, yaml } of SETTINGS) {
    if (only && !only.includes(name)) continue;
    for (const by of [byEnvironment, byFile]) {
      const given = by(name);
      const held = secret && by(`${name}_FILE`);
      if (given && held)
        problems.push(`${placeOf(given.source)} and ${placeOf(held.source)}: expected only one of them`);
      else if (given) values.set(name, given);
      else if (held) {
        try {
          const text = readFile(held.value);
          values.set(name, { value: yaml === 'list' ? text : text.replace(/\r?\n$/, ''), source: held.source });
        } catch (error) {
          const wrong = `expected a file that can be read, got ${shown(held.value)}: ${errorMessage(error)}`;
          problems.push(`${placeOf(held.source)}: ${wrong}`);
        }
      }
      if (given ?? held) break;
    }
  }
  return { values, problems };
}
