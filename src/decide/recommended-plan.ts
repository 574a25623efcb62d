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

/** Whether a plan can still be carried out, in one word. */
export type PlanState = RecommendedPlan['state'] | 'expired';

/** The state of a plan at a moment, ms since the epoch. One that a clock which was ahead has dated later is of unknown age: no longer open. */
export function stateOf({ state, created_at, expires_at }: RecommendedPlan, now: number): PlanState {
  const isOver = Date.parse(expires_at) <= now || Date.parse(created_at) > now;
  return canEnd(state) && isOver ? 'expired' : state;
}

/** Whether nothing has become of a plan yet. */
function canEnd(state: PlanState): boolean {
  return state === 'open' || state === 'waiting';
}

const moves = ({ migrations }: Pick<RecommendedPlan, 'migrations'>) =>
  JSON.stringify(migrations.map(({ guest, target_host }) => [guest.id, guest.host_id, target_host.id]).sort());
const sources = ({ migrations }: Pick<RecommendedPlan, 'migrations'>) =>
  new Set(migrations.map(({ guest }) => guest.host_id));

/**
 * A plan that is to wait for an approval. The same moves again keep the id they have, and an approval that they have; other
 * moves for the same hosts take the place of the older plan, unless a person has approved that.
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
    why: whyThese(decided.explanation),
    ...(why !== undefined && { recommended_because: why }),
    threshold: decided.threshold,
    loads: decided.loads,
  };
  const isOpen = (plan: RecommendedPlan) => plan.rule === made.rule && stateOf(plan, now) === 'open';
  const same = before.plans.find(
    (plan) => plan.rule === made.rule && canEnd(stateOf(plan, now)) && moves(plan) === moves(made),
  );
  const plan = same ? keptAs(same, made) : made;
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
  const memory = (current: Memory): Memory => {
    // A person may have said something of it since.
    const known = current.plans.find(({ id }) => id === plan.id);
    return {
      ...current,
      plans: [
        ...current.plans.flatMap((other) => {
          if (other.id === plan.id) return [];
          const isReplaced = isOpen(other) && [...sources(other)].some((id) => sources(plan).has(id));
          return [isReplaced ? { ...other, state: 'superseded' as const, by: plan.id } : other];
        }),
        known ? keptAs(known, made) : plan,
      ],
    };
  };
  return { event, memory };
}

/** A plan that is made again: what a person has said of it stands. */
function keptAs(known: RecommendedPlan, made: RecommendedPlan): RecommendedPlan {
  const { id, created_at, state, by, approved, dismissed } = known;
  return {
    ...made,
    id,
    created_at,
    state,
    ...(by !== undefined && { by }),
    ...(approved && { approved }),
    ...(dismissed && { dismissed }),
  };
}

/** Why these moves and no others, in one sentence. */
function whyThese({ chosen, nextBest }: DecidedPlan['explanation']): string {
  return nextBest ? `${chosen}; ${nextBest.text}` : chosen;
}
