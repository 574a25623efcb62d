import type { Alert } from '../alerts/alert.js';
import type { IgnoredReason, WebhookAnswer } from '../intake/answer.js';
import type { Clock } from '../common/clock.js';
import type { Cloud, Metrics } from '../fleet/fleet.js';
import type { ApprovalAnswer, BatchView, PlanView } from '../intake/views.js';
import type { BatchRecord, Journal } from '../journal/journal.js';
import type { NewEvent } from '../journal/events.js';
import { hasEnded } from '../migration/batch.js';
import type { Busy } from '../intake/busy-flag.js';
import type { WatchLimits } from '../migration/watch.js';
import { FlapWatch, flappingText } from '../intake/flapping.js';
import type { MatchedAlert, MatchedPart } from '../intake/sort-alerts.js';
import { sortAlerts } from '../intake/sort-alerts.js';
import { matchAlerts } from '../rules/match.js';
import { approve } from '../intake/approve.js';
import type { Budget } from '../decide/budgets.js';
import { createForeignWatch } from '../decide/foreign-watch.js';
import { heldBackEvent, holdBack } from '../intake/windows-and-pauses.js';
import type { Log } from '../common/log.js';
import { stateOf } from '../decide/recommended-plan.js';
import type { Planner } from '../decide/relieve.js';
import { giveUpWhatIsOld } from '../intake/batch-record.js';
import type { SnapshotStore } from '../decide/kept-snapshots.js';
import { createRunner } from '../intake/run-batches.js';
import { createTally } from '../intake/coalesced-events.js';
import type { VerificationLimits } from '../verification/verifier.js';
import { createVerifier } from '../verification/verifier.js';
import type { Rule } from '../rules/rule.js';

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
  const watch = createForeignWatch(options.cloud.ephemeral ? undefined : options.snapshots);
  const verifier =
    options.verification && createVerifier({ ...options, signal: stopping.signal, limits: options.verification });
  const partOptions = {
    ...options,
    signal: stopping.signal,
    watch,
    budget: options.budget ?? {},
    newPlanId: () => `plan-${options.newBatchId()}`,
  };
  const runner = createRunner({ ...partOptions, verifier, flush: () => tally.flush() });

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

  const noteFlapping = async (alerts: MatchedAlert[]): Promise<void> => {
    const events = flaps.note(alerts, clock.now()).map((flapping): NewEvent => {
      const { rule, alert } = flapping;
      return { obj_name: rule, user: alert.sender, action: 'flapping', notes: flappingText(flapping) };
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
    runner.start(record);
    return { outcome: 'accepted', batch: id, rules, hosts };
  };

  return {
    batch: () => runner.view(),
    idle: () => runner.idle(),

    async handleAlerts(alerts) {
      if (isStopping()) return SHUTTING_DOWN;
      try {
        const matched = matchAlerts(alerts, options.rules());
        await noteFlapping(matched);
        const sorted = sortAlerts(matched, isDuplicate);
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
        const { newBatchId } = options;
        return await approve(id, {
          ...partOptions,
          busy,
          newBatchId,
          onPlanning: () => undefined,
          start: (record) => runner.start(record),
        });
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
      runner.start(record);
    },

    async stop() {
      stopping.abort(new Error('the service is stopping'));
      await runner.idle();
      await tally.stop();
      await verifier?.stopped();
    },
  };
}
