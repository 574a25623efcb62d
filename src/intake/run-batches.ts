import { errorMessage } from '../common/error-message.js';
import type { Clock } from '../common/clock.js';
import { failedMoves } from '../constraints/index.js';
import type { Decision } from '../decide/decision.js';
import type { EventContent, NewEvent } from '../journal/events.js';
import type { BatchPart, BatchRecord, BatchStop, Journal, MigrationRecord } from '../journal/journal.js';
import { JournalError } from '../journal/journal.js';
import type { Memory } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import type { BatchProgress, CarryOutOptions } from '../migration/batch.js';
import { carryOut, isUnderWay } from '../migration/batch.js';
import { toGivenUp, withGivenUp } from '../migration/given-up.js';
import type { WatchLimits } from '../migration/watch.js';
import { verificationOf } from '../verification/predictions.js';
import { pausedUntil, withoutEndedPauses } from '../verification/rule-mode.js';
import type { Verifier } from '../verification/verifier.js';
import { shownState, logProgress } from './batch-progress.js';
import { faultEvent, toEnding, toView, withJoined } from './batch-record.js';
import type { Busy } from './busy-flag.js';
import type { DecidePartDeps } from './decide-part.js';
import { decidePart, keepDecision } from './decide-part.js';
import { SERVICE } from './pause.js';
import type { BatchView, StopAnswer } from './views.js';
import { pauseText } from './windows-and-pauses.js';

/** Carries the moves of a batch out; see {@link carryOut}. */
export type CarryOut = (
  record: BatchRecord,
  options: Pick<CarryOutOptions, 'perHost' | 'closed' | 'abort' | 'onProgress'>,
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
  /** Why the batch begins nothing more, whatever its rules say; undefined if it goes on. */
  halt: (record: BatchRecord) => string | undefined;
  /** Told of hosts whose mean may only lag behind their alert. */
  onLagging: (part: BatchPart, hosts: readonly string[][], record: BatchRecord) => void;
  /** Called when a batch has ended, before the flag is given back, and after that. */
  onEnding: (batch: string) => Promise<void>;
  onEnded: () => void;
}

