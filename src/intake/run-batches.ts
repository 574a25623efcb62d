import { errorMessage } from '../common/error-message.js';
import { failedMoves } from '../constraints/index.js';
import type { Decision } from '../decide/decision.js';
import type { EventContent, NewEvent } from '../journal/events.js';
import type { BatchPart, BatchRecord, MigrationRecord } from '../journal/journal.js';
import { JournalError } from '../journal/journal.js';
import type { Memory } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import type { CarryOutOptions } from '../migration/carry-out-options.js';
import { isUnderWay } from '../migration/move-record.js';
import { toGivenUp, withGivenUp } from '../migration/given-up.js';
import type { WatchLimits } from '../migration/watch.js';
import { verificationOf } from '../verification/predictions.js';
import { pausedUntil, withoutEndedPauses } from '../verification/rule-mode.js';
import type { Verifier } from '../verification/verifier.js';
import { faultEvent, toEnding } from './batch-record.js';
import type { Busy } from './busy-flag.js';
import type { DecidePartDeps } from './decide-part.js';
import { decidePart, keepDecision } from './decide-part.js';
import type { RunningBatch } from './running-batch.js';
import { createRunningBatch } from './running-batch.js';
import type { BatchView } from './views.js';
import { pauseText } from './windows-and-pauses.js';

/** Carries the moves of a batch out: `carryOut` of migration/batch.ts with all that does not change from turn to turn. */
export type CarryOut = (
  record: BatchRecord,
  options: Pick<CarryOutOptions, 'perHost' | 'closed' | 'overBudget' | 'onOvertaken' | 'abort' | 'onProgress'>,
) => Promise<void>;

/** What {@link createRunner} needs. */
export interface RunnerDeps {
  deciding: DecidePartDeps;
  carryOut: CarryOut;
  busy: Busy;
  /** Pauses between two tries to record something. */
  retry: Pick<WatchLimits, 'firstPauseMs' | 'longestPauseMs'>;
  /** Who looks again when the metrics have settled, and how far apart two samples are, ms; absent: nobody. */
  verification: { verifier: Verifier; scrapeIntervalMs: number } | undefined;
  /** Why a move may not begin now; undefined if it may. */
  obstacle: (migration: MigrationRecord, record: BatchRecord) => string | undefined;
  /** Why a move would pass a budget now; undefined if it would not. */
  overBudget: (migration: MigrationRecord, record: BatchRecord) => Promise<string | undefined>;
  /** Why the batch begins nothing more, whatever its rules say; undefined if it goes on. */
  halt: (record: BatchRecord) => string | undefined;
  /** Told of hosts that have to be looked at once more: their mean may only lag, or what was planned for them was overtaken. */
  onLagging: (part: BatchPart, hosts: readonly string[][], record: BatchRecord) => void;
  /** Called when a batch begins that carries out an approved plan. */
  onApproved: () => void;
  /** Called when a batch has ended, before the flag is given back, and after that. */
  onEnding: (batch: string) => Promise<void>;
  onEnded: () => void;
}

/** Carries batches out, one at a time. */
export interface Runner {
  /** Begins with a batch that stands in the journal and holds the flag; gives the flag back when it has ended. */
  start(record: BatchRecord): void;
  /** Lets further alerts into what runs, see {@link RunningBatch.join}; undefined where nothing runs. */
  join: RunningBatch['join'];
  /** Stops what runs, see {@link RunningBatch.stop}; undefined where nothing runs. */
  stop: RunningBatch['stop'];
  /** What runs now. */
  view(): BatchView | null;
  /** Resolves when nothing runs, or when what runs has let go. */
  idle(): Promise<void>;
}

/** A part that alerts keep joining is decided on so often at most; then no further alert may join. */
const MOST_DECISIONS = 5;

