import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { planMigrations, resolveHost, withLeastGain, type PlanOutcome } from '../balancer/index.js';
import { constraintsFor } from '../constraints/index.js';
import type { Snapshot } from '../fleet/fleet.js';
import { parseSnapshot } from '../fleet/snapshot-file.js';
import { parseJson } from '../common/json-text.js';
import { describeIssues, expectation } from '../rules/problems.js';
import { type Rule, ruleFileSchema, toRule } from '../rules/rule.js';
import { type CliContext, InputError, printJson } from './context.js';
import { planText } from './plan-text.js';

/** The exit status of a plan. */
export const EXIT_STATUS: Readonly<Record<PlanOutcome, number>> = {
  migrate: 0,
  partial: 0,
  find_result_fail: 3,
  not_needed: 3,
};

/** Enough for every search to come to its end in a process that has just begun: the answer should not hang on its speed. */
const DEADLINE_MS = 1000;

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError([
      `${file}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code ?? String(error)})`}`,
    ]);
  }
  const parsed = parseJson(text);
  if (!parsed.ok) throw new InputError(parsed.problems.map((problem) => `${file}: ${problem}`));
  return parsed.value;
}

function readSnapshot(file: string): Snapshot {
  const parsed = parseSnapshot(readJson(file));
  if (!parsed.ok) throw new InputError(parsed.problems.map((problem) => `${file}: ${problem}`));
  return parsed.snapshot;
}

/** A rule of a file, whatever the file is called. */
export function readRule(file: string): Rule {
  const value = readJson(file);
  const parsed = ruleFileSchema.safeParse(value, { error: expectation });
  if (parsed.success) return toRule(parsed.data);
  throw new InputError(describeIssues(parsed.error, value).map((problem) => `${file}: ${problem}`));
}

function hostId(snapshot: Snapshot, file: string, reference: string): string {
  const found = resolveHost(snapshot, reference);
  switch (found.kind) {
    case 'found':
      return found.entry.id;
    case 'unknown':
      throw new InputError([`--host ${reference}: ${file} has no host with this id or name`]);
    case 'ambiguous': {
      const ids = found.entries.map(({ id }) => id).join(', ');
      throw new InputError([`--host ${reference}: ${found.entries.length} hosts in ${file} bear this name: ${ids}`]);
    }
  }
}

interface PlanOptions {
  snapshot: string;
  rule: string;
  host: string[];
  json?: true;
}

function runPlan(options: PlanOptions, context: CliContext): void {
  const snapshot = readSnapshot(options.snapshot);
  const rule = readRule(options.rule);
  const sourceIds = options.host.map((reference) => hostId(snapshot, options.snapshot, reference));
  const limits = { now: () => context.clock.monotonic(), deadlineMs: DEADLINE_MS };
  const planned = planMigrations({
    snapshot,
    rule,
    sourceIds,
    constraints: constraintsFor({ snapshot, rule, sourceIds }),
    limits,
  });
  const plan = withLeastGain(planned, rule.leastGain, snapshot);
  if (options.json) printJson(context, plan);
  else context.terminal.out(`${planText(plan)}\n`);
  context.exit(EXIT_STATUS[plan.outcome]);
}

/**
 * `automigrate plan`: what would be done on a snapshot, without doing it.
 * Sets the exit status: 0 for migrate and partial, 3 for find_result_fail and not_needed, 2 for bad input.
 */
export function planCommand(context: CliContext): Command {
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
    .action((options: PlanOptions) => runPlan(options, context));
}
