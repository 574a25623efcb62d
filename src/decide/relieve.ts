import type { Plan, PlannedMigration, Rejection, SearchLimits } from '../balancer/index.js';
import { PLAN_DEADLINE_MS, isOverThreshold, planMigrations } from '../balancer/index.js';
import type { Clock } from '../common/clock.js';
import type { FleetAnswer } from '../fleet/ask.js';
import { askFleet } from '../fleet/ask.js';
import type { Cloud, Host, Metrics, Snapshot } from '../fleet/fleet.js';
import { FleetError } from '../fleet/fleet.js';
import { NoAnswerError, withinTime } from '../fleet/within-time.js';
import type { Journal, MigrationRecord } from '../journal/journal.js';
import type { NewEvent } from '../journal/events.js';
import { toRequest } from '../migration/batch.js';
import { type ListedExclusion as Refusal, constraintsFor, ignoredBy, listed } from '../constraints/index.js';
import { findHost, isRuleSource } from '../fleet/find-host.js';
import type { Rule } from '../rules/rule.js';
import { HISTORY_MS } from './rule-defaults.js';
import type { Log } from '../common/log.js';
import type { Ground } from './steady.js';
import { steadyGround } from './steady.js';

/** What a look at the fleet led to: events to record, and moves to make. */
export interface Relief {
  findings: Pick<NewEvent, 'action' | 'notes'>[];
  migrations: MigrationRecord[];
  /** Price of the plan, MiB. */
  cost: number;
  /** What was planned on what; absent where it did not come to a plan. */
  seen?: Seen;
}

/** The ground of a plan. */
export interface Seen {
  snapshot: Snapshot;
  sourceIds: string[];
  /** What was ruled out besides the boundaries of the rule. */
  refusals: Refusal[];
  plan: Plan;
}

/** Works out a plan. */
export type Planner = (request: {
  snapshot: Snapshot;
  rule: Rule;
  sourceIds: readonly string[];
  refusals: readonly Refusal[];
  limits: SearchLimits;
}) => Plan;

const planByRule: Planner = ({ snapshot, rule, sourceIds, refusals, limits }) => {
  const constraints = constraintsFor({ snapshot, rule, sourceIds, further: [listed(refusals)] });
  return planMigrations({ snapshot, rule, sourceIds, constraints, limits });
};

/** What {@link relieve} needs. */
export interface RelieveOptions {
  cloud: Cloud;
  metrics: Metrics;
  journal: Pick<Journal, 'events'>;
  clock: Clock;
  log: Log;
  requestTimeoutMs: number;
  signal: AbortSignal;
  /** The batch that asks. */
  batch?: string;
  /** By default the balancer, with everything that constrains it. */
  planner?: Planner;
  /** Called when the fleet has answered. A finding ends it there: nothing is planned. */
  onPlanning: (snapshot: Snapshot) => Relief['findings'][number] | undefined;
  /** What is ruled out besides, on the fleet as it is. */
  refuse?: (snapshot: Snapshot) => Refusal[];
}

/** How often a plan is made anew because the cloud would refuse a move of it. */
const MOST_FORECAST_ROUNDS = 10;

/**
 * Asks the fleet again and plans the relief of the alerting hosts.
 * @param hosts - for each alerting host the words that may name it, best first.
 * @returns what to record and what to move; never throws for a system that does not answer, that is a `metrics_fail`.
 */
export async function relieve(rule: Rule, hosts: readonly string[][], options: RelieveOptions): Promise<Relief> {
  let answer: FleetAnswer;
  try {
    const { cloud, metrics, clock, signal, requestTimeoutMs: timeoutMs } = options;
    const { periodMs } = rule;
    answer = await askFleet({ cloud, metrics, clock, signal, timeoutMs, periodMs, historyMs: HISTORY_MS });
    for (const { kind, name, metric, value, reason } of answer.discarded) {
      options.log.warn(
        { rule: rule.name, [kind]: name, metric, value, reason },
        `${reason} reading of ${kind} ${name} not used`,
      );
    }
  } catch (error) {
    options.signal.throwIfAborted();
    if (!(error instanceof FleetError)) throw error;
    return { findings: [{ action: 'metrics_fail', notes: error.message }], migrations: [], cost: 0 };
  }
  const veto = options.onPlanning(answer.snapshot);
  if (veto) return { findings: [veto], migrations: [], cost: 0 };
  const ground = await steadyGround(rule, answer, options);
  const { snapshot } = ground;
  const { sources, alerting, findings } = judgeHosts(rule, hosts, ground);
  if (sources.length === 0) return { findings, migrations: [], cost: 0 };

  const refusals = [...ground.refusals, ...(options.refuse?.(snapshot) ?? [])];
  let plan: Plan;
  try {
    plan = await planWithForecast(ground, alerting, refusals, options);
  } catch (error) {
    if (!(error instanceof NoAnswerError)) throw error;
    findings.push({ action: 'metrics_fail', notes: error.message });
    return { findings, migrations: [], cost: 0 };
  }
  if (plan.outcome === 'find_result_fail' || plan.outcome === 'partial') {
    findings.push({ action: 'find_result_fail', notes: plan.notes });
  }
  const migrations = plan.migrations.map((migration): MigrationRecord => ({
    rule: rule.name,
    notes: toNotes(migration),
    ...allowedBy(rule),
    phase: 'planned',
  }));
  return { findings, migrations, cost: plan.cost, seen: { snapshot, sourceIds: alerting, refusals, plan } };
}

