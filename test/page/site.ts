import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, vi } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { readConfig } from '../../src/config/read-config.js';
import { startReceiver } from '../../src/app/receiver.js';
import type { Receiver } from '../../src/app/receiver.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { SimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { Simulation } from '../../src/fleet/clouds/scenario.js';
import type { Snapshot } from '../../src/fleet/fleet.js';
import type { RuleFile } from '../../src/rules/rule.js';
import { withCourse } from './fleet.js';

/** A receiver on a free port of loopback over a simulated fleet, as the page meets it. */
export interface Site {
  readonly url: string;
  readonly cloud: SimulatedCloud;
  /** An alert as Alertmanager sends it; how it was answered. */
  alert(rule: string, host: string, token?: string): Promise<{ outcome?: string }>;
  get<Answer>(path: string): Promise<Answer>;
  writeRule(rule: RuleFile): Promise<void>;
  /** Ends the process's part of it; the port is closed then. */
  stop(): Promise<void>;
  /** Begins anew on the same port, data and fleet. */
  start(): Promise<void>;
  /** For good. */
  close(): Promise<void>;
}

/** What {@link openSite} takes. */
export interface SiteOptions {
  fleet: Snapshot;
  rules: RuleFile[];
  simulation?: Partial<Simulation>;
  env?: Record<string, string>;
}

/** Opens it. */
export async function openSite({ fleet, rules, simulation, env = {} }: SiteOptions): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-page-'));
  const rulesDir = join(directory, 'rules');
  await mkdir(rulesDir);
  const write = (rule: RuleFile) => writeFile(join(rulesDir, `${rule.name}.json`), JSON.stringify(rule));
  for (const rule of rules) await write(rule);
  const cloud = createSimulatedCloud(
    { snapshot: fleet, simulation: { bandwidth: 4096, time_scale: 1, averaged: false, fail: [], ...simulation } },
    systemClock,
  );
  let receiver: Receiver | undefined;
  let alerts = 0;
  const start = async () => {
    const port = receiver ? new URL(receiver.url).port : '0';
    const read = readConfig({
      PORT: port,
      RULES_DIR: rulesDir,
      DATA_DIR: join(directory, 'data'),
      JOURNAL_FSYNC: 'false',
      ...env,
    });
    if (!read.ok) throw new Error(read.problems.join('\n'));
    receiver = await startReceiver({
      config: read.config,
      clock: systemClock,
      log: pino({ level: process.env.LOG_LEVEL ?? 'silent' }, process.stderr),
      fleet: { cloud, metrics: withCourse(cloud, () => Date.now()) },
      limits: { firstPauseMs: 100, longestPauseMs: 200 },
    });
  };
  await start();
  const running = () => {
    if (!receiver) throw new Error('the receiver was never started');
    return receiver;
  };
  const site: Site = {
    get url() {
      return running().url;
    },
    cloud,
    start,
    stop: () => running().stop(),
    get: async <Answer>(path: string) => (await (await fetch(site.url + path)).json()) as Answer,
    async writeRule(rule) {
      await write(rule);
      await running().ruleBook.reload();
    },
    async alert(rule, host, token) {
      const alert = { status: 'firing', labels: { alertname: rule, host }, fingerprint: `${host}-${(alerts += 1)}` };
      const response = await fetch(`${site.url}/webhooks/alertmanager`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        body: JSON.stringify({ alerts: [alert] }),
      });
      return (await response.json()) as { outcome?: string };
    },
    async close() {
      await running().stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
  return site;
}

/** Waits until nothing runs. */
export async function settled(site: Site): Promise<void> {
  await vi.waitFor(async () => expect((await site.get<{ batch: unknown }>('/api/batch')).batch).toBeNull(), 30_000);
}