/** Decides and moves, part by part, until a batch has ended or the signal says to let go. */
export function createRunner(deps: RunnerDeps): Runner {
  const { deciding, busy, verification } = deps;
  const { journal, clock, log, signal, rules } = deciding;
  let running: Promise<void> = Promise.resolve();
  /** The last that was started. */
  let latest: RunningBatch | undefined;

  const start = (record: BatchRecord) => {
    const next = createRunningBatch(record, { journal, clock, log, signal });
    latest = next;
    if (record.plan !== undefined) deps.onApproved();
    // After the answer has gone out: nothing slow stands between an alert and its answer.
    running = new Promise((resolve) => setImmediate(resolve))
      .then(() => runBatch(next))
      .then(
        () => undefined,
        (error: unknown) => {
          next.finish();
          if (!signal.aborted) log.error({ batch: record.id, err: error }, 'batch ended with a fault');
          return errorMessage(error);
        },
      )
      .then(async (fault) => {
        // While stopping, the batch stays open in the journal: the next start takes it up.
        if (!signal.aborted) await closeBatch(next, fault);
        next.close();
        await busy.release(record.id);
        next.letGo();
        if (!signal.aborted) deps.onEnded();
      });
  };

  /** Does what ends with a commit again until the journal takes it: a full disk is given space again. */
  const untilKept = async (
    step: () => Promise<unknown>,
    record: BatchRecord,
    onRefused: () => void = () => undefined,
  ): Promise<void> => {
    const { firstPauseMs, longestPauseMs } = deps.retry;
    for (let pause = firstPauseMs; ; pause = Math.min(longestPauseMs, pause * 1.5)) {
      try {
        await step();
        return;
      } catch (error) {
        if (!(error instanceof JournalError)) throw error;
        onRefused();
        log.error({ batch: record.id, err: error }, 'the batch waits until it can be recorded');
        await clock.sleep(pause, signal);
      }
    }
  };

  const closeBatch = async (batch: RunningBatch, fault: string | undefined): Promise<void> => {
    const { record } = batch;
    await deps.onEnding(record.id);
    const ended = toEnding(record, clock.now(), fault);
    try {
      const events = fault === undefined ? [] : [faultEvent(record, fault)];
      // What a fault has left on its way is followed on.
      const left = record.migrations
        .filter(isUnderWay)
        .map((migration) => toGivenUp(migration, record.id, false, clock.now()));
      const memory = left.length > 0 && { memory: (before: Memory) => withGivenUp(before, left) };
      const keep = () =>
        batch.inTurn(async () => {
          await journal.commit({ events, batch: null, ended, ...memory });
          batch.close();
        });
      await untilKept(keep, record, () => batch.letGo());
      log.info({ batch: record.id, succeeded: ended.succeeded, failed: ended.failed }, 'batch ended');
    } catch (error) {
      // Stopping, or beyond help: it stands in the journal as running, and the next start ends it.
      log.error({ batch: record.id, err: error }, 'the end of the batch was not recorded');
    }
  };

  const runBatch = async (batch: RunningBatch): Promise<void> => {
    const { record } = batch;
    for (;;) {
      // A part that is done may be opened again while nothing has moved.
      const part = record.parts.find(({ done }) => !done);
      if (!part) {
        // No alert may join between this look and the end of the batch.
        const isOver = await batch.inTurn(() => {
          const areDone = record.parts.every(({ done }) => done);
          if (areDone) batch.finish();
          return Promise.resolve(areDone);
        });
        if (isOver) return;
        continue;
      }
      await runPart(batch, part);
    }
  };

  const runPart = async (batch: RunningBatch, part: BatchPart): Promise<void> => {
    const { record } = batch;
    const isPlanned = record.migrations.some(({ rule }) => rule === part.rule);
    if (!isPlanned && !(await planned(batch, part))) return;
    await carryOutPart(batch, part);
    if (!part.retried && failedMoves(record.migrations, part.rule).length > 0) {
      part.retried = true;
      await planned(batch, part);
      await carryOutPart(batch, part);
    }
    await untilKept(() => batch.inTurn(() => closePart(record, part)), record);
  };

  /** Decides on a part, again where alerts have joined it meanwhile. Resolves with whether it has moves to carry out. */
  const planned = async (batch: RunningBatch, part: BatchPart): Promise<boolean> => {
    const { record } = batch;
    let isKept = false;
    for (let count = 1; !isKept; count += 1) {
      const rule = rules().find(({ name }) => name === part.rule);
      const halt = deps.halt(record) ?? (rule?.enabled ? undefined : `rule ${part.rule} is gone or disabled`);
      if (!rule || halt !== undefined) {
        await untilKept(
          () => batch.inTurn(() => leavePart(record, part, { action: 'ignored', notes: halt ?? '' })),
          record,
        );
        return false;
      }
      // An earlier part may have found that others move its guests.
      const until = pausedUntil(journal.memory(), rule.name, clock.now());
      if (until !== undefined) {
        const notes = pauseText(rule.name, until);
        await untilKept(() => batch.inTurn(() => leavePart(record, part, { action: 'paused', notes })), record);
        return false;
      }
      // Who came first must not wait for ever for those who keep coming: the last decision is for all who have come by then.
      if (count === MOST_DECISIONS) await batch.admitNoMore();
      const hosts = part.hosts.length;
      batch.showStep('asking');
      const decision = await decided(batch, part, rule);
      if (!decision) continue;
      isKept = await keepUnlessOvertaken(batch, part, decision, () => part.hosts.length > hosts);
      if (isKept && !part.again && decision.lagging.length > 0) deps.onLagging(part, decision.lagging, record);
    }
    batch.showMoves();
    return !part.done;
  };

  /** A decision; undefined where a person has stopped the batch meanwhile. */
  const decided = async (batch: RunningBatch, part: BatchPart, rule: Rule): Promise<Decision | undefined> => {
    const { record } = batch;
    const within = AbortSignal.any([signal, batch.decision]);
    try {
      const decision = await decidePart(record, part, rule, { ...deciding, signal: within });
      signal.throwIfAborted();
      return decision;
    } catch (error) {
      signal.throwIfAborted();
      if (record.stopped) return undefined;
      throw error;
    }
  };

  /** Keeps a decision, unless it has been overtaken. Resolves with whether it was kept. */
  const keepUnlessOvertaken = async (
    batch: RunningBatch,
    part: BatchPart,
    decision: Decision,
    isOvertaken: () => boolean,
  ): Promise<boolean> => {
    const { record } = batch;
    let isKept = false;
    await untilKept(
      () =>
        batch.inTurn(async () => {
          // What halts it is told when it is looked at again.
          if (isOvertaken() || deps.halt(record) !== undefined) return;
          await keepDecision(record, part, decision, deciding);
          isKept = true;
          if (record.migrations.length > 0) batch.beginMoving();
        }),
      record,
    );
    return isKept;
  };

  const carryOutPart = async (batch: RunningBatch, part: BatchPart): Promise<void> => {
    const { record } = batch;
    batch.showStep('migrating');
    const limits = rules().find(({ name }) => name === part.rule)?.limits;
    await deps.carryOut(record, {
      perHost: { source: limits?.perSource, target: limits?.perTarget },
      closed: (migration) => deps.obstacle(migration, record),
      overBudget: (migration) => deps.overBudget(migration, record),
      onOvertaken: () => deps.onLagging(part, part.hosts, record),
      abort: batch.moves,
      onProgress: (progress) => batch.showProgress(progress),
    });
  };

  /** Keeps that a part is done, and with it that its predictions are to be verified: both or neither. */
  const closePart = async (record: BatchRecord, part: BatchPart): Promise<void> => {
    const rule = rules().find(({ name }) => name === part.rule);
    const now = clock.now();
    const pending =
      verification &&
      rule &&
      verificationOf(part, record.id, record.migrations, {
        now,
        scrapeIntervalMs: verification.scrapeIntervalMs,
        periodMs: rule.periodMs,
      });
    await journal.commit({
      batch: { ...record, parts: record.parts.map((other) => (other === part ? { ...part, done: true } : other)) },
      ...(pending && {
        memory: (memory: Memory) => {
          const current = withoutEndedPauses(memory, now);
          return { ...current, verifications: [...current.verifications, pending] };
        },
      }),
    });
    part.done = true;
    verification?.verifier.wake();
  };

  const leavePart = async (record: BatchRecord, part: BatchPart, why: EventContent): Promise<void> => {
    const event: NewEvent = { obj_name: part.rule, user: record.sender, batch: record.id, ...why };
    const parts = record.parts.map((other) => (other === part ? { ...part, done: true } : other));
    await journal.commit({ events: [event], batch: { ...record, parts } });
    part.done = true;
  };

  return {
    start,
    join: async (parts) => latest?.join(parts),
    stop: async (stop) => latest?.stop(stop),
    view: () => latest?.view() ?? null,
    idle: () => running,
  };
}
