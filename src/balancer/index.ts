export { withLeastGain } from './explain/gain.js';
export { type PlanRequest, planMigrations } from './plan-migrations.js';
export {
  CPU_CEILING,
  MEMORY_FLOOR,
  type PlanRule,
  cpuScore,
  heldMemory,
  isOverThreshold,
  readingOf,
  thresholdOn,
} from './model/arithmetic.js';
export type * from './model/constraints.js';
export { MOVE_PRICE } from './model/problem.js';
export { type FleetIndex, fleetIndex } from './model/fleet-index.js';
export { type Resolved, names, resolveGuest, resolveHost, resolveReference } from './model/references.js';
export type * from './model/result.js';
export type { RiskTerms } from './risk/plan-by-risk.js';
export { PLAN_DEADLINE_MS, planDeadlineMs, type SearchLimits } from './search/search-limits.js';
