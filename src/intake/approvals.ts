import type { Decision } from '../decide/decision.js';
import { stateOf } from '../decide/recommended-plan.js';
import type { BatchRecord } from '../journal/journal.js';
import type { Memory, RecommendedPlan } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import type { Busy } from './busy-flag.js';
import type { DecidePartDeps } from './decide-part.js';
import { decidePart, pauseEvent, withPauses } from './decide-part.js';
import type { Pause } from './pause.js';
import { operatorPauseText } from './pause.js';
import { movesOf, plannedLoads } from './plan-views.js';
import type { Approval, ApprovalAnswer, PlanRefused } from './views.js';

/** What {@link approve} needs. */
export interface ApproveDeps {
  deciding: DecidePartDeps;
  busy: Busy;
  pause: Pick<Pause, 'current'>;
  /** Aborted by whoever stops what runs before it moves anything. */
  stopped: AbortSignal;
  /** One change of the plans at a time: what a person has said of one must not be written over. */
  inTurn: <T>(change: () => Promise<T>) => Promise<T>;
  newBatchId: () => string;
  /** Carries the batch out; it stands in the journal and holds the flag. */
  start: (record: BatchRecord) => void;
  /** Called when the flag has been given back without a batch. */
  onRefused: () => void;
}

/**
 * Carries out a recommended plan, or some of its moves, if it still holds on fresh readings. An approval is a person's word:
 * windows, pauses of the rule and budgets do not hold it up; boundaries, the cloud's own refusals and everything that makes a
 * move unsafe do.
 * @param by - who approves.
 * @returns what came of it; nothing is moved that was not part of the plan.
 */
export async function approve(id: string, approval: Approval, by: string, deps: ApproveDeps): Promise<ApprovalAnswer> {
  const { deciding, busy, pause } = deps;
  const { journal, clock } = deciding;
  const refused = refusalOf(journal.memory(), id, clock.now()) ?? unknownMoves(journal.memory(), id, approval);
  if (refused) return refused;
  const held = pause.current();
  if (held) return { outcome: 'refused', reason: 'paused', reasons: [operatorPauseText(held)] };
  const batch = deps.newBatchId();
  if (!(await busy.take(batch))) {
    const running = busy.holder() ?? 'of another replica';
    if (approval.when === 'free') return deps.inTurn(() => keepWaiting(id, approval, { by, running }, deciding));
    return { outcome: 'refused', reason: 'busy', reasons: [`batch ${running} is running`] };
  }
  let record: BatchRecord | undefined;
  try {
    // Another approval may have been first while this one waited for the flag.
    const plan = planOf(journal.memory(), id);
    const late = refusalOf(journal.memory(), id, clock.now());
    if (!plan || late) return late ?? { outcome: 'unknown' };
    const rule = deciding.rules().find(({ name }) => name === plan.rule);
    if (!rule?.enabled) return changed([`rule ${plan.rule} is gone or disabled`]);

    const picked = pickedFrom(plan, approval);
    const decision = await decisionOn(picked, rule, { id: batch, sender: by }, deps);
    const reasons = decision && whyNot(decision);
    return await deps.inTurn(async () => {
      // What a person has said while this looked.
      const heldNow = pause.current();
      if (heldNow) return { outcome: 'refused', reason: 'paused', reasons: [operatorPauseText(heldNow)] };
      if (!decision || deps.stopped.aborted) {
        return { outcome: 'refused', reason: 'stopped', reasons: ['it was stopped before anything moved'] };
      }
      const since = refusalOf(journal.memory(), id, clock.now());
      if (since) return since;
      if (reasons && reasons.length > 0) return changed(reasons);
      const left = noLongerNeeded(picked, decision);
      const made = recordOf(picked, decision, { id: batch, sender: by }, clock.now());
      await keepApproval(picked, made, left, deciding);
      record = made;
      deps.start(record);
      return {
        outcome: 'accepted',
        batch,
        plan: id,
        rules: [rule.name],
        ...costOf(decision),
        ...(left.length > 0 && { no_longer_needed: left }),
      };
    });
  } finally {
    if (!record) {
      await busy.release(batch);
      deps.onRefused();
    }
  }
}

/** What a person has approved of a plan, as if that were all of it. */
interface Picked {
  plan: RecommendedPlan;
  /** Ids of the guests that alone are to move; absent: all. */
  ids?: string[];
  moves: RecommendedPlan['migrations'];
  hosts: string[][];
  /** Whether the moves cleared every host when they were planned. */
  outcome: RecommendedPlan['outcome'];
}

function pickedFrom(plan: RecommendedPlan, { moves: ids }: Approval): Picked {
  const moves = movesOf(plan, ids);
  if (ids === undefined || moves.length === plan.migrations.length) {
    return { plan, moves, hosts: plan.hosts, outcome: plan.outcome };
  }
  // Only the hosts that they relieve: that others stay over is what the person wants.
  const sources = new Map(moves.map(({ guest }) => [guest.host_id, [guest.host_id, guest.host]]));
  return { plan, ids: [...ids], moves, hosts: [...sources.values()], outcome: 'partial' };
}

