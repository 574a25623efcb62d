import type { Registry } from 'prom-client';
import { Counter, Gauge, Histogram } from 'prom-client';
import { SENDERS } from '../alerts/alert.js';
import type { Clock } from '../common/clock.js';
import { VERSION } from '../common/version.js';
import type { FleetHealth } from '../fleet/fleet-health.js';
import type { EventWithText } from '../journal/events.js';
import { EVENT_ACTIONS, migrationOf } from '../journal/events.js';
import type { Verified } from '../journal/notes.js';
import type { Measures } from './measures.js';
import { ALERT_OUTCOMES, DECISION_OUTCOMES, UnrelievedHosts, decisionOutcome, outcomeOf } from './measures.js';

const MIB = 1024 ** 2;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MOVE_RESULTS = { migrate_success: 'succeeded', migrate_fail: 'failed', migrate_error: 'error' } as const;
const VERIFIED_OUTCOMES: readonly Verified['outcome'][] = ['as_predicted', 'off', 'superseded', 'no_reading'];
/** Of alerts that no rule takes, and of rules that are not in the book: names from outside never become labels. */
const NO_RULE = 'none';

/** What the gauges tell of, asked when somebody scrapes. */
export interface MetricSources {
  rules: () => readonly { name: string }[];
  isBatchRunning: () => boolean;
  isPaused: () => boolean;
  plansWaiting: () => number;
  fleetHealth: () => FleetHealth;
  problems: () => readonly string[];
  journalWriteErrors: () => number;
  /** What all rules together may start within an hour, and within a day, which may hang on the size of the fleet. */
  budget: { migrations: number; memoryMib: number; perDay: () => number };
}

/** What feeds the metrics. */
export interface ServiceMetrics extends Measures {
  /** Events that were recorded. */
  events(rows: readonly EventWithText[]): void;
  /** Events of moves that a former process has recorded, oldest first: for budgets, and for moves that are still under way. */
  past(rows: readonly EventWithText[]): void;
  /** Cloud or store were asked whether they are there. */
  looked(part: keyof FleetHealth, seconds: number): void;
}

