import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type Rule, type RuleFile, ruleFileSchema, toRule } from '../../src/rules/rule.js';

/** A directory that lives as long as the test, with these files in it: texts as they are, all else as JSON. */
export async function directory(files: Record<string, unknown> = {}): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'automigrate-rules-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await Promise.all(Object.entries(files).map(([name, content]) => put(dir, name, content)));
  return dir;
}

/** Writes one file. */
export function put(dir: string, name: string, content: unknown): Promise<void> {
  return writeFile(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
}

/** A rule file that nothing is wrong with. */
export function ruleFile(name: string, more: Partial<RuleFile> = {}): RuleFile {
  return { name, metric: 'cpu.usage_active', threshold: 60, ...more };
}

export function rule(name: string, more: Partial<RuleFile> = {}): Rule {
  return toRule(ruleFileSchema.parse(ruleFile(name, more)));
}
