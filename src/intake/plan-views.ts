import { stateOf } from '../decide/recommended-plan.js';
import type { JournalEvent, MigrationNotes } from '../journal/events.js';
import type { LoadsBefore, RecommendedPlan } from '../journal/memory.js';
import { predictLoads } from '../verification/predictions.js';
import { expectedMs, paceOf, priceOf } from './expected-time.js';
import type { MovesAtOnce } from './expected-time.js';
import type { PlannedLoad, PlanView } from './views.js';

/**
 * The hosts that moves touch, before and after them.
 * @param threshold - % or bytes, where a host has none of its own.
 */
export function plannedLoads(loads: LoadsBefore, moves: readonly MigrationNotes[], threshold: number): PlannedLoad[] {
  const own = new Map(loads.hosts.map((host) => [host.id, host.threshold]));
  return predictLoads(loads, moves).map(({ id, name, role, before, predicted }) => {
    return { id, name, role, before, after: predicted, threshold: own.get(id) ?? threshold };
  });
}

/** The moves of a plan that a person has approved, or all while nobody has picked any. */
export function movesOf({ migrations }: RecommendedPlan, ids: readonly string[] | undefined): MigrationNotes[] {
  return ids === undefined ? migrations : migrations.filter(({ guest }) => ids.includes(guest.id));
}

/**
 * A plan as it is shown.
 * @param events - of migrations of its rule, oldest first: how long they took says how long it will.
 * @param now - ms since the epoch.
 */
export function planView(
  plan: RecommendedPlan,
  events: readonly JournalEvent[],
  atOnce: MovesAtOnce,
  now: number,
): PlanView {
  const { loads, threshold, why = plan.notes, ...rest } = plan;
  const moves = movesOf(plan, plan.approved?.moves);
  const pace = paceOf(events.filter(({ obj_name: rule }) => rule === plan.rule));
  return {
    ...rest,
    state: stateOf(plan, now),
    cost: moves.reduce((sum, move) => sum + priceOf(move), 0),
    ...(loads && { metric: loads.metric }),
    loads: loads && threshold !== undefined ? plannedLoads(loads, moves, threshold) : [],
    expected_s: pace === undefined ? null : Math.round(expectedMs(moves, pace, atOnce) / 1000),
    why,
  };
}