/** Looks at the fleet again with nothing but the approved moves in mind; rules that others make pause do so all the same. */
async function decisionOn(
  { moves, hosts, outcome }: Picked,
  rule: Rule,
  origin: Pick<BatchRecord, 'id' | 'sender'>,
  { deciding, stopped }: Pick<ApproveDeps, 'deciding' | 'stopped'>,
): Promise<Decision | undefined> {
  const record = { ...origin, migrations: [] };
  const signal = AbortSignal.any([deciding.signal, stopped]);
  const decision = await decidePart(
    record,
    { hosts },
    rule,
    { ...deciding, signal },
    { approved: { moves, outcome } },
  ).catch((error: unknown) => {
    if (!stopped.aborted) throw error;
    return undefined;
  });
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

function noLongerNeeded({ moves }: Picked, { migrations }: Decision): string[] {
  const needed = new Set(migrations.map(({ notes }) => notes.guest.id));
  return moves.filter(({ guest }) => !needed.has(guest.id)).map(({ guest }) => guest.name);
}

/** What is carried out costs, and does to the hosts that it touches. */
function costOf({
  plan,
  migrations,
}: Decision): Pick<Extract<ApprovalAnswer, { outcome: 'accepted' }>, 'cost' | 'loads'> {
  const moves = migrations.map(({ notes }) => notes);
  return { cost: plan?.cost ?? 0, loads: plan ? plannedLoads(plan.loads, moves, plan.threshold) : [] };
}

function recordOf(
  { plan, hosts }: Picked,
  { plan: decided, migrations }: Decision,
  origin: Pick<BatchRecord, 'id' | 'sender'>,
  now: number,
): BatchRecord {
  // What was approved is these moves: nothing else is tried in their place.
  const part = { rule: plan.rule, hosts, done: false, retried: true };
  return {
    ...origin,
    plan: plan.id,
    accepted_at: new Date(now).toISOString(),
    parts: [{ ...part, ...(decided && { loads: decided.loads, explanation: { ...decided.explanation } }) }],
    migrations,
  };
}

/** The names of the guests that were picked, where not all are. */
function pickedNames({ migrations }: RecommendedPlan, ids: readonly string[] | undefined): { moves?: string[] } {
  if (ids === undefined) return {};
  return { moves: migrations.filter(({ guest }) => ids.includes(guest.id)).map(({ guest }) => guest.name) };
}

async function keepApproval(
  { plan, ids }: Picked,
  record: BatchRecord,
  left: readonly string[],
  { journal, clock }: DecidePartDeps,
): Promise<void> {
  const notes = {
    plan: plan.id,
    ...(plan.state === 'waiting' && { waited: true as const }),
    ...pickedNames(plan, ids),
    ...(left.length > 0 && { no_longer_needed: [...left] }),
  };
  const approved = { by: record.sender, at: new Date(clock.now()).toISOString(), ...(ids && { moves: ids }) };
  await journal.commit({
    events: [{ obj_name: plan.rule, user: record.sender, action: 'approved', notes, batch: record.id }],
    batch: record,
    memory: (memory) => withPlan(memory, plan.id, (each) => ({ ...each, state: 'approved', by: record.id, approved })),
  });
}

/** Remembers, over restarts, that a plan is to be carried out when the running batch has ended. */
async function keepWaiting(
  id: string,
  { moves: ids }: Approval,
  { by, running }: { by: string; running: string },
  { journal, clock }: DecidePartDeps,
): Promise<ApprovalAnswer> {
  const late = refusalOf(journal.memory(), id, clock.now());
  const plan = planOf(journal.memory(), id);
  if (late || !plan) return late ?? { outcome: 'unknown' };
  const notes = { plan: id, waits_for: running, ...pickedNames(plan, ids) };
  const approved = { by, at: new Date(clock.now()).toISOString(), ...(ids && { moves: [...ids] }) };
  await journal.commit({
    events: [{ obj_name: plan.rule, user: by, action: 'approved', notes }],
    memory: (memory) => withPlan(memory, id, (each) => ({ ...each, state: 'waiting', approved })),
  });
  return { outcome: 'waiting', plan: id, batch: running };
}

/** The memory with one plan changed. */
export function withPlan(memory: Memory, id: string, change: (plan: RecommendedPlan) => RecommendedPlan): Memory {
  return { ...memory, plans: memory.plans.map((each) => (each.id === id ? change(each) : each)) };
}

function planOf({ plans }: Memory, id: string): RecommendedPlan | undefined {
  return plans.find((each) => each.id === id);
}

function changed(reasons: string[]): PlanRefused {
  return { outcome: 'refused', reason: 'changed', reasons };
}

/** Guests that are picked and that the plan does not move. */
function unknownMoves(
  memory: Memory,
  id: string,
  { moves = [] }: Approval,
): Extract<ApprovalAnswer, { outcome: 'invalid' }> | undefined {
  const known = new Set(planOf(memory, id)?.migrations.map(({ guest }) => guest.id));
  const problems = moves.flatMap((guest, at) =>
    known.has(guest) ? [] : [{ field: `moves[${at}]`, message: `plan ${id} moves no guest with this id` }],
  );
  return problems.length > 0 ? { outcome: 'invalid', problems } : undefined;
}

/** Why nothing can be said of a plan any more; undefined while it can be approved or dismissed. */
export function refusalOf(memory: Memory, id: string, now: number): PlanRefused | { outcome: 'unknown' } | undefined {
  const plan = planOf(memory, id);
  if (!plan) return { outcome: 'unknown' };
  const refused = (reason: PlanRefused['reason'], text: string): PlanRefused => {
    return { outcome: 'refused', reason, reasons: [text] };
  };
  const state = stateOf(plan, now);
  switch (state) {
    case 'open':
    case 'waiting':
      return undefined;
    case 'approved':
      return refused(state, `plan ${id} was approved as batch ${plan.by}`);
    case 'dismissed':
      return refused(state, `plan ${id} was dismissed by ${plan.dismissed?.by}: ${plan.dismissed?.reason}`);
    case 'superseded':
      return refused(state, `plan ${plan.by} has taken the place of plan ${id}`);
    case 'expired':
      return refused(state, `plan ${id} expired at ${plan.expires_at}`);
  }
}
