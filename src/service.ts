import type { Alert } from './alerts/alert.js';
import type { IgnoredReason, WebhookAnswer } from './alerts/answer.js';
import type { Clock } from './clock.js';
import type { Cloud, Metrics } from './fleet/fleet.js';
import type { ApprovalAnswer, BatchView, PlanView } from './http/ports.js';
import type { BatchPart, BatchRecord, Journal, NewEvent } from './journal/journal.js';
import { JournalError } from './journal/journal.js';
import type { Memory } from './journal/memory.js';
import type { BatchProgress } from './migration/batch.js';
import { carryOut, hasEnded } from './migration/batch.js';
import type { Busy } from './migration/busy.js';
import type { WatchLimits } from './migration/watch.js';
import { FlapWatch, flappingText } from './service/flapping.js';
import type { MatchedPart } from './service/intake.js';
import { sortAlerts } from './service/intake.js';
import { APPROVER, approve } from './service/approve.js';
import type { Budget } from './service/budget.js';
import { failedMoves } from './service/failures.js';
import { createForeignWatch } from './service/foreign-watch.js';
import { heldBackEvent, holdBack } from './service/hold-back.js';
import type { Log } from './service/log.js';
import type { PartOptions } from './service/part.js';
import { planPart } from './service/part.js';
import { stateOf } from './service/recommend.js';
import type { Planner } from './service/relieve.js';
import { faultEvent, giveUpWhatIsOld, toEnding, toView } from './service/record.js';
import type { SnapshotStore } from './service/snapshots.js';
import { withoutEndedPauses } from './service/standing.js';
import { createTally } from './service/tally.js';
import { verificationOf } from './service/verification.js';
import type { VerificationLimits } from './service/verifier.js';
import { createVerifier } from './service/verifier.js';
import type { Rule } from './rules/rule.js';
import { outsideWindows } from './rules/windows.js';

/** What the service is made of. */
export interface ServiceOptions {
  cloud: Cloud;
  metrics: Metrics;
  /** The rules as they are now. */
  rules: () => readonly Rule[];
  journal: Journal;
  busy: Busy;
  clock: Clock;
  /** A new batch's id, unlike all before it. */
  newBatchId: () => string;
  log: Log;
  limits: WatchLimits;
  /** Moves at once from or to one host. */
  concurrency: number;
  /** The longest that asking cloud and metric store may take, ms. */
  requestTimeoutMs: number;
  /** Who works out the plans, where it is not the balancer: for comparisons. */
  planner?: Planner;
  /** Where what a batch was planned on is kept for a replay; absent: nowhere. */
  snapshots?: SnapshotStore;
  /** What all rules together may start within an hour; absent: as much as each may. */
  budget?: Budget;
  /** Whether batches are looked at again when the metrics have settled, and when predictions count as off. */
  verification?: VerificationLimits;
}

/** Alerts in, batches out. */
export interface Service {
  handleAlerts(alerts: Alert[]): Promise<WebhookAnswer>;
  /** What runs now. */
  batch(): BatchView | null;
  /** The recommended plans that are kept, oldest first. */
  plans(): PlanView[];
  /** Carries out a recommended plan if it still holds. */
  approve(plan: string): Promise<ApprovalAnswer>;
  /** Takes up the batch that a former process left; call it once, before alerts are let in. */
  recover(): Promise<void>;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
  /** Takes no more alerts and lets go of what runs; it stands in the journal for the next start. */
  stop(): Promise<void>;
}

/** An alert delivered again within this time, ms, is the same delivery (a second language, the other of a pair). */
const DUPLICATE_WINDOW_MS = 30_000;

const SHUTTING_DOWN = {
  outcome: 'unavailable',
  reason: 'shutting_down',
  text: 'the process is going down',
} as const;

