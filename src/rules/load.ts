import { lstat, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorMessage } from '../common/error-message.js';
import { parseJson } from '../common/json-text.js';
import { describeIssues, expectation, shown } from './problems.js';
import { RULE_SCHEMA_FILE, type Rule, type RuleFile, ruleFileSchema, toRule } from './rule.js';

/** Something that keeps a rule, or the whole directory, from being used. */
export interface RuleProblem {
  /** The path of the file or directory. */
  file: string;
  /** File, key, and what was expected, in one line. */
  text: string;
}

/** What a directory of rules holds; all in order of the names. */
export interface LoadedRules {
  rules: Rule[];
  /** The same rules as they were written. */
  files: RuleFile[];
  /** Empty if everything in the directory can be used. */
  problems: RuleProblem[];
}

/** A file's text, or why it cannot be read. */
export type RuleText = { file: string; text: string } | { file: string; unreadable: string };

/** The texts of a directory's rule files, or why it cannot be read. */
export type RuleTexts = { ok: true; texts: RuleText[] } | { ok: false; problem: RuleProblem };

/** What a rule file turned out to be. */
export type ParsedRule = { ok: true; rule: Rule; file: RuleFile } | { ok: false; problems: string[] };

const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not a directory',
  EISDIR: 'is a directory; expected a file',
  EACCES: 'may not be read (permission denied)',
  EPERM: 'may not be read (operation not permitted)',
  ELOOP: 'is a symbolic link in a circle',
};

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function reasonOf(error: unknown): string {
  const message = errorMessage(error);
  return SYSTEM_WORDS[codeOf(error) ?? ''] ?? `cannot be read: ${message}`;
}

async function readText(file: string): Promise<RuleText | undefined> {
  try {
    return { file, text: await readFile(file, 'utf8') };
  } catch (error) {
    const gone = codeOf(error) === 'ENOENT' && !(await lstat(file).catch(() => undefined));
    // Deleted since the directory was listed: it simply is no rule any more.
    return gone ? undefined : { file, unreadable: reasonOf(error) };
  }
}

/**
 * Reads the texts of `<dir>/*.json`, except the schema and files whose name starts with a dot.
 * @param dir - the directory, as it shall stand in messages.
 */
export async function readRuleTexts(dir: string): Promise<RuleTexts> {
  let names: string[];
  try {
    names = await readdir(dir);
  } catch (error) {
    return { ok: false, problem: { file: dir, text: `${dir}: the directory of rules ${reasonOf(error)}` } };
  }
  const wanted = names
    .filter((name) => name.endsWith('.json') && !name.startsWith('.') && name !== RULE_SCHEMA_FILE)
    .sort();
  const texts = await Promise.all(wanted.map((name) => readText(join(dir, name))));
  return { ok: true, texts: texts.filter((text) => text !== undefined) };
}

/**
 * Checks the text of one rule file.
 * @param text - JSON.
 * @param fileName - the file's name without its folder; the rule must be called like it.
 * @returns the rule, or every problem with its key (no file name in front).
 */
export function parseRule(text: string, fileName: string): ParsedRule {
  const json = parseJson(text);
  if (!json.ok) return json;
  const result = ruleFileSchema.safeParse(json.value, { error: expectation });
  if (!result.success) return { ok: false, problems: describeIssues(result.error, json.value) };
  const name = basename(fileName, '.json');
  if (result.data.name !== name) {
    const expected = `expected ${shown(name)}, as the file is called ${fileName}`;
    return { ok: false, problems: [`name: ${expected}, got ${shown(result.data.name)}`] };
  }
  return { ok: true, rule: toRule(result.data), file: json.value as RuleFile };
}

/**
 * Makes rules of texts.
 * @param read - what {@link readRuleTexts} has read.
 */
export function rulesOf(read: RuleTexts): LoadedRules {
  const loaded: LoadedRules = { rules: [], files: [], problems: [] };
  if (!read.ok) return { ...loaded, problems: [read.problem] };
  for (const entry of read.texts) {
    const { file } = entry;
    if ('unreadable' in entry) {
      loaded.problems.push({ file, text: `${file}: ${entry.unreadable}` });
      continue;
    }
    const parsed = parseRule(entry.text, basename(file));
    if (parsed.ok) {
      loaded.rules.push(parsed.rule);
      loaded.files.push(parsed.file);
    } else {
      loaded.problems.push(...parsed.problems.map((problem) => ({ file, text: `${file}: ${problem}` })));
    }
  }
  return loaded;
}

/**
 * Reads and checks every rule of a directory. Since a rule is called like its file, no name stands twice.
 * @param dir - the directory; empty is fine.
 * @returns the rules that can be used, and one problem for everything that cannot; never throws for bad input.
 */
export async function loadRules(dir: string): Promise<LoadedRules> {
  return rulesOf(await readRuleTexts(dir));
}
