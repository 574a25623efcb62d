import type { Alert } from './alerts/alert.js';
import type { IgnoredReason, WebhookAnswer } from './alerts/answer.js';
import type { Clock } from './clock.js';
import type { Cloud, Metrics } from './fleet/fleet.js';
import type { BatchView } from './http/ports.js';
import type { BatchRecord, Journal, NewEvent } from './journal/journal.js';
import { JournalError } from './journal/journal.js';
import type { BatchProgress } from './migration/batch.js';
import { carryOut, hasEnded } from './migration/batch.js';
import type { Busy } from './migration/busy.js';
import type { WatchLimits } from './migration/watch.js';
import type { MatchedPart } from './service/intake.js';
import { sortAlerts } from './service/intake.js';
import type { Log } from './service/log.js';
import { toEnding, toView } from './service/record.js';
import { relieve } from './service/relieve.js';
import { createTally } from './service/tally.js';
import type { Rule } from './rules/rule.js';

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
}

/** Alerts in, batches out. */
export interface Service {
  handleAlerts(alerts: Alert[]): Promise<WebhookAnswer>;
  /** What runs now. */
  batch(): BatchView | null;
  /** Takes up the batch that a former process left; call it once, before alerts are let in. */
  recover(): Promise<void>;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
  /** Takes no more alerts and lets go of what runs; it stands in the journal for the next start. */
  stop(): Promise<void>;
}

/** An alert delivered again within this time, ms, is the same delivery (a second language, the other of a pair). */
const DUPLICATE_WINDOW_MS = 30_000;

/** The way of an alert: one function per step. */
export function createService(options: ServiceOptions): Service {
  const { journal, busy, clock, log } = options;
  const stopping = new AbortController();
  const tally = createTally(options);
  const taken = new Map<string, number>();
  let running: Promise<void> = Promise.resolve();
  let view: BatchView | null = null;

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
          if (stopping.signal.aborted) return undefined;
          log.error({ batch: record.id, err: error }, 'batch ended with a fault');
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
      await untilKept(() => journal.commit({ batch: null, ended }), record);
      log.info({ batch: record.id, succeeded: ended.succeeded, failed: ended.failed }, 'batch ended');
    } catch (error) {
      // Stopping, or beyond help: it stands in the journal as running, and the next start ends it.
      log.error({ batch: record.id, err: error }, 'the end of the batch was not recorded');
    }
  };

  const runBatch = async (record: BatchRecord): Promise<void> => {
    for (const part of record.parts) {
      if (part.done) continue;
      const hasMoves = () => record.migrations.some(({ rule }) => rule === part.rule);
      // Planned anew each time: by the time that the journal takes it, the fleet may be another.
      if (!hasMoves()) await untilKept(() => plan(record, part), record);
      if (!hasMoves()) continue;
      setStep('migrating');
      await carryOut(record, {
        ...options,
        signal: stopping.signal,
        onProgress: (progress) => showProgress(record, progress),
      });
      part.done = true;
      await untilKept(() => journal.commit({ batch: record }), record);
    }
  };

  const plan = async (record: BatchRecord, part: BatchRecord['parts'][number]): Promise<void> => {
    const rule = options.rules().find(({ name }) => name === part.rule);
    const event = (action: NewEvent['action'], notes: NewEvent['notes']): NewEvent => {
      return { obj_name: part.rule, user: record.sender, action, notes, batch: record.id };
    };
    /** Events and what follows from them together: a restart must not come to them a second time. */
    const keep = async (events: NewEvent[], migrations: BatchRecord['migrations']) => {
      const done = migrations.length === 0;
      const parts = record.parts.map((other) => (other === part ? { ...part, done } : other));
      await journal.commit({ events, batch: { ...record, parts, migrations: [...record.migrations, ...migrations] } });
      part.done = done;
      record.migrations.push(...migrations);
    };
    if (!rule?.enabled) {
      await keep([event('ignored', `rule ${part.rule} is gone or disabled`)], []);
      return;
    }
    setStep('asking');
    const relief = await relieve(rule, part.hosts, {
      ...options,
      signal: stopping.signal,
      onPlanning: () => setStep('planning'),
    });
    stopping.signal.throwIfAborted();
    const events = relief.findings.map(({ action, notes }) => event(action, notes));
    await keep(events, relief.migrations);
    for (const { action, notes } of relief.findings)
      log.info({ batch: record.id, rule: rule.name, action }, asText(notes));
    if (relief.migrations.length > 0) {
      const moves = relief.migrations.map(({ notes }) => `${notes.guest.name} → ${notes.target_host.name}`);
      log.info({ batch: record.id, rule: rule.name, moves, cost: relief.cost }, 'planned');
    }
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
      if (stopping.signal.aborted) {
        return { outcome: 'unavailable', reason: 'shutting_down', text: 'the process is going down' };
      }
      try {
        const sorted = sortAlerts(alerts, options.rules(), isDuplicate);
        if (sorted.kind === 'nothing') return await ignore(alerts, sorted.reason, sorted.text);
        const sender = alerts[0]?.sender ?? 'unknown';
        const id = options.newBatchId();
        if (!(await busy.take(id))) return await drop(sender, sorted.parts, busy.holder() ?? 'of another replica');
        try {
          return await accept(sender, sorted.parts, id);
        } catch (error) {
          await busy.release(id);
          throw error;
        }
      } catch (error) {
        log.error({ err: error }, 'an alert could not be recorded');
        return { outcome: 'unavailable', reason: 'journal', text: 'the journal cannot be written' };
      }
    },

    async recover() {
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
    },
  };
}

/** What was accepted or planned long ago and never asked for: the fleet is another by now, a new alert will tell. */
function giveUpWhatIsOld(record: BatchRecord, now: number, maxAgeMs: number): NewEvent[] {
  const age = now - Date.parse(record.accepted_at);
  if (age <= maxAgeMs) return [];
  const why = `given up after a restart: accepted ${Math.round(age / 60_000)} minutes ago`;
  const base = { user: record.sender, batch: record.id };
  const planned = record.migrations.filter(({ phase }) => phase === 'planned');
  const unplanned = record.parts.filter(
    (part) => !part.done && !record.migrations.some(({ rule }) => rule === part.rule),
  );
  for (const migration of planned) migration.phase = 'given_up';
  for (const part of unplanned) part.done = true;
  return [
    ...planned.map(({ rule, notes }): NewEvent => ({
      ...base,
      obj_name: rule,
      action: 'migrate_error',
      notes: { ...notes, reason: why },
    })),
    ...unplanned.map(({ rule }): NewEvent => ({ ...base, obj_name: rule, action: 'ignored', notes: why })),
  ];
}

function asText(notes: NewEvent['notes']): string {
  return typeof notes === 'string' ? notes : JSON.stringify(notes);
}
