import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { Decision, DecisionRequest, ForeignPause } from '../decide/decision.js';
import type { Decisions } from '../decide/decisions.js';
import { DecisionError } from '../decide/decisions.js';
import { foreignText } from '../decide/foreign.js';
import type { MigrationBudget } from '../decide/migration-budgets.js';
import { recommend } from '../decide/recommended-plan.js';
import { textOf } from '../journal/event-text.js';
import type { EventAction, NewEvent } from '../journal/events.js';
import type { BatchPart, BatchRecord, Journal } from '../journal/journal.js';
import type { Memory } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import type { ProcessMode } from '../verification/rule-mode.js';
import { withRuleState } from '../verification/rule-mode.js';
import { readKnown } from './known.js';

/** What it takes to decide on a part and to keep what was decided. */
export interface DecidePartDeps {
  decisions: Decisions;
  journal: Journal;
  rules: () => readonly Rule[];
  /** What all rules together may start. */
  budget: MigrationBudget;
  /** How far all rules may go. */
  mode: ProcessMode;
  newPlanId: () => string;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

/**
 * Has one part of a batch decided on, with everything that the journal knows.
 * @returns the decision; one that broke off is a `decision_fail`, and nothing is moved by it.
 * @throws the signal's reason when it is aborted.
 */
export async function decidePart(
  record: Pick<BatchRecord, 'id' | 'sender' | 'migrations'>,
  part: Pick<BatchPart, 'hosts' | 'loads'>,
  rule: Rule,
  deps: Pick<DecidePartDeps, 'decisions' | 'journal' | 'rules' | 'budget' | 'mode' | 'clock' | 'log' | 'signal'>,
  how: Pick<DecisionRequest, 'approved' | 'trial'> = {},
): Promise<Decision> {
  const { decisions, journal, rules, budget, mode, clock, log, signal } = deps;
  const known = await readKnown(journal, rule, record, clock.now());
  try {
    const request: DecisionRequest = {
      batch: record.id,
      sender: record.sender,
      rule,
      rules: rules(),
      hosts: part.hosts,
      known,
      migrations: record.migrations,
      ...(part.loads && { loads: part.loads }),
      ...how,
      budget,
      mode,
    };
    return await decisions.decide(request, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof DecisionError)) throw error;
    log.error({ batch: record.id, rule: rule.name, err: error }, 'a decision broke off');
    const finding = { action: 'decision_fail' as const, notes: error.message };
    return { findings: [finding], migrations: [], steering: { kind: 'nothing' }, pauses: [], lagging: [] };
  }
}

/** Events that hold the explanation of their plan; without one of them its first `migrating` does. */
const TELLING: readonly EventAction[] = ['find_result_fail', 'partial', 'recommended', 'limited'];

/**
 * Keeps a decision: its events, the moves that it adds to the batch, a plan that waits for an approval, rules that pause.
 * All of it stands in the journal when it resolves, and only then in the record: the journal may refuse, and this be done again.
 */
export async function keepDecision(
  record: BatchRecord,
  part: BatchPart,
  decision: Decision,
  deps: Pick<DecidePartDeps, 'decisions' | 'journal' | 'newPlanId' | 'clock' | 'log'>,
): Promise<void> {
  const { journal, newPlanId, clock, log, decisions } = deps;
  const { steering, plan, pauses } = decision;
  const base = {
    obj_name: part.rule,
    user: record.sender,
    batch: record.id,
    ...(part.links && { links: part.links }),
  };
  const events: NewEvent[] = [
    ...pauses.map((pause) => pauseEvent(pause, record.id)),
    ...decision.findings.map((finding): NewEvent => ({ ...base, ...finding })),
  ];
  const moves = steering.kind === 'move' ? decision.migrations : [];
  const changes: ((memory: Memory) => Memory)[] = [];
  if (steering.kind === 'recommend' && plan) {
    const origin = { id: newPlanId(), rule: part.rule, sender: record.sender, batch: record.id, hosts: part.hosts };
    const why = steering.why !== undefined && { why: steering.why };
    const made = recommend(
      { plan, migrations: decision.migrations },
      { ...origin, ...why },
      journal.memory(),
      clock.now(),
    );
    events.push({ ...base, ...made.event });
    changes.push(made.memory);
  }
  changes.push((memory) => withPauses(memory, pauses));
  if (plan) changes.push((memory) => ({ ...memory, guests: plan.guests }));

  // A sentence that something does not fit, or a plan that is not carried out as it is, tells why at once.
  const telling = events.find(({ action }) => TELLING.includes(action));
  const explanation = plan && { ...plan.explanation };
  if (explanation && telling) telling.explanation = explanation;
  // With nothing to move the part has ended, unless it made moves before: those are still to be verified.
  const next: BatchPart = { ...part, done: moves.length === 0 && part.retried !== true };
  if (explanation && !telling && moves.length > 0) next.explanation = explanation;
  if (moves.length > 0 && plan) next.loads = plan.loads;
  await journal.commit({
    events,
    batch: {
      ...record,
      parts: record.parts.map((other) => (other === part ? next : other)),
      migrations: [...record.migrations, ...moves],
    },
    memory: (memory) => changes.reduce((changed, change) => change(changed), memory),
  });
  decisions.confirm();
  Object.assign(part, next);
  record.migrations.push(...moves);
  for (const event of events) {
    log.info({ batch: record.id, rule: part.rule, action: event.action }, textOf(event));
  }
  if (moves.length === 0) return;
  const planned = moves.map(({ notes }) => `${notes.guest.name} → ${notes.target_host.name}`);
  log.info({ batch: record.id, rule: part.rule, moves: planned, cost: plan?.cost }, 'planned');
}

/** The event of a rule that pauses because others move its guests. */
export function pauseEvent(pause: ForeignPause, batch: string): NewEvent {
  const paused_until = new Date(pause.until).toISOString();
  const notes = { text: foreignText(pause), moves: pause.moves.slice(0, 100), paused_until };
  return { obj_name: pause.rule, user: 'system', action: 'foreign_move', notes, batch };
}

/** The memory with rules that pause. */
export function withPauses(memory: Memory, pauses: readonly ForeignPause[]): Memory {
  return pauses.reduce(
    (changed, { rule, since, until }) => withRuleState(changed, rule, { paused_at: since, paused_until: until }),
    memory,
  );
}
