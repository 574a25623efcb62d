import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Command } from 'commander';
import { type Plan, withLeastGain } from '../balancer/index.js';
import type { JournalEvent } from '../journal/events.js';
import { planByRule } from '../decide/plan-moves.js';
import { withDefaults } from '../decide/rule-defaults.js';
import { loadRules } from '../rules/load.js';
import { durationText } from '../common/units.js';
import type { Rule } from '../rules/rule.js';
import type { BatchSnapshot, PartSnapshot, SnapshotStore } from '../decide/kept-snapshots.js';
import { type CliContext, InputError, printJson } from './context.js';
import type { ReadEvents } from './events.js';
import { planText } from './plan-text.js';
import { EXIT_STATUS, readRule } from './plan.js';

/** What stands behind the command. */
export interface ReplaySources {
  readEvents: ReadEvents;
  snapshots: (dataDir: string) => Pick<SnapshotStore, 'read'>;
}

interface ReplayOptions {
  rule?: string;
  json?: true;
}

/** How a plan differs from the one that was made then. */
export interface PlanDifference {
  same: boolean;
  outcome: { then: string; now: string };
  /** MiB. */
  cost: { then: number; now: number };
  /** Moves as `guest: source -> target`. */
  only_then: string[];
  only_now: string[];
}

const move = ({ guest, target_host }: Plan['migrations'][number]) =>
  `${guest.name}: ${guest.host} -> ${target_host.name}`;

/** Compares the plan of a replay with what was planned when the alert came. */
export function differenceOf(then: PartSnapshot['plan'], now: Plan): PlanDifference {
  const before = then.migrations.map(move);
  const after = now.migrations.map(move);
  const onlyThen = before.filter((each) => !after.includes(each));
  const onlyNow = after.filter((each) => !before.includes(each));
  return {
    same: onlyThen.length === 0 && onlyNow.length === 0 && then.outcome === now.outcome,
    outcome: { then: then.outcome, now: now.outcome },
    cost: { then: then.cost, now: now.cost },
    only_then: onlyThen,
    only_now: onlyNow,
  };
}

function differenceText({ same, outcome, cost, only_then, only_now }: PlanDifference): string {
  if (same) return 'the same as it was planned then';
  const lines = [
    ...(outcome.then === outcome.now ? [] : [`  outcome: ${outcome.then} then, ${outcome.now} now`]),
    ...(cost.then === cost.now ? [] : [`  cost: ${cost.then} MiB then, ${cost.now} MiB now`]),
    ...only_then.map((each) => `  only then: ${each}`),
    ...only_now.map((each) => `  only now:  ${each}`),
  ];
  return ['different from what was planned then:', ...lines].join('\n');
}

/** What was recorded of a batch, given by its own id or by that of an event. */
async function recorded(
  id: string,
  context: CliContext,
  sources: ReplaySources,
): Promise<{ batch: BatchSnapshot; rule?: string }> {
  const dataDir = context.dataDir();
  const store = sources.snapshots(dataDir);
  const read = (batch: string) =>
    store.read(batch).catch((error: unknown) => {
      throw error instanceof RangeError ? new InputError([error.message]) : error;
    });
  const own = await read(id);
  if (own) return { batch: own };
  if (!/^\d{1,15}$/.test(id))
    throw new InputError([`nothing is recorded in ${dataDir} of a batch ${JSON.stringify(id)}`]);
  const event: JournalEvent | undefined = (await sources.readEvents({}, dataDir)).find(
    (each) => each.id === Number(id),
  );
  if (!event) throw new InputError([`there is no event ${id} in ${dataDir}`]);
  if (event.batch === undefined) {
    throw new InputError([`event ${id} (${event.action} ${event.obj_name}) belongs to no batch: nothing was planned`]);
  }
  const batch = await read(event.batch);
  if (batch) return { batch, rule: event.obj_name };
  throw new InputError([`nothing is recorded in ${dataDir} of batch ${event.batch}, to which event ${id} belongs`]);
}

