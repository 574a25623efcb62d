export { type PlanRequest, planMigrations } from './plan-migrations.js';
export type { OutsideRefusal, PlanRule } from './model/eligibility.js';
export { CPU_CEILING, MEMORY_FLOOR, isOverThreshold } from './model/arithmetic.js';
export { type Resolved, resolveGuest, resolveHost, resolveReference } from './model/references.js';
export type * from './model/result.js';
export { PLAN_DEADLINE_MS, type SearchLimits } from './search/search-limits.js';
