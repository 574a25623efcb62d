import {
  type OutsideRefusal,
  type PlanRequest,
  type SearchLimits,
  planMigrations,
  type Plan,
} from '../balancer/index.js';
import { type BoundaryKeys, boundariesOf } from './boundaries.js';

/** After so many plans in which guests would meet, one of each two stays where it is: the search has to end. */
const MOST_ROUNDS = 20;

/**
 * A plan that keeps the boundaries of its rule: {@link planMigrations} with what they rule out, made anew as long as guests
 * that are to stay apart would meet on a target.
 * The deadline of the request holds for all of them together.
 * @throws RangeError if a source id is not a host of the snapshot.
 */
export function planWithinBoundaries(request: PlanRequest & { rule: BoundaryKeys }): Plan {
  const boundaries = boundariesOf(request.rule, request.snapshot, request.sourceIds);
  const refusals: OutsideRefusal[] = [...(request.refusals ?? []), ...boundaries.refusals];
  const limitsNow = limitsFrom(request.limits);
  for (let round = 0; ; round += 1) {
    const plan = planMigrations({ ...request, refusals, limits: limitsNow() });
    const meeting = boundaries.meetings(plan.migrations);
    if (meeting.length === 0) return plan;
    const wholly = meeting.map(({ guestId, reason, text }) => ({
      ...(guestId !== undefined && { guestId }),
      reason,
      text,
    }));
    refusals.push(...(round < MOST_ROUNDS ? meeting : wholly));
  }
}

/** What is left of some limits whenever it is asked for. */
function limitsFrom(limits: SearchLimits = {}): () => SearchLimits {
  const { now, deadlineMs } = limits;
  if (!now || deadlineMs === undefined) return () => limits;
  const end = now() + deadlineMs;
  return () => ({ ...limits, deadlineMs: Math.max(0, end - now()) });
}
