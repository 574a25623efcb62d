import type { Decision } from '../decide/decision.js';
import { stateOf } from '../decide/recommended-plan.js';
import type { BatchRecord, Journal } from '../journal/journal.js';
import type { RecommendedPlan } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import type { Busy } from './busy-flag.js';
import type { DecidePartDeps } from './decide-part.js';
import { decidePart, pauseEvent, withPauses } from './decide-part.js';
import type { Pause } from './pause.js';
import { operatorPauseText } from './pause.js';
import type { ApprovalAnswer } from './views.js';

/** What {@link approve} needs. */
export interface ApproveDeps {
  deciding: DecidePartDeps;
  busy: Busy;
  pause: Pick<Pause, 'current'>;
  /** Aborted by whoever stops what runs before it moves anything. */
  stopped: AbortSignal;
  newBatchId: () => string;
  /** Carries the batch out; it stands in the journal and holds the flag. */
  start: (record: BatchRecord) => void;
  /** Called when the flag has been given back without a batch. */
  onRefused: () => void;
}

/**
 * Carries out a recommended plan if it still holds on fresh readings. An approval is a person's word: windows, pauses and
 * budgets do not hold it up; boundaries, the cloud's own refusals and everything that makes a move unsafe do.
 * @param by - who approves.
 * @returns what came of it; nothing is moved that was not part of the plan.
 */
export async function approve(id: string, by: string, deps: ApproveDeps): Promise<ApprovalAnswer> {
  const { deciding, busy, pause } = deps;
  const { journal, clock } = deciding;
  const refused = refusal(journal.memory().plans, id, clock.now());
  if (refused) return refused;
  const held = pause.current();
  if (held) return { outcome: 'refused', reason: 'paused', reasons: [operatorPauseText(held)] };
  const batch = deps.newBatchId();
  if (!(await busy.take(batch))) {
    const running = busy.holder() ?? 'of another replica';
    return { outcome: 'refused', reason: 'busy', reasons: [`batch ${running} is running`] };
  }
  let record: BatchRecord | undefined;
  try {
    // Another approval may have been first while this one waited for the flag.
    const plan = journal.memory().plans.find((each) => each.id === id);
    const late = refusal(journal.memory().plans, id, clock.now());
    if (!plan || late) return late ?? { outcome: 'unknown' };
    const rule = deciding.rules().find(({ name }) => name === plan.rule);
    if (!rule?.enabled) return changed([`rule ${plan.rule} is gone or disabled`]);

    const decision = await decisionOn(plan, rule, { id: batch, sender: by }, deps);
    const heldNow = pause.current();
    if (heldNow) return { outcome: 'refused', reason: 'paused', reasons: [operatorPauseText(heldNow)] };
    if (!decision) return { outcome: 'refused', reason: 'stopped', reasons: ['it was stopped before anything moved'] };
    const reasons = whyNot(decision);
    if (reasons.length > 0) return changed(reasons);
    const left = noLongerNeeded(plan, decision);
    const made = recordOf(plan, decision, { id: batch, sender: by }, clock.now());
    await keepApproval(plan, made, left, journal);
    record = made;
    deps.start(record);
    return {
      outcome: 'accepted',
      batch,
      plan: id,
      rules: [rule.name],
      ...(left.length > 0 && { no_longer_needed: left }),
    };
  } finally {
    if (!record) {
      await busy.release(batch);
      deps.onRefused();
    }
  }
}

/** Looks at the fleet again with nothing but the approved moves in mind; rules that others make pause do so all the same. */
async function decisionOn(
  plan: RecommendedPlan,
  rule: Rule,
  origin: Pick<BatchRecord, 'id' | 'sender'>,
  { deciding, stopped }: Pick<ApproveDeps, 'deciding' | 'stopped'>,
): Promise<Decision | undefined> {
  const record = { ...origin, migrations: [] };
  const approved = { moves: plan.migrations, outcome: plan.outcome };
  const signal = AbortSignal.any([deciding.signal, stopped]);
  const decision = await decidePart(record, { hosts: plan.hosts }, rule, { ...deciding, signal }, approved).catch(
    (error: unknown) => {
      if (!stopped.aborted) throw error;
      return undefined;
    },
  );
  deciding.signal.throwIfAborted();
  if (!decision || stopped.aborted) return undefined;
  const { pauses } = decision;
  if (pauses.length > 0) {
    const events = pauses.map((pause) => pauseEvent(pause, origin.id));
    await deciding.journal.commit({ events, memory: (memory) => withPauses(memory, pauses) });
  }
  deciding.decisions.confirm();
  return decision;
}

/** Why the moves are not carried out; empty if they are. */
function whyNot({ steering, findings }: Decision): string[] {
  switch (steering.kind) {
    case 'move':
      return [];
    case 'changed':
      return steering.reasons;
    case 'recommend':
    case 'nothing': {
      const said = findings.map(({ notes }) => (typeof notes === 'string' ? notes : JSON.stringify(notes)));
      return said.length > 0 ? said : ['nothing of it is needed any more'];
    }
  }
}

function noLongerNeeded(plan: RecommendedPlan, { migrations }: Decision): string[] {
  const needed = new Set(migrations.map(({ notes }) => notes.guest.id));
  return plan.migrations.filter(({ guest }) => !needed.has(guest.id)).map(({ guest }) => guest.name);
}

function recordOf(
  plan: RecommendedPlan,
  { plan: decided, migrations }: Decision,
  origin: Pick<BatchRecord, 'id' | 'sender'>,
  now: number,
): BatchRecord {
  // What was approved is these moves: nothing else is tried in their place.
  const part = { rule: plan.rule, hosts: plan.hosts, done: false, retried: true };
  return {
    ...origin,
    plan: plan.id,
    accepted_at: new Date(now).toISOString(),
    parts: [{ ...part, ...(decided && { loads: decided.loads, explanation: { ...decided.explanation } }) }],
    migrations,
  };
}

async function keepApproval(
  plan: RecommendedPlan,
  record: BatchRecord,
  left: readonly string[],
  journal: Journal,
): Promise<void> {
  const notes = { plan: plan.id, ...(left.length > 0 && { no_longer_needed: [...left] }) };
  await journal.commit({
    events: [{ obj_name: plan.rule, user: record.sender, action: 'approved', notes, batch: record.id }],
    batch: record,
    memory: (memory) => ({
      ...memory,
      plans: memory.plans.map((each) => (each.id === plan.id ? { ...each, state: 'approved', by: record.id } : each)),
    }),
  });
}

function changed(reasons: string[]): ApprovalAnswer {
  return { outcome: 'refused', reason: 'changed', reasons };
}

function refusal(plans: readonly RecommendedPlan[], id: string, now: number): ApprovalAnswer | undefined {
  const plan = plans.find((each) => each.id === id);
  if (!plan) return { outcome: 'unknown' };
  const state = stateOf(plan, now);
  switch (state) {
    case 'open':
      return undefined;
    case 'approved':
      return { outcome: 'refused', reason: 'approved', reasons: [`plan ${id} was approved as batch ${plan.by}`] };
    case 'superseded':
      return {
        outcome: 'refused',
        reason: 'superseded',
        reasons: [`plan ${plan.by} has taken the place of plan ${id}`],
      };
    case 'expired':
      return { outcome: 'refused', reason: 'expired', reasons: [`plan ${id} expired at ${plan.expires_at}`] };
  }
}
