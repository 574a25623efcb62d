import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import { planMigrations, resolveHost } from '../balancer/plan.js';
import type { PlanOutcome } from '../balancer/result.js';
import type { Snapshot } from '../fleet/fleet.js';
import { fieldPath, parseSnapshot } from '../fleet/snapshot-file.js';
import { type Rule, ruleFileSchema, toRule } from '../rules/rule.js';
import { planText } from './plan-text.js';

const EXIT_STATUS: Readonly<Record<PlanOutcome, number>> = {
  migrate: 0,
  partial: 0,
  find_result_fail: 3,
  not_needed: 3,
};
const BAD_INPUT = 2;

/** A fault of the input; the message names file and field. */
class InputError extends Error {}

function position(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(
      `${file}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code ?? String(error)})`}`,
    );
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // The runtime's own message has no position on every Node release.
    const errors: ParseError[] = [];
    parse(text, errors, { disallowComments: true, allowTrailingComma: false });
    const [first] = errors;
    const where = first ? `${position(text, first.offset)} (${printParseErrorCode(first.error)})` : 'no JSON value';
    throw new InputError(`${file}: not valid JSON, ${where}`);
  }
}

function readSnapshot(file: string): Snapshot {
  const parsed = parseSnapshot(readJson(file));
  if (!parsed.ok) throw new InputError(parsed.problems.map((problem) => `${file}: ${problem}`).join('\n'));
  return parsed.snapshot;
}

function readRule(file: string): Rule {
  const parsed = ruleFileSchema.safeParse(readJson(file));
  if (parsed.success) return toRule(parsed.data);
  const problems = parsed.error.issues.map(({ path, message }) => `${file}: ${fieldPath(path)}: ${message}`);
  throw new InputError(problems.join('\n'));
}

function hostId(snapshot: Snapshot, file: string, reference: string): string {
  const found = resolveHost(snapshot, reference);
  switch (found.kind) {
    case 'found':
      return found.entry.id;
    case 'unknown':
      throw new InputError(`--host ${reference}: ${file} has no host with this id or name`);
    case 'ambiguous': {
      const ids = found.entries.map(({ id }) => id).join(', ');
      throw new InputError(`--host ${reference}: ${found.entries.length} hosts in ${file} bear this name: ${ids}`);
    }
  }
}

interface PlanOptions {
  snapshot: string;
  rule: string;
  host: string[];
  json?: true;
}

function runPlan(options: PlanOptions): void {
  try {
    const snapshot = readSnapshot(options.snapshot);
    const rule = readRule(options.rule);
    const sourceIds = options.host.map((reference) => hostId(snapshot, options.snapshot, reference));
    const plan = planMigrations({ snapshot, rule, sourceIds });
    process.stdout.write(`${options.json ? JSON.stringify(plan, null, 2) : planText(plan)}\n`);
    process.exitCode = EXIT_STATUS[plan.outcome];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = BAD_INPUT;
  }
}

/**
 * `automigrate plan`: what would be done on a snapshot, without doing it.
 * Sets the exit status: 0 for migrate and partial, 3 for find_result_fail and not_needed, 2 for bad input.
 */
export function planCommand(): Command {
  return new Command('plan')
    .description('work out a plan on a snapshot file, without carrying it out')
    .requiredOption('--snapshot <file>', 'the fleet, a JSON file')
    .requiredOption('--rule <file>', 'the rule, a JSON file')
    .requiredOption(
      '--host <id|name>',
      'an alerting host (repeatable)',
      (value: string, before: string[] | undefined) => [...(before ?? []), value],
    )
    .option('--json', 'print the plan as JSON')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : BAD_INPUT))
    .action(runPlan);
}
