import { oneAtATime } from '../common/one-at-a-time.js';
import type { BudgetUse } from '../decide/migration-budgets.js';
import { budgetUse } from '../decide/migration-budgets.js';
import { stateOf } from '../decide/recommended-plan.js';
import type { HostIndex } from '../fleet/find-host.js';
import { JournalError } from '../journal/journal.js';
import { NO_JOURNAL, SHUTTING_DOWN } from './answer.js';
import { approve } from './approvals.js';
import type { Busy } from './busy-flag.js';
import type { DecidePartDeps } from './decide-part.js';
import { budgetTime } from './known.js';
import type { Pause } from './pause.js';
import type { Runner } from './run-batches.js';
import { operatorPauseText } from './pause.js';
import { planView } from './plan-views.js';
import { ruleStatuses } from './rule-statuses.js';
import type {
  Approval,
  ApprovalAnswer,
  DismissalAnswer,
  PauseAnswer,
  PlanView,
  ResumeAnswer,
  RuleStatus,
  StatusView,
  StopAnswer,
  TryAnswer,
  Unavailable,
} from './views.js';
import { tryRule } from './try-rule.js';
import type { WaitingPlans } from './waiting-plans.js';
import { createWaitingPlans } from './waiting-plans.js';

/** Rows of migrations by which it is measured how long they take. */
const MOST_ROWS = 500;

/** What a person can do while the service runs. `by` is who: the name of the token, or `api`. */
export interface Operator {
  status(): StatusView;
  /** How much of what all rules together may start is used. */
  budget(): Promise<BudgetUse>;
  /** How a rule stands, for each. */
  rules(): Promise<RuleStatus[]>;
  /** Takes no more alerts and begins nothing more; what is under way is followed. `forMs`: for so long, else until resumed. */
  pause(request: { reason: string; forMs?: number }, by: string): Promise<PauseAnswer>;
  resume(by: string): Promise<ResumeAnswer>;
  /** Has the running batch begin nothing more; `abort`: what is under way is cancelled too. */
  stopBatch(request: { abort: boolean }, by: string): Promise<StopAnswer>;
  /** Plans as if hosts alerted now, for each the words that may name it; moves and keeps nothing. */
  tryRule(rule: string, hosts: readonly string[][]): Promise<TryAnswer>;
  /** The recommended plans that are kept, oldest first. */
  plans(): Promise<PlanView[]>;
  /** Carries out a recommended plan, or some of its moves, if it still holds; at once, or when the running batch has ended. */
  approve(plan: string, approval: Approval, by: string): Promise<ApprovalAnswer>;
  /** Says that a plan is not to be carried out. */
  dismiss(plan: string, reason: string, by: string): Promise<DismissalAnswer>;
}

/** What {@link createOperator} needs. */
export interface OperatorDeps {
  deciding: DecidePartDeps;
  busy: Busy;
  pause: Pause;
  runner: Runner;
  newBatchId: () => string;
  /** The hosts of the last inventory; undefined before there is one. */
  hostIndex: () => HostIndex | undefined;
  /** Moves at once from or to one host. */
  concurrency: number;
  /** Called where an approval has held the flag and moves nothing. */
  onRefused: () => void;
}

/**
 * Makes it.
 * @returns besides, what carries out the plans that were approved for later: to be called whenever no batch runs.
 */
export function createOperator(deps: OperatorDeps): { operator: Operator; carryOutWaiting: WaitingPlans['carryOut'] } {
  const { deciding, busy, pause, runner, hostIndex, newBatchId, concurrency, onRefused } = deps;
  const { journal, clock, log, rules, signal } = deciding;
  /** Ends the approvals that still only look. */
  let approving = new AbortController();

  const inTurn = oneAtATime();
  // What has really alerted is decided on in the same thread as what is tried.
  const tryInTurn = oneAtATime();

  const carryOutPlan = (plan: string, approval: Approval, by: string, onNothing: () => void) =>
    approve(plan, approval, by, {
      deciding,
      busy,
      pause,
      stopped: approving.signal,
      inTurn,
      newBatchId,
      start: (record) => runner.start(record),
      onRefused: onNothing,
    });
  // Who calls sees to what else waits for the flag.
  const waiting = createWaitingPlans({
    deciding,
    inTurn,
    approve: (plan, approval, by) => carryOutPlan(plan, approval, by, () => undefined),
  });

  /** Nobody is left without an answer by a journal that refuses, or by the end of the process. */
  const answered = async <Answer>(act: () => Promise<Answer>): Promise<Answer | Unavailable> => {
    if (signal.aborted) return SHUTTING_DOWN;
    try {
      return await act();
    } catch (error) {
      if (deciding.signal.aborted) return SHUTTING_DOWN;
      if (!(error instanceof JournalError)) throw error;
      log.error({ err: error }, 'what a person asked for could not be recorded');
      return NO_JOURNAL;
    }
  };

  const operator: Operator = {
    status() {
      const now = clock.now();
      const enabled = rules().filter((rule) => rule.enabled).length;
      return {
        mode: deciding.mode,
        paused: pause.current() ?? null,
        batch: runner.view(),
        plans_waiting: journal.memory().plans.filter((plan) => stateOf(plan, now) === 'open').length,
        rules: { enabled, disabled: rules().length - enabled },
      };
    },

    budget: async () => budgetUse(deciding.budget, await budgetTime(journal, clock.now())),

    rules: () => ruleStatuses(deciding),

    pause: (request, by) =>
      answered(async () => {
        const paused = await pause.begin({ ...request, by });
        await waiting.takeBack(operatorPauseText(paused));
        return { outcome: 'paused', paused };
      }),

    resume: (by) => answered(async () => ({ outcome: 'resumed', was_paused: await pause.end(by) })),

    stopBatch: ({ abort }, by) =>
      answered(async () => {
        approving.abort(new Error(`stopped by ${by}`));
        approving = new AbortController();
        const stopped = await runner.stop({ by, abort });
        const back = await waiting.takeBack(`it was stopped by ${by}`);
        const also = back.length > 0 && { no_longer_waiting: back };
        if (stopped) return { ...stopped, ...also };
        const looking = busy.holder();
        if (looking === undefined) {
          return { outcome: 'refused', reason: 'no_batch', reasons: ['no batch is running'] };
        }
        // An approval that had asked for nothing yet.
        return { outcome: 'stopping', batch: looking, abort, left_out: [], under_way: [], ...also };
      }),

    tryRule: (rule, hosts) =>
      answered(() =>
        tryInTurn(() => tryRule(rule, hosts, { deciding, pause, running: () => runner.view(), hostIndex })),
      ),

    async plans() {
      const { plans } = journal.memory();
      if (plans.length === 0) return [];
      const moved = await journal.events({ action: ['migrating', 'migrate_success'], limit: MOST_ROWS });
      return plans.map((plan) => {
        const limits = rules().find(({ name }) => name === plan.rule)?.limits;
        const atOnce = { perHost: concurrency, perSource: limits?.perSource, perTarget: limits?.perTarget };
        return planView(plan, moved, atOnce, clock.now());
      });
    },

    approve: (plan, approval, by) =>
      answered(async () => {
        const answer = await carryOutPlan(plan, approval, by, onRefused);
        // The batch may have ended while this was written down.
        if (answer.outcome === 'waiting' && busy.holder() === undefined) await waiting.carryOut();
        return answer;
      }),

    dismiss: (plan, reason, by) => answered(() => waiting.dismiss(plan, reason, by)),
  };
  return { operator, carryOutWaiting: () => waiting.carryOut() };
}
