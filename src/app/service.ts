import type { Alert } from '../alerts/alert.js';
import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import { createDecisions, type Decisions } from '../decide/decisions.js';
import type { FleetDetail, FleetView } from '../decide/fleet-view.js';
import type { HostView } from '../decide/host-view.js';
import type { SnapshotStore } from '../decide/kept-snapshots.js';
import type { MigrationBudget } from '../decide/migration-budgets.js';
import { overBudget } from '../decide/migration-budgets.js';
import type { Planner } from '../decide/plan-moves.js';
import { planByRule } from '../decide/plan-moves.js';
import { createSightings } from '../decide/sightings.js';
import type { Cloud, Metrics } from '../fleet/fleet.js';
import type { WebhookAnswer } from '../intake/answer.js';
import { NO_JOURNAL, SHUTTING_DOWN } from '../intake/answer.js';
import { budgetTime } from '../intake/known.js';
import { giveUpWhatIsOld } from '../intake/batch-record.js';
import type { Busy } from '../intake/busy-flag.js';
import { createCoalescedEvents, recordTruncated } from '../intake/coalesced-events.js';
import { FlapWatch } from '../intake/flapping.js';
import { createHostNames } from '../intake/host-names.js';
import { createLaterLooks } from '../intake/later-looks.js';
import { haltOf, obstacleTo } from '../intake/obstacles.js';
import type { Operator } from '../intake/operator.js';
import { createOperator } from '../intake/operator.js';
import { createPause } from '../intake/pause.js';
import { createReceiver } from '../intake/receive-alerts.js';
import { createRunner } from '../intake/run-batches.js';
import type { BatchView, TestAlertAnswer } from '../intake/views.js';
import type { Journal } from '../journal/journal.js';
import { JournalError } from '../journal/journal.js';
import { carryOut } from '../migration/batch.js';
import { followGivenUp } from '../migration/given-up.js';
import { hasEnded } from '../migration/move-record.js';
import type { WatchLimits } from '../migration/watch.js';
import { matchAlerts } from '../rules/match.js';
import type { MatchedAlert, Rule } from '../rules/rule.js';
import type { Measures } from './measures.js';
import { measured } from './measures.js';
import { testAlert, type TestAlert } from './test-alert.js';
import type { VerificationLimits } from '../verification/verifier.js';
import type { ProcessMode } from '../verification/rule-mode.js';
import { createVerifier } from '../verification/verifier.js';

/** What is looked at again later. */
export interface LaterLooksOptions {
  /** An alert of a host whose mean did not pass the threshold: once more when a period has passed, for it may only have lagged. */
  lagging: boolean;
  /** The newest alert of each rule and host that was dropped: when the batch has ended. */
  dropped: boolean;
}

/** What the service is made of, wherever decisions are made. */
interface ServiceParts {
  cloud: Cloud;
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
  /** The longest that asking cloud or metric store may take, ms. */
  requestTimeoutMs: number;
  /** Who works out the plans, where it is not the balancer: for comparisons. */
  planner?: Planner;
  /** Where what a batch was planned on is kept for a replay; absent: nowhere. */
  snapshots?: SnapshotStore;
  /** What all rules together may start; absent: as much as each may. */
  budget?: MigrationBudget;
  /** How far all rules may go; absent: as far as each says. */
  mode?: ProcessMode;
  /** Whether batches are looked at again when the metrics have settled, and when predictions count as off. */
  verification?: VerificationLimits;
  /** Absent: nothing is looked at again. */
  looks?: LaterLooksOptions;
  /** Told of alerts and decisions as they come. */
  measures?: Measures;
  /** Whether names in alerts are held against the inventory before the flag is taken. */
  checksHostNames?: boolean;
}

/** A service that decides in this very thread, by its cloud and store. */
export interface ServiceOptions extends ServiceParts {
  metrics: Metrics;
  decisions?: Decisions;
}

/** A service whose decisions are made elsewhere: of the store it only knows how far apart two samples are. */
export interface ServiceElsewhere extends ServiceParts {
  metrics: Pick<Metrics, 'scrapeIntervalMs'>;
  decisions: Decisions;
}

