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
import { isRuleSource } from '../fleet/find-host.js';
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
  /** Hosts whose readings do not show yet what has been moved. */
  unsettledIds: readonly string[];
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
  const { worth, relieve } = withDefaults(rule);
  const preventiveIds = relieve === 'covered' ? preventiveHosts(request) : [];
  const risk = worth > 0 ? { worth, preventiveIds } : undefined;
  return planMigrations({ snapshot, rule, sourceIds, constraints, limits, risk });
};

/** Hosts that a batch may relieve though they do not alert: those that the rule covers and whose readings say how they are. */
function preventiveHosts({ snapshot, rule, sourceIds, otherAlertingIds, unsettledIds }: PlanningRequest): string[] {
  const others = new Set([...sourceIds, ...otherAlertingIds, ...unsettledIds]);
  return snapshot.hosts.flatMap((host) => {
    const { id, enabled, status, maintenance, metrics } = host;
    const isOpen = enabled && status === 'online' && !maintenance && metrics[rule.metric] !== undefined;
    return isOpen && !others.has(id) && isRuleSource(rule, host) ? [id] : [];
  });
}

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
  const unsettledIds = [...draft.unsettled.keys()];
  const rule = withDefaults(request.rule);
  const limits = { now: () => clock.monotonic(), deadlineMs: planDeadlineMs(sourceIds.length) };
  return planner({
    snapshot,
    rule,
    sourceIds,
    otherAlertingIds,
    exclusions,
    underWay,
    unsettledIds,
    approvedMoves,
    limits,
  });
}
