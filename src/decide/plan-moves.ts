import { type Plan, type SearchLimits, planDeadlineMs, planMigrations } from '../balancer/index.js';
import {
  type ApprovedMove,
  type ListedExclusion,
  type MoveUnderWay,
  approvedPlan,
  constraintsFor,
  listed,
} from '../constraints/index.js';
import type { Clock } from '../common/clock.js';
import type { Snapshot } from '../fleet/fleet.js';
import type { Rule } from '../rules/rule.js';
import type { Constrained } from './constrain.js';
import { withDefaults } from './rule-defaults.js';

/** What a plan is made of: plain data, so that it can be kept and planned by again. */
export interface PlanningRequest {
  snapshot: Snapshot;
  rule: Rule;
  sourceIds: readonly string[];
  otherAlertingIds: readonly string[];
  exclusions: readonly ListedExclusion[];
  underWay: readonly MoveUnderWay[];
  approvedMoves?: readonly ApprovedMove[] | undefined;
  limits: SearchLimits;
}

/** Works out a plan. */
export type Planner = (request: PlanningRequest) => Plan;

/** The balancer, with everything that constrains it. */
export const planByRule: Planner = (request) => {
  const { snapshot, rule, sourceIds, otherAlertingIds, exclusions, underWay, approvedMoves, limits } = request;
  const further = [listed(exclusions), ...(approvedMoves ? [approvedPlan(approvedMoves)] : [])];
  const constraints = constraintsFor({ snapshot, rule, sourceIds, otherAlertingIds, underWay, further });
  return planMigrations({ snapshot, rule, sourceIds, constraints, limits });
};

/** A draft with a plan. */
export interface Planned extends Constrained {
  plan: Plan;
}

/** Works out which guests go where. */
export function planMoves(draft: Constrained, deps: { planner: Planner; clock: Clock }): Planned {
  return { ...draft, plan: planOf(draft, draft.exclusions, deps) };
}

/** A plan of a draft with other exclusions. */
export function planOf(
  draft: Constrained,
  exclusions: readonly ListedExclusion[],
  { planner, clock }: { planner: Planner; clock: Clock },
): Plan {
  const { snapshot, request, sourceIds, otherAlertingIds, underWay, approvedMoves } = draft;
  const rule = withDefaults(request.rule);
  const limits = { now: () => clock.monotonic(), deadlineMs: planDeadlineMs(sourceIds.length) };
  return planner({ snapshot, rule, sourceIds, otherAlertingIds, exclusions, underWay, approvedMoves, limits });
}
