export { type ApprovedMove, approvedPlan } from './approved-plan.js';
export { type BoundaryKeys, CLOUD_TAGS, ignoredBy } from './boundaries.js';
export { type CloudRefusal, cloudRefusals } from './cloud-refusals.js';
export { type Constraint, type ListedExclusion, listed } from './constraint.js';
export { type ConstrainingRule, type ConstraintsRequest, constraintsFor } from './constraints-for.js';
export { type RecentMove, cooldownExclusions, lookBackMs, recentMoves } from './cooldown.js';
export { FAILURES_LOOK_BACK_MS, failedBefore, failedMoves, onlyWhatFailed } from './failures.js';
export { type MoveUnderWay } from './moves-under-way.js';
