import type { EventContent } from '../journal/events.js';
import type { Memory, RecommendedPlan } from '../journal/memory.js';
import type { MigrationRecord } from '../journal/journal.js';
import type { DecidedPlan } from './decision.js';

/** An open plan is forgotten after this: the fleet is another by then. */
export const PLAN_LIFE_MS = 24 * 3_600_000;

/** What a plan is about. */
export interface PlanOrigin {
  /** The id that it gets if it is a new one. */
  id: string;
  rule: string;
  sender: string;
  batch: string;
  hosts: string[][];
  /** Why the rule only recommends, where it is not the rule that says so. */
  why?: string;
}

/** Whether a plan can still be approved, in one word. */
export type PlanState = RecommendedPlan['state'] | 'expired';

/** The state of a plan at a moment, ms since the epoch. One that a clock which was ahead has dated later is of unknown age: no longer open. */
export function stateOf({ state, created_at, expires_at }: RecommendedPlan, now: number): PlanState {
  const isOver = Date.parse(expires_at) <= now || Date.parse(created_at) > now;
  return state === 'open' && isOver ? 'expired' : state;
}

const moves = ({ migrations }: Pick<RecommendedPlan, 'migrations'>) =>
  JSON.stringify(migrations.map(({ guest, target_host }) => [guest.id, guest.host_id, target_host.id]).sort());
const sources = ({ migrations }: Pick<RecommendedPlan, 'migrations'>) =>
  new Set(migrations.map(({ guest }) => guest.host_id));

/**
 * A plan that is to wait for an approval. The same moves again keep the id they have; other moves for the same hosts take
 * the place of the older plan.
 * @param now - ms since the epoch.
 * @returns the event, and what the memory becomes.
 */
export function recommend(
  { plan: decided, migrations }: { plan: DecidedPlan; migrations: readonly MigrationRecord[] },
  origin: PlanOrigin,
  before: Memory,
  now: number,
) {
  const { why, ...rest } = origin;
  const outcome = decided.outcome === 'partial' ? ('partial' as const) : ('migrate' as const);
  const made: RecommendedPlan = {
    ...rest,
    created_at: new Date(now).toISOString(),
    expires_at: new Date(now + PLAN_LIFE_MS).toISOString(),
    state: 'open',
    outcome,
    cost: decided.cost,
    notes: decided.notes,
    migrations: migrations.map(({ notes }) => notes),
  };
  const isOpen = (plan: RecommendedPlan) => plan.rule === made.rule && stateOf(plan, now) === 'open';
  const same = before.plans.find((plan) => isOpen(plan) && moves(plan) === moves(made));
  const plan = same ? { ...made, id: same.id, created_at: same.created_at } : made;
  const event: EventContent = {
    action: 'recommended',
    notes: {
      plan: plan.id,
      outcome,
      cost: plan.cost,
      expires_at: plan.expires_at,
      migrations: plan.migrations,
      ...(why !== undefined && { why }),
    },
  };
  const memory = (current: Memory): Memory => ({
    ...current,
    plans: [
      ...current.plans.flatMap((other) => {
        if (other.id === plan.id) return [];
        const isReplaced = isOpen(other) && [...sources(other)].some((id) => sources(plan).has(id));
        return [isReplaced ? { ...other, state: 'superseded' as const, by: plan.id } : other];
      }),
      plan,
    ],
  });
  return { event, memory };
}