/** Carries batches out, one at a time. */
export interface Runner {
  /** Begins with a batch that stands in the journal and holds the flag; gives the flag back when it has ended. */
  start(record: BatchRecord): void;
  /**
   * Lets further alerts in while the batch only looks and has moved nothing yet.
   * @returns the id of the batch once they stand in the journal; undefined where it is too late: it moves guests, or it is
   * over and has given the flag back.
   */
  join(parts: readonly BatchPart[]): Promise<string | undefined>;
  /**
   * Has what runs begin nothing more; a decision is dropped.
   * @param stop - `abort`: what is under way is cancelled too.
   * @returns what that comes to; undefined where nothing runs. It holds even where the journal refuses.
   * @throws JournalError where it could not be recorded.
   */
  stop(stop: Pick<BatchStop, 'by' | 'abort'>): Promise<Extract<StopAnswer, { outcome: 'stopping' }> | undefined>;
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
  let view: BatchView | null = null;
  /** The batch that further alerts may join; undefined once it moves guests. */
  let open: BatchRecord | undefined;
  /** Resolves when a batch that is over has given the flag back, or waits for the journal; undefined before it is over. */
  let closed: Promise<void> | undefined;
  let isClosed: () => void = () => undefined;
  /** The batch that runs, what ends its decision, and what cancels its moves. */
  let current: { record: BatchRecord; decision: AbortController; moves: AbortController } | undefined;
  /** One change of the record at a time: what one writes, another must not write over. */
  let changing: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const turn = changing.then(change);
    changing = turn.catch(() => undefined);
    return turn;
  };

  const start = (record: BatchRecord) => {
    view = toView(record);
    current = { record, decision: new AbortController(), moves: new AbortController() };
    if (record.stopped?.abort) current.moves.abort(record.stopped.by);
    open = record.migrations.length === 0 && !record.stopped ? record : undefined;
    closed = undefined;
    // After the answer has gone out: nothing slow stands between an alert and its answer.
    running = new Promise((resolve) => setImmediate(resolve))
      .then(() => runBatch(record))
      .then(
        () => undefined,
        (error: unknown) => {
          endJoining();
          if (!signal.aborted) log.error({ batch: record.id, err: error }, 'batch ended with a fault');
          return errorMessage(error);
        },
      )
      .then(async (fault) => {
        // While stopping, the batch stays open in the journal: the next start takes it up.
        if (!signal.aborted) await closeBatch(record, fault);
        current = undefined;
        view = null;
        await busy.release(record.id);
        isClosed();
        if (!signal.aborted) deps.onEnded();
      });
  };

  /** The batch is over: who comes now waits for the flag. */
  const endJoining = () => {
    open = undefined;
    closed = new Promise((resolve) => (isClosed = resolve));
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

  const closeBatch = async (record: BatchRecord, fault: string | undefined): Promise<void> => {
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
        inTurn(async () => {
          await journal.commit({ events, batch: null, ended, ...memory });
          current = undefined;
        });
      await untilKept(keep, record, isClosed);
      log.info({ batch: record.id, succeeded: ended.succeeded, failed: ended.failed }, 'batch ended');
    } catch (error) {
      // Stopping, or beyond help: it stands in the journal as running, and the next start ends it.
      log.error({ batch: record.id, err: error }, 'the end of the batch was not recorded');
    }
  };

  const runBatch = async (record: BatchRecord): Promise<void> => {
    for (;;) {
      // A part that is done may be opened again while nothing has moved.
      const part = record.parts.find(({ done }) => !done);
      if (!part) {
        // No alert may join between this look and the end of the batch.
        const isOver = await inTurn(() => {
          const areDone = record.parts.every(({ done }) => done);
          if (areDone) endJoining();
          return Promise.resolve(areDone);
        });
        if (isOver) return;
        continue;
      }
      await runPart(record, part);
    }
  };

  const runPart = async (record: BatchRecord, part: BatchPart): Promise<void> => {
    const isPlanned = record.migrations.some(({ rule }) => rule === part.rule);
    if (!isPlanned && !(await planned(record, part))) return;
    await carryOutPart(record, part);
    if (!part.retried && failedMoves(record.migrations, part.rule).length > 0) {
      part.retried = true;
      await planned(record, part);
      await carryOutPart(record, part);
    }
    await untilKept(() => inTurn(() => closePart(record, part)), record);
  };

  /** Decides on a part, again where alerts have joined it meanwhile. Resolves with whether it has moves to carry out. */
  const planned = async (record: BatchRecord, part: BatchPart): Promise<boolean> => {
    let isKept = false;
    for (let count = 1; !isKept; count += 1) {
      const rule = rules().find(({ name }) => name === part.rule);
      const halt = deps.halt(record) ?? (rule?.enabled ? undefined : `rule ${part.rule} is gone or disabled`);
      if (!rule || halt !== undefined) {
        await untilKept(() => inTurn(() => leavePart(record, part, { action: 'ignored', notes: halt ?? '' })), record);
        return false;
      }
      // An earlier part may have found that others move its guests.
      const until = pausedUntil(journal.memory(), rule.name, clock.now());
      if (until !== undefined) {
        const notes = pauseText(rule.name, until);
        await untilKept(() => inTurn(() => leavePart(record, part, { action: 'paused', notes })), record);
        return false;
      }
      // Who came first must not wait for ever for those who keep coming: the last decision is for all who have come by then.
      if (count === MOST_DECISIONS) await inTurn(() => Promise.resolve((open = undefined)));
      const hosts = part.hosts.length;
      setStep('asking');
      const decision = await decided(record, part, rule);
      if (!decision) continue;
      isKept = await keepUnlessOvertaken(record, part, decision, () => part.hosts.length > hosts);
      if (isKept && !part.again && decision.lagging.length > 0) deps.onLagging(part, decision.lagging, record);
    }
    if (view?.id === record.id) view.migrations = record.migrations.map((migration) => ({ ...migration }));
    return !part.done;
  };

  /** A decision; undefined where a person has stopped the batch meanwhile. */
  const decided = async (record: BatchRecord, part: BatchPart, rule: Rule): Promise<Decision | undefined> => {
    const within = current ? AbortSignal.any([signal, current.decision.signal]) : signal;
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
    record: BatchRecord,
    part: BatchPart,
    decision: Decision,
    isOvertaken: () => boolean,
  ): Promise<boolean> => {
    let isKept = false;
    await untilKept(
      () =>
        inTurn(async () => {
          // What halts it is told when it is looked at again.
          if (isOvertaken() || deps.halt(record) !== undefined) return;
          await keepDecision(record, part, decision, deciding);
          isKept = true;
          if (record.migrations.length > 0) open = undefined;
        }),
      record,
    );
    return isKept;
  };

  const carryOutPart = async (record: BatchRecord, part: BatchPart): Promise<void> => {
    setStep('migrating');
    const limits = rules().find(({ name }) => name === part.rule)?.limits;
    await deps.carryOut(record, {
      perHost: { source: limits?.perSource, target: limits?.perTarget },
      closed: (migration) => deps.obstacle(migration, record),
      ...(current && { abort: current.moves.signal }),
      onProgress: (progress) => showProgress(record, progress),
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

  const join = async (joining: readonly BatchPart[]): Promise<string | undefined> => {
    const joined = await inTurn(async () => {
      const record = open;
      if (!record || signal.aborted) return undefined;
      const parts = withJoined(record.parts, joining);
      await journal.commit({ batch: { ...record, parts } });
      // In place: who decides on a part holds on to it.
      parts.forEach((part, at) => {
        const known = record.parts[at];
        if (known) Object.assign(known, part);
        else record.parts.push(part);
      });
      if (view) view.rules = record.parts.map(({ rule }) => rule);
      log.info({ batch: record.id, rules: joining.map(({ rule }) => rule) }, 'alerts have joined the batch');
      return record.id;
    });
    if (joined === undefined) await closed;
    return joined;
  };

  const stop: Runner['stop'] = async ({ by, abort }) => {
    if (!current) return undefined;
    const { record, decision, moves } = current;
    const at = new Date(clock.now()).toISOString();
    // At once: what begins while this is being written would come after the answer.
    record.stopped = { by, at, abort: abort || record.stopped?.abort === true };
    open = undefined;
    decision.abort(new Error(`stopped by ${by}`));
    if (abort) moves.abort(by);
    if (view) view.stopped = record.stopped;
    const namesOf = (phases: readonly MigrationRecord['phase'][]) =>
      record.migrations
        .filter(({ phase }) => phases.includes(phase))
        .map(({ notes: { guest, target_host: target } }) => `${guest.name} to ${target.name}`);
    const [left, underWay] = [namesOf(['planned']), namesOf(['asking', 'moving'])];
    const notes = { text: stopText(by, abort, left, underWay), abort, left_out: left, under_way: underWay };
    await inTurn(() =>
      journal.commit({
        events: [{ obj_name: SERVICE, user: by, action: 'stopped', notes, batch: record.id }],
        // It may have ended while it was another's turn.
        ...(current?.record === record && { batch: record }),
      }),
    );
    log.warn({ batch: record.id, by, abort }, notes.text);
    return { outcome: 'stopping', batch: record.id, abort, left_out: left, under_way: underWay };
  };

  const setStep = (step: BatchView['step']) => {
    if (view) view.step = step;
  };

  const showProgress = (record: BatchRecord, progress: BatchProgress) => {
    const shown = view?.migrations[record.migrations.indexOf(progress.migration)];
    if (shown) Object.assign(shown, progress.migration);
    if (shown && progress.kind === 'state') Object.assign(shown, shownState(progress));
    logProgress(log, record, progress);
  };

  return { start, join, stop, view: () => structuredClone(view), idle: () => running };
}

function stopText(by: string, abort: boolean, left: readonly string[], underWay: readonly string[]): string {
  const goes = abort ? 'is cancelled' : 'is followed to its end';
  const moves = underWay.length === 0 ? 'nothing is under way' : `what is under way ${goes}: ${underWay.join(', ')}`;
  const out = left.length === 0 ? '' : `; left out: ${left.join(', ')}`;
  return `the batch was stopped by ${by}; ${moves}${out}`;
}

/** What it takes to carry moves out, without the moves. */
export interface CarryOutDeps {
  cloud: CarryOutOptions['cloud'];
  journal: Journal;
  clock: Clock;
  limits: WatchLimits;
  /** Moves at once from or to one host. */
  concurrency: number;
  signal: AbortSignal;
}

/** {@link carryOut} with everything but the moves given. */
export function carryingOut(deps: CarryOutDeps): CarryOut {
  return (record, options) => carryOut(record, { ...deps, ...options });
}
