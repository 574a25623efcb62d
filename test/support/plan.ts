import {
  type Plan,
  type PlanRule,
  type RiskTerms,
  type SearchLimits,
  planMigrations as planWith,
} from '../../src/balancer/index.js';
import {
  type Constraint,
  type ConstrainingRule,
  type ListedExclusion,
  type MoveUnderWay,
  constraintsFor,
  listed,
} from '../../src/constraints/index.js';
import type { Snapshot } from '../../src/fleet/fleet.js';

/** A plan asked for with everything that rule and fleet constrain. */
export interface PlanRequest {
  snapshot: Snapshot;
  rule: PlanRule & ConstrainingRule;
  sourceIds: readonly string[];
  otherAlertingIds?: readonly string[];
  underWay?: readonly MoveUnderWay[];
  /** What is ruled out by what has happened. */
  exclusions?: readonly ListedExclusion[];
  further?: readonly Constraint[];
  limits?: SearchLimits;
  risk?: RiskTerms;
}

/** As the product plans: the constraints of rule and fleet, then the balancer. */
export function planMigrations({ limits, risk, exclusions = [], further = [], ...request }: PlanRequest): Plan {
  const { snapshot, rule, sourceIds } = request;
  const constraints = constraintsFor({ ...request, further: [listed(exclusions), ...further] });
  return planWith({ snapshot, rule, sourceIds, constraints, risk, ...(limits && { limits }) });
}