/** The rule that a replay goes by, and where it stands. */
async function ruleFor(
  part: PartSnapshot,
  file: string | undefined,
  context: CliContext,
): Promise<{ rule: Rule; from: string }> {
  if (file !== undefined) return { rule: readRule(file), from: file };
  const dir = context.rulesDir();
  const { rules, problems } = await loadRules(dir);
  const rule = rules.find(({ name }) => name === part.rule.name);
  if (rule) return { rule, from: join(dir, `${rule.name}.json`) };
  const why = problems.map(({ text }) => text);
  throw new InputError([...why, `there is no rule ${part.rule.name} in ${dir} today; --rule names a file`]);
}

/** Which rule it was, with what the service makes of the keys that it leaves out. */
function ruleUsed(given: Rule, from: string, then: Rule) {
  const { headroom, worth, relieve, cooldownMs, evidence } = withDefaults(given);
  const same = isDeepStrictEqual(withDefaults(given), withDefaults(then));
  const cooldown = durationText(cooldownMs);
  return { name: given.name, from, same_as_then: same, headroom, worth, relieve, cooldown, evidence };
}

function ruleUsedText(used: ReturnType<typeof ruleUsed>): string {
  const { name, from, same_as_then, headroom, worth, relieve, cooldown, evidence } = used;
  const how = typeof evidence === 'string' ? evidence : `share ${evidence.share}`;
  const since = same_as_then ? 'the same as then' : 'not the same as then';
  const weighed = `worth ${worth} GiB, relieve ${relieve}, headroom ${headroom}`;
  return `by rule ${name} of ${from}, ${since}: ${weighed}, cooldown ${cooldown}, evidence ${how}`;
}

async function runReplay(
  id: string,
  options: ReplayOptions,
  context: CliContext,
  sources: ReplaySources,
): Promise<void> {
  const { batch, rule: name } = await recorded(id, context, sources);
  const ofRule = batch.parts.filter(({ rule }) => name === undefined || rule.name === name);
  // The first look of a batch is the one at the alert; a later one follows a migration that failed.
  const [part] = ofRule.length > 0 ? ofRule : batch.parts;
  if (!part) throw new InputError([`nothing was planned in batch ${batch.batch}`]);
  const { rule, from } = await ruleFor(part, options.rule, context);
  const used = ruleUsed(rule, from, part.rule);
  const { snapshot } = part;
  const planned = planByRule({
    snapshot,
    rule: withDefaults(rule),
    sourceIds: part.source_ids,
    otherAlertingIds: part.other_alerting_ids ?? [],
    exclusions: part.refusals,
    underWay: part.under_way ?? [],
    unsettledIds: part.unsettled_ids ?? [],
    approvedMoves: part.approved_moves,
    limits: {},
  });
  const plan = part.approved_moves ? planned : withLeastGain(planned, rule.leastGain, snapshot);
  const difference = differenceOf(part.plan, plan);
  if (options.json) {
    const alert = { batch: batch.batch, sender: batch.sender, taken_at: snapshot.taken_at, hosts: part.hosts };
    printJson(context, { ...plan, replay: { ...alert, rule: used, difference } });
  } else {
    const words = part.hosts.map((each) => each[0] ?? '?').join(', ');
    context.terminal.out(
      `batch ${batch.batch}: ${batch.sender}, rule ${part.rule.name}, ${words}, ${snapshot.taken_at}\n${ruleUsedText(used)}\n`,
    );
    context.terminal.out(`${planText(plan)}\n${differenceText(difference)}\n`);
  }
  context.exit(EXIT_STATUS[plan.outcome]);
}

/**
 * `automigrate replay`: plans a recorded alert again, offline, by today's rule or by another.
 * Sets the exit status as `automigrate plan` does.
 */
export function replayCommand(context: CliContext, sources: ReplaySources): Command {
  return new Command('replay')
    .description('plan a recorded alert again by the rule as it is today, without carrying it out')
    .argument('<event>', 'the id of an event, or of a batch')
    .option('--rule <file>', 'another rule, a JSON file')
    .option('--json', 'print the plan as JSON')
    .action((id: string, options: ReplayOptions) => runReplay(id, options, context, sources));
}
