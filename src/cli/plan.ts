import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type Plan, planMigrations, resolveHost, withLeastGain, type PlanOutcome } from '../balancer/index.js';
import { constraintsFor } from '../constraints/index.js';
import type { Snapshot } from '../fleet/fleet.js';
import { parseSnapshot } from '../fleet/snapshot-file.js';
import { parseJson } from '../common/json-text.js';
import { describeIssues, expectation } from '../rules/problems.js';
import { type Rule, ruleFileSchema, toRule } from '../rules/rule.js';
import { type CliContext, InputError } from './context.js';
import { planText } from './plan-text.js';
import { receiverCommand, receiverFor, tell } from './receiver-command.js';

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

/** `POST /api/try`: a plan, and what an alert would lead to now. */
interface Tried extends Plan {
  would?: { outcome: 'move' | 'recommend' | 'nothing'; reasons: string[]; held_by?: string };
}

const WOULD = {
  move: 'would carry it out',
  recommend: 'would recommend it',
  nothing: 'would lead to nothing',
} as const;

function triedText(plan: Tried): string {
  if (!plan.would) return planText(plan);
  const { outcome, reasons, held_by: held } = plan.would;
  const why = [...(held === undefined ? [] : [held]), ...reasons];
  return `${planText(plan)}\n\nAn alert now ${WOULD[outcome]}${why.length > 0 ? `: ${why.join('; ')}` : ''}`;
}

interface PlanOptions {
  snapshot?: string;
  rule?: string;
  host: string[];
}

function planOn(snapshotFile: string, ruleFile: string, { host }: PlanOptions, context: CliContext): Plan {
  const snapshot = readSnapshot(snapshotFile);
  const rule = readRule(ruleFile);
  const sourceIds = host.map((reference) => hostId(snapshot, snapshotFile, reference));
  const limits = { now: () => context.clock.monotonic(), deadlineMs: DEADLINE_MS };
  const planned = planMigrations({
    snapshot,
    rule,
    sourceIds,
    constraints: constraintsFor({ snapshot, rule, sourceIds }),
    limits,
  });
  return withLeastGain(planned, rule.leastGain, snapshot);
}

/**
 * `automigrate plan`: what would be done, without doing it: on a snapshot file, or now, by the running receiver.
 * Sets the exit status: 0 for migrate and partial, 3 for find_result_fail and not_needed, 2 for bad input.
 */
export function planCommand(context: CliContext): Command {
  const command = receiverCommand(
    'plan',
    'work out a plan on a snapshot file, or on the fleet as it is; nothing moves',
  );
  return command
    .argument('[rule]', "the rule's name, where the running receiver is asked")
    .option('--snapshot <file>', 'the fleet, a JSON file; without it the running receiver is asked')
    .option('--rule <file|name>', 'the rule: a JSON file with --snapshot, else its name')
    .requiredOption(
      '--host <id|name>',
      'an alerting host (repeatable)',
      (value: string, before: string[] | undefined) => [...(before ?? []), value],
    )
    .action(async (name: string | undefined, options: PlanOptions) => {
      const rule = options.rule ?? name;
      if (rule === undefined) {
        throw new InputError([
          options.snapshot === undefined ? 'expected the name of a rule' : '--rule: expected a file',
        ]);
      }
      const plan: Tried =
        options.snapshot === undefined
          ? (await receiverFor(context, command).post<Tried>('/api/try', { rule, hosts: options.host })).body
          : planOn(options.snapshot, rule, options, context);
      tell(context, command, plan, triedText);
      context.exit(EXIT_STATUS[plan.outcome]);
    });
}
