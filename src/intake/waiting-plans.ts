import { stateOf } from '../decide/recommended-plan.js';
import type { NewEvent } from '../journal/events.js';
import { JournalError } from '../journal/journal.js';
import type { RecommendedPlan } from '../journal/memory.js';
import { refusalOf, withPlan } from './approvals.js';
import type { DecidePartDeps } from './decide-part.js';
import { movesOf } from './plan-views.js';
import type { Approval, ApprovalAnswer, DismissalAnswer } from './views.js';

/** A journal that refused is tried again after this, ms. */
const RETRY_MS = 60_000;

/** What {@link createWaitingPlans} needs. */
export interface WaitingPlansDeps {
  deciding: Pick<DecidePartDeps, 'journal' | 'clock' | 'log' | 'signal'>;
  /** One change of the plans at a time. */
  inTurn: <T>(change: () => Promise<T>) => Promise<T>;
  approve: (id: string, approval: Approval, by: string) => Promise<ApprovalAnswer>;
}

/** Plans that a person has approved for when the running batch has ended. */
export interface WaitingPlans {
  /**
   * Carries out the first of them that still holds, those that do not are open again, and an event says why.
   * @returns whether one is carried out now, or cannot be told yet.
   */
  carryOut(): Promise<boolean>;
  /**
   * Takes the approvals back: somebody has stopped or paused what runs.
   * @returns the ids of the plans.
   */
  takeBack(why: string): Promise<string[]>;
  dismiss(id: string, reason: string, by: string): Promise<DismissalAnswer>;
}

/** Makes it. */
export function createWaitingPlans({ deciding, inTurn, approve }: WaitingPlansDeps): WaitingPlans {
  const { journal, clock, log, signal } = deciding;

  const waiting = (): RecommendedPlan[] =>
    journal
      .memory()
      .plans.filter(({ state }) => state === 'waiting')
      .sort((a, b) => Date.parse(a.approved?.at ?? '') - Date.parse(b.approved?.at ?? ''));

  const takeBackOne = (id: string, why: string) =>
    inTurn(async () => {
      const plan = waiting().find((each) => each.id === id);
      if (!plan) return;
      const by = plan.approved?.by ?? 'system';
      const text = `plan ${id}, which ${by} has approved for when the running batch has ended, is not carried out: ${why}`;
      const notes = { text, left_out: movesOf(plan, plan.approved?.moves) };
      const event: NewEvent = { obj_name: plan.rule, user: by, action: 'limited', notes };
      const open = ({ approved: _taken, ...each }: RecommendedPlan): RecommendedPlan => ({ ...each, state: 'open' });
      await journal.commit({ events: [event], memory: (memory) => withPlan(memory, id, open) });
      log.warn({ plan: id, by }, text);
    });

  /** @returns whether to look at no further plan now. */
  const tryOne = async (plan: RecommendedPlan): Promise<boolean> => {
    const { moves, by = 'system' } = plan.approved ?? {};
    if (stateOf(plan, clock.now()) === 'expired') {
      await takeBackOne(plan.id, `it expired at ${plan.expires_at}`);
      return false;
    }
    const answer = await approve(plan.id, { when: 'now', ...(moves && { moves }) }, by);
    switch (answer.outcome) {
      case 'accepted':
      case 'waiting':
      case 'unavailable':
        return true;
      case 'refused':
        // Whoever has the flag now calls again at the end.
        if (answer.reason === 'busy') return true;
        await takeBackOne(plan.id, answer.reasons.join('; '));
        return false;
      case 'invalid':
      case 'unknown':
        await takeBackOne(plan.id, 'the plan is not what it was');
        return false;
    }
  };

  const carryOut = async (): Promise<boolean> => {
    for (const plan of waiting()) {
      try {
        if (await tryOne(plan)) return true;
      } catch (error) {
        if (signal.aborted) return true;
        if (!(error instanceof JournalError)) throw error;
        log.error({ plan: plan.id, err: error }, 'an approved plan waits until it can be recorded');
        void clock.sleep(RETRY_MS, signal).then(carryOut, () => undefined);
        return false;
      }
    }
    return false;
  };

  return {
    carryOut,
    async takeBack(why) {
      const ids = waiting().map(({ id }) => id);
      for (const id of ids) await takeBackOne(id, why);
      return ids;
    },
    dismiss: (id, reason, by) =>
      inTurn(async () => {
        const refused = refusalOf(journal.memory(), id, clock.now());
        const plan = journal.memory().plans.find((each) => each.id === id);
        if (refused || !plan) return refused ?? { outcome: 'unknown' };
        const dismissed = { by, at: new Date(clock.now()).toISOString(), reason };
        const event: NewEvent = { obj_name: plan.rule, user: by, action: 'dismissed', notes: { plan: id, reason } };
        await journal.commit({
          events: [event],
          memory: (memory) => withPlan(memory, id, (each) => ({ ...each, state: 'dismissed', dismissed })),
        });
        log.info({ plan: id, by, reason }, 'plan dismissed');
        return { outcome: 'dismissed', plan: id };
      }),
  };
}
