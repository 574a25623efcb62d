import type { BatchView } from '../intake/views.js';
import type { BatchPart, BatchRecord } from '../journal/journal.js';
import type { NewEvent } from '../journal/events.js';
import { JournalError } from '../journal/journal.js';
import type { Memory } from '../journal/memory.js';
import type { BatchProgress } from '../migration/batch.js';
import { carryOut } from '../migration/batch.js';
import type { Busy } from './busy-flag.js';
import type { WatchLimits } from '../migration/watch.js';
import { outsideWindows } from '../common/time-windows.js';
import { APPROVER } from './approve.js';
import { failedMoves } from '../constraints/index.js';
import type { PartOptions } from '../decide/part.js';
import { planPart } from '../decide/part.js';
import { faultEvent, toEnding, toView } from './batch-record.js';
import { withoutEndedPauses } from '../verification/rule-mode.js';
import { verificationOf } from '../verification/predictions.js';
import type { Verifier } from '../verification/verifier.js';

/** What {@link createRunner} needs. */
export interface RunnerOptions extends Omit<PartOptions, 'onPlanning' | 'batch'> {
  busy: Busy;
  limits: WatchLimits;
  /** Moves at once from or to one host. */
  concurrency: number;
  /** Who looks again when the metrics have settled; absent: nobody. */
  verifier: Verifier | undefined;
  /** Records what was counted while the batch ran. */
  flush: () => Promise<void>;
}

/** Carries batches out, one at a time. */
export interface Runner {
  /** Begins with a batch that stands in the journal and holds the flag; gives the flag back when it has ended. */
  start(record: BatchRecord): void;
  /** What runs now. */
  view(): BatchView | null;
  /** Resolves when nothing runs, or when what runs has let go. */
  idle(): Promise<void>;
}