/** Registers everything that is measured of the service; whatever can be known in advance is there from the start, with 0. */
export function serviceMetrics(registry: Registry, clock: Clock, sources: () => MetricSources): ServiceMetrics {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <Label extends string>(
    name: string,
    help: string,
    labelNames: Label[],
    collect?: (set: (labels: Partial<Record<Label, string>>, value: number) => void) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      ...(collect && {
        collect(this: Gauge<Label>) {
          this.reset();
          collect((labels, value) => this.set(labels, value));
        },
      }),
    });
  const histogram = <Label extends string>(name: string, help: string, buckets: number[], ...labelNames: Label[]) =>
    new Histogram({ name, help, labelNames, buckets, registers });

  const events = counter('automigrate_events_total', 'Events recorded in the journal, by action', 'action');
  const alerts = counter(
    'automigrate_alerts_total',
    'Alerts received, by sender, by the rule that takes them (none: no rule does) and by what became of them',
    'sender',
    'rule',
    'outcome',
  );
  const moves = counter('automigrate_moves_total', 'Moves that have ended, by rule and result', 'rule', 'result');
  const moved = counter('automigrate_moved_memory_bytes_total', 'Memory of the guests that have arrived', 'rule');
  const moveTime = histogram(
    'automigrate_move_duration_seconds',
    'From the request to the end of a move, by rule and result',
    [1, 5, 10, 30, 60, 120, 300, 600, 1800],
    'rule',
    'result',
  );
  const decisionTime = histogram(
    'automigrate_decision_duration_seconds',
    'What decisions took, asking cloud and metric store included, by rule',
    [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    'rule',
  );
  const decisions = counter('automigrate_decisions_total', 'Decisions, by rule and outcome', 'rule', 'outcome');
  const verifications = counter(
    'automigrate_verifications_total',
    'Predictions held against what came, by rule and outcome',
    'rule',
    'outcome',
  );
  const predictionError = histogram(
    'automigrate_prediction_error_ratio',
    "What predictions were off by at the worst host: of the host's CPU, or memory",
    [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5],
    'rule',
  );
  const readingsAge = gauge(
    'automigrate_readings_age_seconds',
    "Age of the oldest host's reading at the rule's last decision",
    ['rule'],
  );
  const latency = gauge(
    'automigrate_fleet_latency_seconds',
    'What the last look took whether the cloud, or the metric store, is there',
    ['system'],
  );
  gauge('automigrate_cloud_up', 'Whether the cloud answered the last time that it was asked', [], (set) =>
    set({}, sources().fleetHealth().cloud.up ? 1 : 0),
  );
  gauge('automigrate_metrics_up', 'Whether the metric store answered the last time that it was asked', [], (set) =>
    set({}, sources().fleetHealth().metrics.up ? 1 : 0),
  );
  gauge('automigrate_batch_running', 'Whether a batch of migrations runs', [], (set) =>
    set({}, sources().isBatchRunning() ? 1 : 0),
  );
  gauge('automigrate_paused', 'Whether somebody has paused the service', [], (set) =>
    set({}, sources().isPaused() ? 1 : 0),
  );
  gauge('automigrate_plans_waiting', 'Recommended plans that wait for an approval', [], (set) =>
    set({}, sources().plansWaiting()),
  );
  gauge('automigrate_problems', 'What keeps the service from doing its work, as /readyz says it', [], (set) =>
    set({}, sources().problems().length),
  );
  gauge('automigrate_rules', 'Rules in force', [], (set) => set({}, sources().rules().length));
  gauge('automigrate_build_info', 'Version of automigrate and of Node.js, as labels', ['version', 'node'], (set) =>
    set({ version: VERSION, node: process.versions.node }, 1),
  );
  new Counter({
    name: 'automigrate_journal_write_errors_total',
    help: 'Writes of the journal that have failed',
    registers,
    collect() {
      this.reset();
      this.inc(sources().journalWriteErrors());
    },
  });

  const begun = new Map<string, number>();
  let started: { at: number; bytes: number }[] = [];
  const within = (ms: number) => started.filter(({ at }) => at > clock.now() - ms);
  gauge(
    'automigrate_budget_remaining_migrations',
    'How many migrations all rules together may still start',
    ['window'],
    (set) => {
      const { migrations, perDay } = sources().budget;
      started = within(DAY_MS);
      set({ window: 'hour' }, Math.max(0, migrations - within(HOUR_MS).length));
      set({ window: 'day' }, Math.max(0, perDay() - started.length));
    },
  );
  gauge(
    'automigrate_budget_remaining_bytes',
    'How much memory of guests all rules together may still move',
    ['window'],
    (set) => {
      const used = within(HOUR_MS).reduce((sum, { bytes }) => sum + bytes, 0);
      set({ window: 'hour' }, Math.max(0, sources().budget.memoryMib * MIB - used));
    },
  );

  const known = new Set<string>();
  /** A rule's name as a label; with its first use all that it can have is there with 0. */
  const labelOf = (rule: string | undefined): string => (rule !== undefined && known.has(rule) ? rule : NO_RULE);
  const begin = (rule: string): void => {
    known.add(rule);
    for (const sender of SENDERS) {
      for (const outcome of ALERT_OUTCOMES) alerts.inc({ sender, rule, outcome }, 0);
    }
    if (rule === NO_RULE) return;
    moved.inc({ rule }, 0);
    decisionTime.zero({ rule });
    predictionError.zero({ rule });
    for (const result of Object.values(MOVE_RESULTS)) {
      moves.inc({ rule, result }, 0);
      moveTime.zero({ rule, result });
    }
    for (const outcome of DECISION_OUTCOMES) decisions.inc({ rule, outcome }, 0);
    for (const outcome of VERIFIED_OUTCOMES) verifications.inc({ rule, outcome }, 0);
  };
  const unrelieved = new UnrelievedHosts(clock);
  gauge(
    'automigrate_hosts_unrelieved',
    'Hosts past their threshold that the last decision on them did not relieve, by rule; forgotten after six hours without a word',
    ['rule'],
    (set) => {
      // Rules come and go while the service runs: this is asked for with every scrape.
      for (const { name } of sources().rules()) if (!known.has(name)) begin(name);
      const counts = unrelieved.counts();
      for (const { name } of sources().rules()) set({ rule: name }, counts.get(name) ?? 0);
    },
  );
  begin(NO_RULE);
  for (const action of EVENT_ACTIONS) events.inc({ action }, 0);
  for (const system of ['cloud', 'metrics']) latency.set({ system }, 0);

  const noteRules = () => {
    for (const { name } of sources().rules()) if (!known.has(name)) begin(name);
  };

  const ofMove = (row: EventWithText): void => {
    const notes = migrationOf(row);
    if (!notes) return;
    const key = keyOf(row);
    const at = Date.parse(row.ops_time);
    if (row.action === 'migrating') {
      begun.set(key, at);
      started.push({ at, bytes: notes.guest.vmem_size * MIB });
      return;
    }
    if (row.action !== 'migrate_success' && row.action !== 'migrate_fail' && row.action !== 'migrate_error') return;
    const rule = labelOf(row.obj_name);
    const result = MOVE_RESULTS[row.action];
    moves.inc({ rule, result });
    if (result === 'succeeded') moved.inc({ rule }, notes.guest.vmem_size * MIB);
    const since = begun.get(key);
    begun.delete(key);
    // The machine's clock may have been set back meanwhile.
    if (since !== undefined && at >= since) moveTime.observe({ rule, result }, (at - since) / 1000);
  };

  return {
    events(rows) {
      noteRules();
      for (const row of rows) {
        events.inc({ action: row.action });
        ofMove(row);
        if (row.action !== 'verified') continue;
        const rule = labelOf(row.obj_name);
        const { outcome, off_by: offBy } = row.notes;
        verifications.inc({ rule, outcome });
        if (offBy !== undefined) predictionError.observe({ rule }, Math.abs(offBy) / 100);
      }
    },
    past(rows) {
      for (const row of rows) {
        if (row.action === 'migrating') ofMove(row);
        else begun.delete(keyOf(row));
      }
    },
    alerts(matched, answer) {
      noteRules();
      for (const each of matched) {
        const { alert, match } = each;
        const rule = labelOf(match.matched ? match.rule.name : undefined);
        alerts.inc({ sender: alert.sender, rule, outcome: outcomeOf(each, answer) });
        if (match.matched && alert.state === 'resolved') unrelieved.resolved(match.rule.name, match.hosts);
      }
    },
    decision(request, seconds, decision) {
      noteRules();
      const rule = labelOf(request.rule.name);
      decisionTime.observe({ rule }, seconds);
      decisions.inc({ rule, outcome: decisionOutcome(decision) });
      if (decision?.readingsAgeMs !== undefined) readingsAge.set({ rule }, decision.readingsAgeMs / 1000);
      unrelieved.decided(request, decision);
    },
    looked: (system, seconds) => latency.set({ system }, seconds),
  };
}

/** The same for the beginning and the end of a move. */
function keyOf(row: EventWithText): string {
  return JSON.stringify([row.batch, migrationOf(row)?.guest.id]);
}