/** Finds the alerting hosts in the inventory and asks whether they still are past the threshold. */
function judgeHosts(rule: Rule, hosts: readonly string[][], { snapshot, doubt }: Ground) {
  const findings: Relief['findings'] = [];
  const sources: Host[] = [];
  const alerting: string[] = [];
  for (const words of hosts) {
    const found = findHost(words, snapshot.hosts);
    if (found.found !== 'host') {
      findings.push({ action: 'ignored', notes: found.text });
      continue;
    }
    const host = snapshot.hosts.find(({ id }) => id === found.host.id);
    if (!host || alerting.includes(host.id)) continue;
    if (!isRuleSource(rule, host)) {
      findings.push({
        action: 'ignored',
        notes: `host ${host.name} is not among the source hosts of rule ${rule.name}`,
      });
      continue;
    }
    const ignored = ignoredBy(rule, 'hosts', host);
    if (ignored !== undefined) {
      findings.push({ action: 'ignored', notes: `host ${host.name} is ${ignored}` });
      continue;
    }
    // An alerting host is no target, whatever its reading says now.
    alerting.push(host.id);
    const current = host.metrics[rule.metric];
    if (current === undefined) {
      const notes = `no current reading of ${rule.metric} for host ${host.name}: nothing is moved on a guess`;
      findings.push({ action: 'metrics_fail', notes });
    } else if (!isOverThreshold(rule.metric, current, rule.threshold)) {
      const notes = `host ${host.name}: ${rule.metric} is ${current}, which does not pass the threshold ${rule.threshold}`;
      findings.push({ action: 'not_needed', notes });
    } else {
      const notes = doubt(host);
      if (notes === undefined) sources.push(host);
      else findings.push({ action: 'not_needed', notes: `host ${host.name}: ${notes}` });
    }
  }
  return { sources, alerting, findings };
}

/** Plans, asks the cloud whether it would let each move happen, and plans anew around what it refuses: `refusals` grows. */
async function planWithForecast(
  { snapshot, rule }: Ground,
  sourceIds: string[],
  refusals: Refusal[],
  options: RelieveOptions,
): Promise<Plan> {
  for (let round = 0; ; round += 1) {
    const limits = { now: () => options.clock.monotonic(), deadlineMs: PLAN_DEADLINE_MS };
    const plan = (options.planner ?? planByRule)({ snapshot, rule, sourceIds, refusals, limits });
    if (!options.cloud.forecast) return plan;
    const refused = await forecast(plan, rule, options);
    if (refused.length === 0) return plan;
    refusals.push(...refused);
    if (round < MOST_FORECAST_ROUNDS) continue;
    const allowed = plan.migrations.filter(
      ({ guest, target_host: target }) =>
        !refused.some(({ guestId, hostId }) => guestId === guest.id && hostId === target.id),
    );
    return { ...plan, outcome: allowed.length > 0 ? 'partial' : 'find_result_fail', migrations: allowed };
  }
}

/**
 * What the cloud refuses of a plan. One that does not say yes to a move refuses it; one that does not answer at all is not
 * asked about the others too, each of which would take as long.
 * @throws NoAnswerError
 */
async function forecast(plan: Plan, rule: Rule, options: RelieveOptions): Promise<Refusal[]> {
  const { cloud, signal, log, requestTimeoutMs: timeoutMs } = options;
  const refused: Refusal[] = [];
  for (const migration of plan.migrations) {
    const request = toRequest({ notes: toNotes(migration), ...allowedBy(rule) });
    let text: string | undefined;
    try {
      const what = `forecast for guest ${migration.guest.name}`;
      const answer = await withinTime({ system: cloud.name, what, timeoutMs, signal }, async (within) =>
        cloud.forecast?.(request, within),
      );
      if (answer && !answer.allowed) text = answer.reason;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof NoAnswerError) throw error;
      // Not knowing is not a yes.
      text = error instanceof Error ? error.message : String(error);
      log.warn({ err: error, guest: migration.guest.name }, 'the cloud could not be asked whether a guest may move');
    }
    if (text === undefined) continue;
    const reason: Rejection['reason'] = 'cloud_refused';
    refused.push({ guestId: migration.guest.id, hostId: migration.target_host.id, reason, text });
  }
  return refused;
}

/** What the rule lets the cloud do for a move. */
function allowedBy({ target: { withLocalDisks } }: Rule): Pick<MigrationRecord, 'options'> {
  return withLocalDisks ? { options: { withLocalDisks } } : {};
}

function toNotes({ guest, target_host: target }: PlannedMigration): MigrationRecord['notes'] {
  const { host, host_id, id, name, score, vcpu_count, vmem_size } = guest;
  return {
    guest: { host, host_id, id, name, score, vcpu_count, vmem_size },
    target_host: { id: target.id, name: target.name, score: target.score },
  };
}
