import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/common/clock.js';
import type { Scenario } from '../../src/fleet/clouds/scenario.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { SimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { JournalEvent } from '../../src/journal/events.js';
import type { RuleFile } from '../../src/rules/rule.js';
import type { LoopbackServer } from '../support/loopback.js';
import { listenOnLoopback } from '../support/loopback.js';
import type { Program } from '../support/program.js';
import { startProgram } from '../support/program.js';
import { serveSimulation } from '../support/simulation-server.js';
import { until } from './daemon.js';
import type { Gate } from './gate.js';
import { openGate } from './gate.js';
import type { ScrapeJob } from './monitoring.js';

const API_TOKEN = 'story';

/** A simulated fleet that real monitoring watches, and the place of a receiver behind a gate. */
export interface Site {
  cloud: SimulatedCloud;
  /** The folder of the rule files. */
  directory: string;
  /** What scrapes the fleet, under Telegraf's names. */
  scrape: ScrapeJob;
  gate: Gate;
  /** Where the senders post to. */
  webhook: string;
  /** Starts the built program on the fleet, with the readings that a Prometheus or VictoriaMetrics has of it. */
  serve(prometheus: string, env: Record<string, string>): Promise<Receiver>;
  close(): Promise<void>;
}

/** The built program as a process of its own. */
export interface Receiver {
  events(): Promise<JournalEvent[]>;
  stop(): Promise<void>;
}

/** Opens a site: fleet, exporter, gate and rule files; the cloud's looks wait for `beforeLook`. */
export async function openSite(
  scenario: Scenario,
  rules: readonly RuleFile[],
  beforeLook: (gate: Gate) => Promise<unknown> = () => Promise.resolve(),
): Promise<Site> {
  const cloud = createSimulatedCloud(scenario, systemClock);
  const gate = await openGate();
  const simulation = await serveSimulation({
    ...cloud,
    inventory: async (...given) => {
      await beforeLook(gate);
      return cloud.inventory(...given);
    },
  });
  const exporter = await exportReadings(cloud);
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-site-'));
  for (const rule of rules) await writeFile(join(directory, `${rule.name}.json`), JSON.stringify(rule));
  const programs: Program[] = [];

  const serve = async (prometheus: string, env: Record<string, string>): Promise<Receiver> => {
    const program = startProgram({
      SIMULATION: simulation.url,
      RULES_DIR: directory,
      DATA_DIR: join(directory, 'data'),
      METRICS: 'prometheus',
      PROMETHEUS_URL: prometheus,
      PROMETHEUS_SCRAPE_INTERVAL: '1s',
      API_TOKEN,
      ...env,
    });
    programs.push(program);
    const url = await program.listening;
    await until('the receiver is ready', async () => (await fetch(`${url}/readyz`)).ok);
    gate.target = url;
    return {
      events: async () => {
        const answer = await fetch(`${url}/api/events`, { headers: { authorization: `Bearer ${API_TOKEN}` } });
        const { events } = (await answer.json()) as { events: JournalEvent[] };
        return events.sort((a, b) => a.id - b.id);
      },
      stop: async () => {
        program.kill('SIGTERM');
        await program.ended;
      },
    };
  };
  return {
    cloud,
    directory,
    scrape: { job_name: 'fleet', static_configs: [{ targets: [new URL(exporter.url).host] }] },
    gate,
    webhook: `${gate.url}/webhooks/alertmanager`,
    serve,
    close: async () => {
      for (const program of programs) program.kill('SIGKILL');
      await Promise.all(programs.map(({ ended }) => ended));
      await Promise.all([simulation.close(), exporter.close(), gate.close()]);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Shows the readings of this moment as Telegraf's output for Prometheus does. */
function exportReadings(cloud: SimulatedCloud): Promise<LoopbackServer> {
  const page = async () => {
    const { hosts, guests } = await cloud.readings({ hosts: [], guests: [], periodMs: 0 });
    const lines = [...hosts].flatMap(([id, metrics]) => [
      `cpu_usage_active{cpu="cpu-total",host_id="${id}"} ${metrics['cpu.usage_active']?.value ?? 'NaN'}`,
      `mem_available{host_id="${id}"} ${metrics['mem.available']?.value ?? 'NaN'}`,
    ]);
    const ofGuests = [...guests].map(
      ([id, metrics]) => `vm_cpu_usage_active{vm_id="${id}"} ${metrics['cpu.usage_active']?.value ?? 'NaN'}`,
    );
    return [...lines, ...ofGuests, ''].join('\n');
  };
  return listenOnLoopback((_request, response) => {
    void page().then((text) => response.setHeader('content-type', 'text/plain; version=0.0.4').end(text));
  });
}
