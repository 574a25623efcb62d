import type { Snapshot } from '../fleet/fleet.js';
import type { BatchPart, BatchRecord, Journal } from '../journal/journal.js';
import type { EventAction, JournalEvent, NewEvent } from '../journal/events.js';
import type { Memory } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import type { Budget } from './budgets.js';
import { cutToBudget } from './budgets.js';
import { keptExplanation } from './kept-explanation.js';
import { FAILURES_LOOK_BACK_MS, type ListedExclusion, failedBefore, onlyWhatFailed } from '../constraints/index.js';
import type { ForeignPause, ForeignWatch } from './foreign-watch.js';
import { foreignText, recordPauses } from './foreign-watch.js';
import { recommend } from './recommended-plan.js';
import type { Relief, RelieveOptions } from './relieve.js';
import { relieve } from './relieve.js';
import type { SnapshotStore } from './kept-snapshots.js';
import { modeOf } from '../verification/rule-mode.js';
import { loadsBefore } from './loads-before.js';

/** What {@link planPart} needs. */
export interface PartOptions extends Omit<RelieveOptions, 'onPlanning' | 'refuse'> {
  journal: Journal;
  rules: () => readonly Rule[];
  watch: ForeignWatch;
  snapshots?: SnapshotStore | undefined;
  /** What all rules together may start within an hour. */
  budget: Budget;
  newPlanId: () => string;
  onPlanning: () => void;
}

/** Events that hold the explanation of their plan; without one of them its first `migrating` does. */
const TELLING: readonly EventAction[] = ['find_result_fail', 'recommended', 'limited'];

/** What a look at the fleet came to, with what the rule's mode and budgets left of it. */
interface Steered extends Relief {
  memory?: (before: Memory) => Memory;
}

/**
 * Asks the fleet, plans one part of a batch, and adds to the record what is to be moved: nothing if the rule only recommends,
 * or as much as the budgets leave. Everything is in the journal when it resolves.
 * @returns the moves that were added.
 */
export async function planPart(
  record: BatchRecord,
  part: BatchPart,
  rule: Rule,
  options: PartOptions,
): Promise<BatchRecord['migrations']> {
  const { journal, clock, log } = options;
  const relief = await lookAgain(record, part.hosts, rule, options);
  options.signal.throwIfAborted();
  await keepSnapshot(record, part, rule, relief, options);
  const steered = steer(record, part, rule, relief, await recentEvents(options), options, clock.now());
  const events = steered.findings.map(({ action, notes }): NewEvent => {
    return { obj_name: part.rule, user: record.sender, action, notes, batch: record.id };
  });
  const { migrations, seen } = steered;
  const explanation = seen && keptExplanation(seen.plan.explanation);
  // A sentence that something does not fit, or a plan that is not carried out as it is, tells why at once.
  const telling = events.find(({ action }) => TELLING.includes(action));
  if (explanation && telling) telling.explanation = explanation;
  // With nothing to move the part has ended, unless it made moves before: those are still to be verified.
  const next: BatchPart = { ...part, done: migrations.length === 0 && part.retried !== true };
  if (explanation && !telling && migrations.length > 0) next.explanation = explanation;
  if (migrations.length > 0 && seen) next.loads = loadsBefore(seen.plan, seen.snapshot, part.loads);
  // Events and what follows from them together, and the record only then: the journal may refuse, and this be done again.
  await journal.commit({
    events,
    batch: {
      ...record,
      parts: record.parts.map((other) => (other === part ? next : other)),
      migrations: [...record.migrations, ...migrations],
    },
    ...(steered.memory && { memory: steered.memory }),
  });
  Object.assign(part, next);
  record.migrations.push(...migrations);
  for (const { action, notes } of steered.findings) {
    log.info({ batch: record.id, rule: rule.name, action }, typeof notes === 'string' ? notes : JSON.stringify(notes));
  }
  if (steered.migrations.length > 0) {
    const moves = steered.migrations.map(({ notes }) => `${notes.guest.name} → ${notes.target_host.name}`);
    log.info({ batch: record.id, rule: rule.name, moves, cost: steered.cost }, 'planned');
  }
  return steered.migrations;
}

/**
 * One look at the fleet with everything that the past rules out; what others have moved makes rules pause.
 * @param approval - what else is ruled out where a person has approved the moves, which no pause holds up then.
 */
export async function lookAgain(
  record: Pick<BatchRecord, 'id' | 'migrations'>,
  hosts: string[][],
  rule: Rule,
  options: PartOptions,
  approval?: { refuse: (snapshot: Snapshot) => ListedExclusion[] },
): Promise<Relief> {
  const { clock, journal, watch } = options;
  await watch.prepare();
  const events = await recentEvents(options);
  let pauses: ForeignPause[] = [];
  const relief = await relieve(rule, hosts, {
    ...options,
    batch: record.id,
    onPlanning: (snapshot) => {
      options.onPlanning();
      pauses = watch.look(snapshot, events, options.rules(), clock.now());
      const own = approval ? undefined : pauses.find((pause) => pause.rule === rule.name);
      return own && { action: 'paused', notes: foreignText(own) };
    },
    refuse: (snapshot) => [
      ...failedBefore(events, clock.now()),
      ...onlyWhatFailed(record.migrations, rule.name, snapshot),
      ...(approval?.refuse(snapshot) ?? []),
    ],
  });
  await recordPauses(pauses, record.id, journal);
  return relief;
}

function recentEvents({ journal, clock }: PartOptions): Promise<JournalEvent[]> {
  return journal.events({ since: clock.now() - FAILURES_LOOK_BACK_MS });
}

function steer(
  record: BatchRecord,
  part: BatchPart,
  rule: Rule,
  relief: Relief,
  events: readonly JournalEvent[],
  { journal, budget, newPlanId }: PartOptions,
  now: number,
): Steered {
  if (relief.migrations.length === 0) return relief;
  const memory = journal.memory();
  const mode = modeOf(rule, memory.standings[rule.name]);
  if (mode.mode === 'recommend') {
    const origin = { id: newPlanId(), rule: rule.name, sender: record.sender, batch: record.id, hosts: part.hosts };
    const made = recommend(relief, { ...origin, ...(mode.why !== undefined && { why: mode.why }) }, memory, now);
    return { ...relief, findings: [...relief.findings, made.event], migrations: [], memory: made.memory };
  }
  const { kept, limited } = cutToBudget(relief.migrations, rule, budget, events, now);
  if (!limited) return relief;
  return { ...relief, findings: [...relief.findings, { action: 'limited', notes: { ...limited } }], migrations: kept };
}

/** Keeps what was known, for a replay. A disk that refuses must not keep a host from being relieved. */
async function keepSnapshot(
  record: BatchRecord,
  part: BatchPart,
  rule: Rule,
  { seen }: Relief,
  { snapshots, log }: PartOptions,
): Promise<void> {
  if (!snapshots || !seen) return;
  const { outcome, migrations, cost, notes } = seen.plan;
  try {
    await snapshots.add(record.id, record.sender, {
      rule,
      hosts: part.hosts,
      source_ids: seen.sourceIds,
      refusals: seen.refusals,
      snapshot: seen.snapshot,
      plan: { outcome, migrations, cost, notes },
    });
  } catch (error) {
    log.warn({ batch: record.id, rule: rule.name, err: error }, 'what was planned on could not be kept for a replay');
  }
}
