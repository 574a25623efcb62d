import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeWhole } from '../common/write-whole.js';
import { parseRule } from './load.js';
import { RULE_NAME, RULE_SCHEMA_FILE, type RuleFile } from './rule.js';
import { ruleSchemaText } from './schema.js';

/** Whether a rule was written or deleted, and in which file; else one line for everything in the way. */
export type RuleChange =
  { ok: true; file: string } | { ok: false; reason: 'invalid' | 'exists' | 'unknown'; problems: string[] };

/** Where a rule of this name stands; undefined if no rule can be called so. */
export function ruleFilePath(dir: string, name: string): string | undefined {
  const file = `${name}.json`;
  return RULE_NAME.test(name) && file !== RULE_SCHEMA_FILE ? join(dir, file) : undefined;
}

function notAName(name: string): RuleChange {
  return { ok: false, reason: 'invalid', problems: [`${JSON.stringify(name)} cannot be the name of a rule`] };
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The name of a draft begins with a dot so that no reader takes the half of it for a rule. */
function writeIn(dir: string, file: string, text: string, overwrite: boolean): Promise<void> {
  return writeWhole(file, text, { draft: join(dir, `.${randomBytes(6).toString('hex')}.tmp`), mode: 0o644, overwrite });
}

/**
 * Writes `<dir>/<name>.json` whole or not at all; the directory is made if need be, and the schema that rules point to is put
 * beside it if it is not there.
 * @param rule - as people write it; it is checked like a file that people have written.
 * @param options - `overwrite`: whether a rule that already stands there may be replaced.
 * @throws what the file system throws, where it is not about a rule that already exists.
 */
export async function writeRule(dir: string, rule: RuleFile, options: { overwrite: boolean }): Promise<RuleChange> {
  const file = ruleFilePath(dir, rule.name);
  if (file === undefined) return notAName(rule.name);
  const text = `${JSON.stringify(rule, null, 2)}\n`;
  const parsed = parseRule(text, `${rule.name}.json`);
  if (!parsed.ok) return { ok: false, reason: 'invalid', problems: parsed.problems };
  await mkdir(dir, { recursive: true });
  try {
    await writeIn(dir, file, text, options.overwrite);
  } catch (error) {
    if (hasCode(error, 'EEXIST'))
      return { ok: false, reason: 'exists', problems: [`${file}: the rule already exists`] };
    throw error;
  }
  await writeIn(dir, join(dir, RULE_SCHEMA_FILE), ruleSchemaText(), false).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });
  return { ok: true, file };
}

/**
 * Deletes `<dir>/<name>.json`, broken or not.
 * @throws what the file system throws, where it is not about a rule that does not exist.
 */
export async function deleteRule(dir: string, name: string): Promise<RuleChange> {
  const file = ruleFilePath(dir, name);
  if (file === undefined) return notAName(name);
  try {
    await rm(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return { ok: false, reason: 'unknown', problems: [`${file}: there is no such rule`] };
    throw error;
  }
  return { ok: true, file };
}