/** Plans and moves, part by part, until a batch has ended or the signal says to let go. */
export function createRunner(options: RunnerOptions): Runner {
  const { journal, busy, clock, log, signal, verifier } = options;
  let running: Promise<void> = Promise.resolve();
  let view: BatchView | null = null;

  const start = (record: BatchRecord) => {
    view = toView(record);
    // After the answer has gone out: nothing slow stands between an alert and its answer.
    running = new Promise((resolve) => setImmediate(resolve))
      .then(() => runBatch(record))
      .then(
        () => undefined,
        (error: unknown) => {
          if (!signal.aborted) log.error({ batch: record.id, err: error }, 'batch ended with a fault');
          return error instanceof Error ? error.message : String(error);
        },
      )
      .then(async (fault) => {
        // While stopping, the batch stays open in the journal: the next start takes it up.
        if (!signal.aborted) await closeBatch(record, fault);
        view = null;
        await busy.release(record.id);
      });
  };

  /** Does what ends with a commit again until the journal takes it: a full disk is given space again. */
  const untilKept = async (step: () => Promise<unknown>, record: BatchRecord): Promise<void> => {
    for (let pause = options.limits.firstPauseMs; ; pause = Math.min(options.limits.longestPauseMs, pause * 1.5)) {
      try {
        await step();
        return;
      } catch (error) {
        if (!(error instanceof JournalError)) throw error;
        log.error({ batch: record.id, err: error }, 'the batch waits until it can be recorded');
        await clock.sleep(pause, signal);
      }
    }
  };

  const closeBatch = async (record: BatchRecord, fault: string | undefined): Promise<void> => {
    await options.flush();
    const ended = toEnding(record, clock.now(), fault);
    try {
      const events = fault === undefined ? [] : [faultEvent(record, fault)];
      await untilKept(() => journal.commit({ events, batch: null, ended }), record);
      log.info({ batch: record.id, succeeded: ended.succeeded, failed: ended.failed }, 'batch ended');
    } catch (error) {
      // Stopping, or beyond help: it stands in the journal as running, and the next start ends it.
      log.error({ batch: record.id, err: error }, 'the end of the batch was not recorded');
    }
  };

  // A plan without moves ends its part while it is awaited.
  const hasEndedPart = (part: BatchPart): boolean => part.done;

  const runBatch = async (record: BatchRecord): Promise<void> => {
    for (const part of record.parts) {
      if (hasEndedPart(part)) continue;
      // Planned anew each time: by the time that the journal takes it, the fleet may be another.
      const planUntilKept = () => untilKept(() => plan(record, part), record);
      if (!record.migrations.some(({ rule }) => rule === part.rule)) await planUntilKept();
      if (hasEndedPart(part)) continue;
      await carryOutPart(record, part);
      if (!part.retried && failedMoves(record.migrations, part.rule).length > 0) {
        part.retried = true;
        await planUntilKept();
        await carryOutPart(record, part);
      }
      part.done = true;
      await untilKept(() => closePart(record, part), record);
    }
  };

  const carryOutPart = async (record: BatchRecord, part: BatchPart): Promise<void> => {
    setStep('migrating');
    const limits = options.rules().find(({ name }) => name === part.rule)?.limits;
    await carryOut(record, {
      ...options,
      perHost: { source: limits?.perSource, target: limits?.perTarget },
      signal: signal,
      // An approval is a person's word: windows do not hold it up.
      ...(record.sender !== APPROVER && { closed }),
      onProgress: (progress) => showProgress(record, progress),
    });
  };

  const closed = (name: string): string | undefined => {
    const rule = options.rules().find((each) => each.name === name);
    const outside = rule && outsideWindows(rule.windows, clock.now());
    return outside === undefined ? undefined : `rule ${name}: ${outside}`;
  };

  /** Keeps that a part is done, and with it that its predictions are to be verified: both or neither. */
  const closePart = async (record: BatchRecord, part: BatchPart): Promise<void> => {
    const rule = options.rules().find(({ name }) => name === part.rule);
    const time = { now: clock.now(), scrapeIntervalMs: options.metrics.scrapeIntervalMs };
    const pending =
      verifier && rule && verificationOf(part, record.id, record.migrations, { ...time, periodMs: rule.periodMs });
    await journal.commit({
      batch: record,
      ...(pending && {
        memory: (memory: Memory) => {
          const current = withoutEndedPauses(memory, time.now);
          return { ...current, verifications: [...current.verifications, pending] };
        },
      }),
    });
    verifier?.wake();
  };

  const plan = async (record: BatchRecord, part: BatchPart): Promise<void> => {
    const rule = options.rules().find(({ name }) => name === part.rule);
    if (!rule?.enabled) {
      const notes = `rule ${part.rule} is gone or disabled`;
      const event: NewEvent = { obj_name: part.rule, user: record.sender, action: 'ignored', notes, batch: record.id };
      const parts = record.parts.map((other) => (other === part ? { ...part, done: true } : other));
      await journal.commit({ events: [event], batch: { ...record, parts } });
      part.done = true;
      return;
    }
    setStep('asking');
    await planPart(record, part, rule, { ...options, onPlanning: () => setStep('planning') });
    if (view?.id === record.id) view.migrations = record.migrations.map((migration) => ({ ...migration }));
  };

  const setStep = (step: BatchView['step']) => {
    if (view) view.step = step;
  };

  const showProgress = (record: BatchRecord, progress: BatchProgress) => {
    const { migration } = progress;
    const { guest, target_host: target } = migration.notes;
    const fields = { batch: record.id, rule: migration.rule, guest: guest.name, target: target.name };
    const shown = view?.migrations[record.migrations.indexOf(migration)];
    if (shown) Object.assign(shown, migration);
    switch (progress.kind) {
      case 'asked':
        log.info(fields, 'migrating');
        break;
      case 'state':
        if (shown && progress.state.phase !== 'vanished') shown.status = progress.state.status;
        if (shown && progress.state.phase === 'moving' && progress.state.progress !== undefined) {
          shown.progress = progress.state.progress;
        }
        break;
      case 'trouble':
        log.warn({ ...fields, err: progress.error }, 'trouble with a migration, it is still followed');
        break;
      case 'ended':
        log[migration.phase === 'succeeded' ? 'info' : 'warn']({ ...fields, phase: migration.phase }, progress.text);
        break;
    }
  };

  return { start, view: () => structuredClone(view), idle: () => running };
}