/** The way of an alert: one function per step. */
export function createService(options: ServiceOptions): Service {
  const { journal, busy, clock, log } = options;
  const stopping = new AbortController();
  const tally = createTally(options);
  const isStopping = (): boolean => stopping.signal.aborted;
  const taken = new Map<string, number>();
  const flaps = new FlapWatch();
  let running: Promise<void> = Promise.resolve();
  let view: BatchView | null = null;
  const watch = createForeignWatch(options.cloud.ephemeral ? undefined : options.snapshots);
  const verifier =
    options.verification && createVerifier({ ...options, signal: stopping.signal, limits: options.verification });
  const partOptions = (): PartOptions => ({
    ...options,
    signal: stopping.signal,
    watch,
    budget: options.budget ?? {},
    newPlanId: () => `plan-${options.newBatchId()}`,
    onPlanning: () => setStep('planning'),
  });

  const isDuplicate = ({ key }: Alert): boolean => {
    const now = clock.now();
    for (const [known, at] of taken) if (Math.abs(now - at) > DUPLICATE_WINDOW_MS) taken.delete(known);
    return taken.has(key);
  };

  const ignore = async (alerts: Alert[], reason: IgnoredReason, text: string): Promise<WebhookAnswer> => {
    const [first] = alerts;
    if (first) {
      const event = { obj_name: first.name, user: first.sender, notes: `${reason}: ${text}` };
      await tally.record({ ...event, action: 'ignored' }, reason);
    }
    return { outcome: 'ignored', reason, text };
  };

  const noteFlapping = async (alerts: Alert[]): Promise<void> => {
    const events = flaps.note(alerts, clock.now()).map((flapping): NewEvent => {
      const { name, sender } = flapping.alert;
      return { obj_name: name, user: sender, action: 'flapping', notes: flappingText(flapping) };
    });
    if (events.length > 0) await journal.commit({ events });
  };

  const drop = async (sender: string, parts: MatchedPart[], holder: string): Promise<WebhookAnswer> => {
    const text = `batch ${holder} is running; alerts that come meanwhile are dropped`;
    await Promise.all(
      parts.map(({ rule, hosts }) => {
        const notes = `${text} (hosts: ${hosts.map((words) => words[0] ?? '?').join(', ')})`;
        const event = { obj_name: rule.name, user: sender, notes, batch: holder };
        return tally.record({ ...event, action: 'dropped' }, 'busy');
      }),
    );
    return { outcome: 'dropped', reason: 'busy', batch: holder, text };
  };

  const accept = async (sender: string, parts: MatchedPart[], id: string): Promise<WebhookAnswer> => {
    const record: BatchRecord = {
      id,
      sender,
      accepted_at: new Date(clock.now()).toISOString(),
      parts: parts.map(({ rule, hosts }) => ({ rule: rule.name, hosts, done: false })),
      migrations: [],
    };
    await journal.commit({ batch: record });
    for (const { alerts } of parts) for (const { key } of alerts) taken.set(key, clock.now());
    const rules = parts.map(({ rule }) => rule.name);
    const hosts = parts.flatMap((part) => part.hosts.map((words) => words[0] ?? '?'));
    log.info({ batch: id, sender, rules, hosts }, 'accepted');
    start(record);
    return { outcome: 'accepted', batch: id, rules, hosts };
  };

  const start = (record: BatchRecord) => {
    view = toView(record);
    // After the answer has gone out: nothing slow stands between an alert and its answer.
    running = new Promise((resolve) => setImmediate(resolve))
      .then(() => runBatch(record))
      .then(
        () => undefined,
        (error: unknown) => {
          if (!stopping.signal.aborted) log.error({ batch: record.id, err: error }, 'batch ended with a fault');
          return error instanceof Error ? error.message : String(error);
        },
      )
      .then(async (fault) => {
        // While stopping, the batch stays open in the journal: the next start takes it up.
        if (!stopping.signal.aborted) await closeBatch(record, fault);
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
        await clock.sleep(pause, stopping.signal);
      }
    }
  };

  const closeBatch = async (record: BatchRecord, fault: string | undefined): Promise<void> => {
    await tally.flush();
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
      signal: stopping.signal,
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
    await planPart(record, part, rule, partOptions());
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

  return {
    batch: () => structuredClone(view),
    idle: async () => {
      await running;
    },

    async handleAlerts(alerts) {
      if (isStopping()) return SHUTTING_DOWN;
      try {
        await noteFlapping(alerts);
        const sorted = sortAlerts(alerts, options.rules(), isDuplicate);
        if (sorted.kind === 'nothing') return await ignore(alerts, sorted.reason, sorted.text);
        const sender = alerts[0]?.sender ?? 'unknown';
        const { go, held } = holdBack(sorted.parts, journal.memory(), clock.now());
        const [first] = held;
        if (first) await journal.commit({ events: held.map((part) => heldBackEvent(part, sender)) });
        if (first && go.length === 0) return { outcome: 'ignored', reason: first.reason, text: first.text };
        const id = options.newBatchId();
        if (!(await busy.take(id))) return await drop(sender, go, busy.holder() ?? 'of another replica');
        try {
          return await accept(sender, go, id);
        } catch (error) {
          await busy.release(id);
          throw error;
        }
      } catch (error) {
        log.error({ err: error }, 'an alert could not be recorded');
        return { outcome: 'unavailable', reason: 'journal', text: 'the journal cannot be written' };
      }
    },

    plans: () => {
      return journal.memory().plans.map((each) => ({ ...each, state: stateOf(each, clock.now()) }));
    },

    async approve(id) {
      if (isStopping()) return SHUTTING_DOWN;
      try {
        return await approve(id, { ...partOptions(), busy, newBatchId: options.newBatchId, start });
      } catch (error) {
        if (isStopping()) return SHUTTING_DOWN;
        log.error({ plan: id, err: error }, 'an approval could not be recorded');
        return { outcome: 'unavailable', reason: 'journal', text: 'the journal cannot be written' };
      }
    },

    async recover() {
      verifier?.wake();
      const record = journal.openBatch();
      if (!record) return;
      await busy.take(record.id);
      const unfinished = record.migrations.filter((migration) => !hasEnded(migration));
      log.warn({ batch: record.id, migrations: unfinished.length }, 'taking up the batch of a former process');
      const events = giveUpWhatIsOld(record, clock.now(), options.limits.timeLimitMs);
      if (events.length > 0) await journal.commit({ events, batch: record });
      start(record);
    },

    async stop() {
      stopping.abort(new Error('the service is stopping'));
      await running;
      await tally.stop();
      await verifier?.stopped();
    },
  };
}
