import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import { oneAtATime } from '../common/one-at-a-time.js';
import type { BatchPart, BatchRecord, BatchStop, Journal, MigrationRecord } from '../journal/journal.js';
import type { BatchProgress } from '../migration/carry-out-options.js';
import { logProgress, shownState } from './batch-progress.js';
import { alertsOf, linksOf, toView, withJoined } from './batch-record.js';
import { SERVICE } from './pause.js';
import type { BatchView, StopAnswer } from './views.js';

/** A batch while it runs: who may still join it, who has stopped it, and what is shown of it. */
export interface RunningBatch {
  readonly record: BatchRecord;
  /** Aborted when it is stopped: what is being decided is dropped. */
  readonly decision: AbortSignal;
  /** Aborted when what is under way is to be cancelled too; its reason is who wants that. */
  readonly moves: AbortSignal;
  /** One change of the record at a time: what one writes, another must not write over. */
  inTurn<T>(change: () => Promise<T>): Promise<T>;
  /**
   * Lets further alerts in while it only looks and has moved nothing yet.
   * @returns its id once they stand in the journal; undefined where it is too late: it moves guests, or it is over and has given
   * the flag back.
   */
  join(parts: readonly BatchPart[]): Promise<string | undefined>;
  /** It moves guests from now on: no alert joins. */
  beginMoving(): void;
  /** From when it resolves on no alert joins; those that are joining are in by then. */
  admitNoMore(): Promise<void>;
  /** All is done: who comes from now on waits until {@link letGo}, for then the flag is free. */
  finish(): void;
  /** Whoever waits for its end is let go: it has given the flag back, or waits for the journal. */
  letGo(): void;
  /** Its end stands in the journal, or it is left to the next start: it can no longer be stopped, and nothing is shown of it. */
  close(): void;
  /**
   * Has it begin nothing more; a decision is dropped.
   * @param stop - `abort`: what is under way is cancelled too.
   * @returns what that comes to; undefined where it is closed. It holds even where the journal refuses.
   * @throws JournalError where it could not be recorded.
   */
  stop(stop: Pick<BatchStop, 'by' | 'abort'>): Promise<Extract<StopAnswer, { outcome: 'stopping' }> | undefined>;
  /** What is shown of it; null once it is closed. */
  view(): BatchView | null;
  showStep(step: BatchView['step']): void;
  /** Shows the moves as they are recorded now. */
  showMoves(): void;
  /** Shows, and logs, a step of a move. */
  showProgress(progress: BatchProgress): void;
}

/** Takes charge of a batch that stands in the journal and holds the flag. */
export function createRunningBatch(
  record: BatchRecord,
  { journal, clock, log, signal }: { journal: Journal; clock: Clock; log: Log; signal: AbortSignal },
): RunningBatch {
  const view = toView(record);
  const decision = new AbortController();
  const moves = new AbortController();
  if (record.stopped?.abort) moves.abort(record.stopped.by);
  let isOpen = record.migrations.length === 0 && !record.stopped;
  let isClosed = false;
  let end: Promise<void> | undefined;
  let letGo: () => void = () => undefined;
  const inTurn = oneAtATime();
  const namesOf = (...phases: readonly MigrationRecord['phase'][]) =>
    record.migrations
      .filter(({ phase }) => phases.includes(phase))
      .map(({ notes: { guest, target_host: target } }) => `${guest.name} to ${target.name}`);

  return {
    record,
    decision: decision.signal,
    moves: moves.signal,
    inTurn,

    async join(joining) {
      const hasJoined = await inTurn(async () => {
        if (!isOpen || signal.aborted) return false;
        const parts = withJoined(record.parts, joining);
        await journal.commit({ batch: { ...record, parts } });
        // In place: who decides on a part holds on to it.
        parts.forEach((part, at) => {
          const known = record.parts[at];
          if (known) Object.assign(known, part);
          else record.parts.push(part);
        });
        Object.assign(view, {
          rules: record.parts.map(({ rule }) => rule),
          alerts: alertsOf(record.parts, view.alerts),
          ...linksOf(record.parts),
        });
        log.info({ batch: record.id, rules: joining.map(({ rule }) => rule) }, 'alerts have joined the batch');
        return true;
      });
      if (hasJoined) return record.id;
      await end;
      return undefined;
    },

    beginMoving: () => void (isOpen = false),
    admitNoMore: () => inTurn(() => Promise.resolve(void (isOpen = false))),
    finish() {
      isOpen = false;
      end = new Promise((resolve) => (letGo = resolve));
    },
    letGo: () => letGo(),
    close: () => void (isClosed = true),

    async stop({ by, abort }) {
      if (isClosed) return undefined;
      const at = new Date(clock.now()).toISOString();
      // At once: what begins while this is being written would come after the answer.
      record.stopped = { by, at, abort: abort || record.stopped?.abort === true };
      isOpen = false;
      decision.abort(new Error(`stopped by ${by}`));
      if (abort) moves.abort(by);
      view.stopped = record.stopped;
      const [left, underWay] = [namesOf('planned'), namesOf('asking', 'moving')];
      const notes = { text: stopText(by, abort, left, underWay), abort, left_out: left, under_way: underWay };
      await inTurn(() =>
        journal.commit({
          events: [{ obj_name: SERVICE, user: by, action: 'stopped', notes, batch: record.id }],
          // It may have ended while it was another's turn.
          ...(!isClosed && { batch: record }),
        }),
      );
      log.warn({ batch: record.id, by, abort }, notes.text);
      return { outcome: 'stopping', batch: record.id, abort, left_out: left, under_way: underWay };
    },

    view: () => (isClosed ? null : structuredClone(view)),
    showStep: (step) => void (view.step = step),
    showMoves: () => void (view.migrations = record.migrations.map((migration) => ({ ...migration }))),
    showProgress(progress) {
      const shown = view.migrations[record.migrations.indexOf(progress.migration)];
      if (shown) Object.assign(shown, progress.migration);
      if (shown && progress.kind === 'state') Object.assign(shown, shownState(progress));
      logProgress(log, record, progress);
    },
  };
}

function stopText(by: string, abort: boolean, left: readonly string[], underWay: readonly string[]): string {
  const goes = abort ? 'is cancelled' : 'is followed to its end';
  const moves = underWay.length === 0 ? 'nothing is under way' : `what is under way ${goes}: ${underWay.join(', ')}`;
  const out = left.length === 0 ? '' : `; left out: ${left.join(', ')}`;
  return `the batch was stopped by ${by}; ${moves}${out}`;
}
