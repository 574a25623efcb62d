import { stateOf } from '../decide/recommended-plan.js';
import { JournalError } from '../journal/journal.js';
import { NO_JOURNAL, SHUTTING_DOWN } from './answer.js';
import { approve } from './approve.js';
import type { Busy } from './busy-flag.js';
import type { DecidePartDeps } from './decide-part.js';
import type { Pause } from './pause.js';
import type { Runner } from './run-batches.js';
import type { ApprovalAnswer, PauseAnswer, ResumeAnswer, StatusView, StopAnswer, Unavailable } from './views.js';

/** What a person can do while the service runs. `by` is who: the name of the token, or `api`. */
export interface Operator {
  status(): StatusView;
  /** Takes no more alerts and begins nothing more; what is under way is followed. `forMs`: for so long, else until resumed. */
  pause(request: { reason: string; forMs?: number }, by: string): Promise<PauseAnswer>;
  resume(by: string): Promise<ResumeAnswer>;
  /** Has the running batch begin nothing more; `abort`: what is under way is cancelled too. */
  stopBatch(request: { abort: boolean }, by: string): Promise<StopAnswer>;
  /** Carries out a recommended plan if it still holds. */
  approve(plan: string, by: string): Promise<ApprovalAnswer>;
}

/** What {@link createOperator} needs. */
export interface OperatorDeps {
  deciding: DecidePartDeps;
  busy: Busy;
  pause: Pause;
  runner: Runner;
  newBatchId: () => string;
  /** Called where an approval has held the flag and moves nothing. */
  onRefused: () => void;
}

/** Makes it. */
export function createOperator({ deciding, busy, pause, runner, newBatchId, onRefused }: OperatorDeps): Operator {
  const { journal, clock, log, rules, signal } = deciding;
  /** Ends the approvals that still only look. */
  let approving = new AbortController();

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

  return {
    status() {
      const now = clock.now();
      const enabled = rules().filter((rule) => rule.enabled).length;
      return {
        paused: pause.current() ?? null,
        batch: runner.view(),
        plans_waiting: journal.memory().plans.filter((plan) => stateOf(plan, now) === 'open').length,
        rules: { enabled, disabled: rules().length - enabled },
      };
    },

    pause: (request, by) =>
      answered(async () => ({ outcome: 'paused', paused: await pause.begin({ ...request, by }) })),

    resume: (by) => answered(async () => ({ outcome: 'resumed', was_paused: await pause.end(by) })),

    stopBatch: ({ abort }, by) =>
      answered(async () => {
        approving.abort(new Error(`stopped by ${by}`));
        approving = new AbortController();
        const stopped = await runner.stop({ by, abort });
        const looking = busy.holder();
        if (!stopped && looking !== undefined) {
          // An approval that had asked for nothing yet.
          return { outcome: 'stopping', batch: looking, abort, left_out: [], under_way: [] };
        }
        return stopped ?? { outcome: 'refused', reason: 'no_batch', reasons: ['no batch is running'] };
      }),

    approve: (plan, by) =>
      answered(() =>
        approve(plan, by, {
          deciding,
          busy,
          pause,
          stopped: approving.signal,
          newBatchId,
          start: (record) => runner.start(record),
          onRefused,
        }),
      ),
  };
}