/** Alerts in, batches out. */
export interface Service {
  /**
   * @param truncated - so many alerts the sender has left out of the body.
   * @throws whatever is a fault of ours.
   */
  handleAlerts(alerts: Alert[], truncated?: number): Promise<WebhookAnswer>;
  /** What runs now. */
  batch(): BatchView | null;
  /** The fleet as it is, one answer for all who ask within some seconds. */
  fleet(detail: FleetDetail): Promise<FleetView>;
  /** One host with its guests and its course; undefined if the cloud does not list it. */
  host(id: string): Promise<HostView | undefined>;
  /** What people can do: {@link Operator}. */
  operator: Operator;
  /** See {@link testAlert}. */
  testAlert(test: TestAlert): Promise<TestAlertAnswer>;
  /** Takes up the batch that a former process left; call it once, before alerts are let in. */
  recover(): Promise<void>;
  /** Resolves when nothing runs. */
  idle(): Promise<void>;
  /** Takes no more alerts and lets go of what runs; it stands in the journal for the next start. */
  stop(): Promise<void>;
}

/** Puts the rooms together: who receives alerts, who decides, who moves, who looks again. */
export function createService(options: ServiceOptions | ServiceElsewhere): Service {
  const { cloud, metrics, journal, busy, clock, log, limits, concurrency, newBatchId } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const { budget = {}, mode = 'auto' } = options;
  const made = isHere(options) ? decisionsHere(options) : options.decisions;
  const decisions = options.measures ? measured(made, options.measures, clock) : made;
  const rows = createCoalescedEvents({ journal, clock, log });
  const { scrapeIntervalMs } = metrics;
  const verifier =
    options.verification &&
    createVerifier({
      lookAtHosts: (query, within) => decisions.lookAtHosts(query, within),
      scrapeIntervalMs,
      journal,
      clock,
      log,
      rules: options.rules,
      signal,
      limits: options.verification,
    });
  const givenUp = followGivenUp({ cloud, journal, clock, limits, log, signal });
  const looks = createLaterLooks((due) => receiver.lookAgain(due), { journal, clock, log, signal });
  const pause = createPause({ journal, clock, log, signal });
  const deciding = {
    decisions,
    journal,
    rules: options.rules,
    budget,
    mode,
    newPlanId: () => `plan-${newBatchId()}`,
    clock,
    log,
    signal,
  };
  const runner = createRunner({
    deciding,
    carryOut: (record, turn) => {
      const movingGuests = (atMostOldMs: number) => decisions.movingGuests(atMostOldMs, signal);
      return carryOut(record, { cloud, journal, clock, limits, concurrency, movingGuests, signal, ...turn });
    },
    busy,
    retry: limits,
    verification: verifier && { verifier, scrapeIntervalMs },
    obstacle: (migration, record) =>
      haltOf(record, pause.current()) ??
      obstacleTo(migration, record, options.rules(), journal.memory(), mode, clock.now()),
    overBudget: async (migration, { plan: approved }) => {
      const rule = options.rules().find(({ name }) => name === migration.rule);
      // What a person has approved is not held up by budgets; a rule that is gone has another obstacle.
      if (approved !== undefined || !rule) return undefined;
      return overBudget(migration, rule, budget, await budgetTime(journal, clock.now()));
    },
    halt: (record) => haltOf(record, pause.current()),
    onLagging: ({ rule: name }, hosts, { sender }) => {
      const rule = options.rules().find((each) => each.name === name);
      if (!options.looks?.lagging || !rule) return;
      looks.add({ rule: name, sender, because: 'lagging', dueAt: clock.monotonic() + rule.periodMs }, hosts);
    },
    onApproved: () => {
      if (!options.looks?.dropped) looks.forgetAll('dropped');
    },
    onEnding: (batch) => rows.flush(batch),
    onEnded: () => {
      givenUp.wake();
      void carryOutWaiting();
    },
  });
  const names = createHostNames({ decisions, clock, log, signal });
  const receiver = createReceiver({
    journal,
    rules: options.rules,
    busy,
    pause,
    runner,
    rows,
    flapping: new FlapWatch(),
    looks,
    hosts: () => (options.checksHostNames ? names.index() : undefined),
    onUnknownHosts: () => void names.refresh().then(() => looks.release('unknown_host')),
    newBatchId,
    clock,
    log,
    looksAgain: options.looks?.dropped ?? false,
    signal,
  });

  const answerTo = async (matched: readonly MatchedAlert[], truncated: number): Promise<WebhookAnswer> => {
    if (signal.aborted) return SHUTTING_DOWN;
    try {
      const alerts = matched.map(({ alert }) => alert);
      if (truncated > 0) await recordTruncated(rows, alerts, truncated);
      const answer = await receiver.receive(matched);
      return truncated > 0 && answer.outcome !== 'unavailable' ? { ...answer, truncated } : answer;
    } catch (error) {
      if (stopping.signal.aborted) return SHUTTING_DOWN;
      if (!(error instanceof JournalError)) throw error;
      log.error({ err: error }, 'an alert could not be recorded');
      return NO_JOURNAL;
    }
  };

  const { operator, carryOutWaiting: carryOutApproved } = createOperator({
    deciding,
    busy,
    pause,
    runner,
    hostIndex: () => names.index(),
    newBatchId,
    concurrency: options.concurrency,
    onRefused: () => void carryOutWaiting(),
  });
  /** The flag is free: first comes what a person has approved, then alerts that were dropped. */
  const carryOutWaiting = async (): Promise<void> => {
    const isTaken = await carryOutApproved().catch((error: unknown) => {
      log.error({ err: error }, 'what was approved for later has failed');
      return false;
    });
    if (!isTaken) looks.release('dropped');
  };

  const service: Service = {
    operator,
    batch: () => runner.view(),
    fleet: (detail) => decisions.fleet(detail),
    host: (id) => decisions.host(id),
    idle: () => runner.idle(),

    async handleAlerts(alerts, truncated = 0) {
      const matched = matchAlerts(alerts, options.rules());
      const answer = await answerTo(matched, truncated);
      options.measures?.alerts(matched, answer);
      return answer;
    },

    testAlert: (test) =>
      testAlert(test, {
        rules: options.rules,
        operator,
        handleAlerts: (alerts) => service.handleAlerts(alerts),
        now: () => clock.now(),
        newId: newBatchId,
      }),

    async recover() {
      verifier?.wake();
      pause.wake();
      givenUp.wake();
      if (options.checksHostNames) void names.refresh();
      looks.takeUp();
      const record = journal.openBatch();
      if (!record) {
        void carryOutWaiting();
        return;
      }
      await busy.take(record.id);
      const unfinished = record.migrations.filter((migration) => !hasEnded(migration));
      log.warn({ batch: record.id, migrations: unfinished.length }, 'taking up the batch of a former process');
      const events = giveUpWhatIsOld(record, clock.now(), limits.timeLimitMs);
      if (events.length > 0) await journal.commit({ events, batch: record });
      runner.start(record);
    },

    async stop() {
      stopping.abort(new Error('the service is stopping'));
      await runner.idle();
      await rows.stop();
      await looks.stop();
      await verifier?.stopped();
      await givenUp.stopped();
    },
  };
  return service;
}

function isHere(options: ServiceOptions | ServiceElsewhere): options is ServiceOptions {
  return options.decisions === undefined;
}

function decisionsHere({
  cloud,
  metrics,
  clock,
  log,
  snapshots,
  planner,
  requestTimeoutMs,
}: ServiceOptions): Decisions {
  const sightings = createSightings(cloud.ephemeral ? undefined : snapshots);
  return createDecisions({
    cloud,
    metrics,
    clock,
    log,
    sightings,
    snapshots,
    planner: planner ?? planByRule,
    timeoutMs: requestTimeoutMs,
  });
}
