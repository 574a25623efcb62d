import { inspect } from 'node:util';
import type { Alert } from '../../../src/alerts/alert.js';
import { createSimulatedCloud } from '../../../src/fleet/clouds/simulated.js';
import { createBusy } from '../../../src/intake/busy-flag.js';
import { DEFAULT_WATCH_LIMITS } from '../../../src/migration/watch.js';
import type { RuleFile } from '../../../src/rules/rule.js';
import { ruleFileSchema, toRule } from '../../../src/rules/rule.js';
import type { ServiceOptions } from '../../../src/app/service.js';
import { createService } from '../../../src/app/service.js';
import { createVirtualClock } from '../../support/virtual-clock.js';
import { withStays } from './conditions.js';
import type { DayFleet } from './fleet.js';
import { memoryJournal } from './memory-journal.js';

const INTERVAL_MS = 300_000;
const HOUR_MS = 3_600_000;
const THRESHOLD = 80;
const RULE = 'cpu-high';

/** Who decides: the receiver's own planner, another one, or nobody. */
export interface Policy {
  name: string;
  /** Alerts go nowhere. */
  idle?: true;
  planner?: NonNullable<ServiceOptions['planner']>;
  /** Keys of the rule beside name, metric, threshold and period. */
  rule?: Partial<RuleFile>;
}

/** What a day came to. */
export interface DayResult {
  /** Intervals of five minutes in which a host's mean was past the threshold. */
  overloaded: number;
  /** By how much and for how long, in percentage points × hours. */
  area: number;
  migrations: number;
  gib: number;
  /** Guests put back on a host that they left within the hour. */
  returns: number;
  alerts: number;
  /** Alerting hosts for which no or too little room was found. */
  failures: number;
}

/**
 * Lets a fleet live through its day. Every five minutes the guests follow the trace; a host whose mean over ten minutes is
 * past the threshold alerts, all such hosts in one body, and the receiver's own service does what the policy says, on
 * virtual time, with migrations that take memory / bandwidth.
 * @param bandwidth - MiB/s.
 */
export async function runDay(
  { snapshot, usage, stays }: DayFleet,
  policy: Policy,
  bandwidth: number,
): Promise<DayResult> {
  const clock = createVirtualClock(Date.parse(snapshot.taken_at));
  const simulation = { bandwidth, time_scale: 1, fail: [], averaged: true };
  const cloud = createSimulatedCloud({ snapshot, simulation }, clock);
  const seen = withStays(cloud, stays, Date.parse(snapshot.taken_at), () => clock.now());
  const journal = memoryJournal(clock);
  const rule = toRule(
    ruleFileSchema.parse({
      name: RULE,
      metric: 'cpu.usage_active',
      threshold: THRESHOLD,
      period: '10m',
      ...policy.rule,
    }),
  );
  let batches = 0;
  const nothing = () => undefined;
  const service = createService({
    cloud: seen,
    metrics: seen,
    rules: () => [rule],
    journal,
    busy: createBusy(),
    clock,
    newBatchId: () => `batch-${(batches += 1)}`,
    log: {
      info: nothing,
      warn: nothing,
      error: (fields, text) => {
        throw new Error(`${text}: ${inspect(fields)}`);
      },
    },
    limits: DEFAULT_WATCH_LIMITS,
    concurrency: 1,
    requestTimeoutMs: 60_000,
    ...(policy.planner && { planner: policy.planner }),
  });

  const result: DayResult = { overloaded: 0, area: 0, migrations: 0, gib: 0, returns: 0, alerts: 0, failures: 0 };
  const intervals = Math.max(...[...usage.values()].map((course) => course.length));
  let firing = new Map<string, string>();
  for (let interval = 0; interval < intervals; interval += 1) {
    for (const [guest, course] of usage) cloud.setGuestCpu(guest, course[interval] ?? 0);
    await clock.sleep(INTERVAL_MS);

    const { hosts } = await cloud.readings({ hosts: snapshot.hosts, guests: [], periodMs: INTERVAL_MS });
    for (const readings of hosts.values()) {
      const over = (readings['cpu.usage_active']?.value ?? 0) - THRESHOLD;
      if (over <= 0) continue;
      result.overloaded += 1;
      result.area += (over * INTERVAL_MS) / HOUR_MS;
    }
    if (interval === 0) continue;
    const overTen = (await cloud.readings({ hosts: snapshot.hosts, guests: [], periodMs: 2 * INTERVAL_MS })).hosts;
    const before = firing;
    firing = new Map();
    const alerts: Alert[] = [];
    for (const [host, readings] of overTen) {
      if ((readings['cpu.usage_active']?.value ?? 0) > THRESHOLD) {
        firing.set(host, before.get(host) ?? `${host} ${interval}`);
        alerts.push(alert(host, 'firing', `${firing.get(host)} ${interval}`));
      } else if (before.has(host)) {
        alerts.push(alert(host, 'resolved', `${before.get(host)} resolved`));
      }
    }
    result.alerts += firing.size;
    if (alerts.length > 0 && !policy.idle) {
      await service.handleAlerts(alerts);
      // The fleet is asked before the guests go on: a store knows nothing of the interval that begins.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await service.idle();

  const leftAt = new Map<string, number>();
  for (const { action, notes, ops_time } of await journal.events()) {
    if (action === 'find_result_fail') result.failures += 1;
    if (action !== 'migrate_success') continue;
    const { guest, target_host: target } = notes;
    const at = Date.parse(ops_time);
    result.migrations += 1;
    result.gib += guest.vmem_size / 1024;
    if (at - (leftAt.get(`${guest.id} ${target.id}`) ?? -Infinity) <= HOUR_MS) result.returns += 1;
    leftAt.set(`${guest.id} ${guest.host_id}`, at);
  }
  return result;
}

function alert(host: string, state: Alert['state'], key: string): Alert {
  return { sender: 'alertmanager', name: RULE, state, labels: { host_id: host }, key };
}
