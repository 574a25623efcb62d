import { type Plan, withLeastGain } from '../balancer/index.js';
import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { MigrationRecord } from '../journal/journal.js';
import { modeOf } from '../verification/rule-mode.js';
import { whatChanged } from './approved-moves.js';
import type { DecidedPlan, Finding, Steering } from './decision.js';
import { keptExplanation } from './kept-explanation.js';
import type { SnapshotStore } from './kept-snapshots.js';
import { loadsBefore } from './loads-before.js';
import { cutToBudget } from './migration-budgets.js';
import type { Planned } from './plan-moves.js';
import { allowedBy, toNotes } from './planned-records.js';
import type { Draft, Step } from './walk.js';
import { ended } from './walk.js';

/** A draft that has come to its end. */
export interface SteeredDraft extends Draft {
  migrations: MigrationRecord[];
  steering: Steering;
  plan: DecidedPlan;
}

/**
 * Says how far the rule may go with its plan: whether it is worth its moves, mode, budgets, what a person has approved. Keeps
 * what was known for a replay.
 */
export async function steer(
  planned: Planned,
  { clock, log, snapshots }: { clock: Clock; log: Log; snapshots: SnapshotStore | undefined },
): Promise<Step<SteeredDraft>> {
  const draft = { ...planned, plan: worthwhile(planned) };
  if (!planned.request.trial) await keepSnapshot(draft, { log, snapshots });
  const { request, snapshot, plan } = draft;
  const decided: DecidedPlan = {
    outcome: plan.outcome,
    threshold: plan.threshold,
    cost: plan.cost,
    notes: plan.notes,
    explanation: keptExplanation(plan.explanation),
    loads: loadsBefore(plan, request.rule, snapshot, request.loads),
    guests: snapshot.guests.length,
    ...(request.trial && { whole: { ...plan } }),
  };
  const migrations = plan.migrations.map((migration): MigrationRecord => ({
    rule: request.rule.name,
    notes: toNotes(migration),
    ...allowedBy(request.rule),
    phase: 'planned',
  }));
  if (request.approved) return steerApproved(draft, decided, migrations);
  const finding = findingOf(plan.outcome, plan.notes);
  if (migrations.length === 0) return ended(draft, finding, { plan: decided });

  const findings = [...draft.findings, ...(finding ? [finding] : [])];
  const mode = modeOf(request.rule, request.known.ruleState, request.mode);
  if (mode.mode === 'recommend') {
    const steering: Steering = { kind: 'recommend', ...(mode.why !== undefined && { why: mode.why }) };
    return { ...draft, findings, migrations, steering, plan: decided };
  }
  const { kept, limited } = cutToBudget(migrations, request.rule, request.budget, {
    events: request.known.attempts,
    guests: decided.guests,
    now: clock.now(),
  });
  if (limited) findings.push({ action: 'limited', notes: limited });
  const steering: Steering = { kind: kept.length > 0 ? 'move' : 'nothing' };
  return { ...draft, findings, migrations: kept, steering, plan: decided };
}

/** The plan, or one that moves nothing where it would gain too little. What a person has approved is worth it. */
function worthwhile({ request, snapshot, plan }: Planned): Plan {
  return request.approved ? plan : withLeastGain(plan, request.rule.leastGain, snapshot);
}

/** A person's word holds for the moves that they saw: if these no longer do, nothing moves and the reasons are told. */
function steerApproved(draft: Planned, decided: DecidedPlan, migrations: MigrationRecord[]): Step<SteeredDraft> {
  const { approved } = draft.request;
  const reasons = approved ? whatChanged(approved, draft) : [];
  if (reasons.length > 0) return ended(draft, undefined, { plan: decided, steering: { kind: 'changed', reasons } });
  return { ...draft, migrations, steering: { kind: 'move' }, plan: decided };
}

/** What a plan that does not clear every host is recorded as. */
function findingOf(outcome: DecidedPlan['outcome'], notes: string): Finding | undefined {
  switch (outcome) {
    case 'migrate':
      return undefined;
    case 'partial':
      return { action: 'partial', notes };
    case 'find_result_fail':
      return { action: 'find_result_fail', notes };
    case 'not_needed':
      return { action: 'not_needed', notes };
  }
}

/** A disk that refuses must not keep a host from being relieved. */
async function keepSnapshot(
  { request, snapshot, plan, ...constrained }: Planned,
  { log, snapshots }: { log: Log; snapshots: SnapshotStore | undefined },
): Promise<void> {
  if (!snapshots) return;
  const { outcome, migrations, cost, notes } = plan;
  try {
    await snapshots.add(request.batch, request.sender, {
      rule: request.rule,
      hosts: request.hosts.map((words) => [...words]),
      source_ids: constrained.sourceIds,
      other_alerting_ids: constrained.otherAlertingIds,
      refusals: constrained.exclusions,
      unsettled_ids: [...constrained.unsettled.keys()],
      under_way: [...constrained.underWay],
      ...(constrained.approvedMoves && { approved_moves: [...constrained.approvedMoves] }),
      snapshot,
      plan: { outcome, migrations, cost, notes },
    });
  } catch (error) {
    log.warn(
      { batch: request.batch, rule: request.rule.name, err: error },
      'what was planned on could not be kept for a replay',
    );
  }
}
