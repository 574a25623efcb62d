/**
 * A storm of webhooks on the real process while a batch of slow migrations runs.
 * Options: --seconds 60 (the storm), --rate 2000 (a second), --burst 5 (seconds of each measurement of throughput).
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { Shooting } from './cannon.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';

const TOKEN = 'a-token-that-is-long-enough';
const PATH = '/webhooks/alertmanager';
const CONNECTIONS = 50;
/** What a webhook may cost: so much of the throughput of a bare route is left. */
const WANTED_RATIO = 0.8;
/** Pairs of measurements of throughput. */
const ROUNDS = 5;

/** What autocannon tells of a run, as far as it is used here. */
interface Shots {
  '2xx': number;
  non2xx: number;
  errors: number;
  timeouts: number;
  /** s. */
  duration: number;
  requests: { average: number };
  latency: { p50: number; p99: number; max: number };
}

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '2000' },
    burst: { type: 'string', default: '5' },
  },
});
const [seconds, rate, burst] = [Number(values.seconds), Number(values.rate), Number(values.burst)];

const alert = (name: string) => ({
  status: 'firing',
  labels: { alertname: 'test-cpu', cluster: 'prod', host: name, instance: `${name}:9100`, severity: 'critical' },
  annotations: { description: `CPU of ${name} is 93.5% for 5m (> 80)`, summary: `High CPU on ${name}` },
  startsAt: '2026-11-21T05:05:00.123Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'http://prometheus.example:9090/graph?g0.expr=instance%3Anode_cpu+%3E+80&g0.tab=1',
});
/** Each sender needs fingerprints of its own, or the receiver takes its alerts for the same occurrence again. */
const body = (from: string) =>
  JSON.stringify({
    version: '4',
    receiver: 'automigrate',
    status: 'firing',
    alerts: [
      { ...alert('a'), fingerprint: `${from}a` },
      { ...alert('b'), fingerprint: `${from}b` },
    ],
    groupLabels: { alertname: 'test-cpu' },
    commonLabels: { alertname: 'test-cpu', cluster: 'prod', severity: 'critical' },
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example:9093',
    groupKey: '{}:{alertname="test-cpu"}',
  });

const children: ChildProcess[] = [];

function start(command: string[], env: NodeJS.ProcessEnv = {}): ChildProcess & { stdout: NodeJS.ReadableStream } {
  const child = spawn(process.execPath, command, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

/** The first line for which `pick` finds something; the rest is read and thrown away, as a log collector would. */
async function lineOf(output: NodeJS.ReadableStream, pick: (line: string) => string | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: output });
    lines.on('line', (line) => {
      const found = pick(line);
      if (found === undefined) return;
      lines.removeAllListeners();
      lines.close();
      output.resume();
      resolve(found);
    });
    lines.on('close', () => reject(new Error('the process ended before it listened')));
  });
}

async function receiver(directory: string, rateLimit: string): Promise<string> {
  await mkdir(join(directory, 'rules'), { recursive: true });
  const rule = { name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60 };
  await writeFile(join(directory, 'rules', 'test-cpu.json'), JSON.stringify(rule));
  const { snapshot, simulation } = scenario(
    fleet([host('a', 70), host('b', 20), host('c', 25)], [guest('g', 'a', 60), guest('h', 'a', 60)]),
    { bandwidth: 1 },
  );
  await writeFile(join(directory, 'scenario.json'), JSON.stringify({ ...snapshot, simulation }));
  const child = start([fileURLToPath(new URL('../../../dist/main.js', import.meta.url)), 'serve'], {
    PORT: '0',
    HOST: '127.0.0.1',
    RULES_DIR: join(directory, 'rules'),
    DATA_DIR: join(directory, 'data'),
    SIMULATION: join(directory, 'scenario.json'),
    MIGRATION_TIMEOUT: '12h',
    WEBHOOK_TOKEN: TOKEN,
    API_TOKEN: TOKEN,
    RATE_LIMIT: rateLimit,
  });
  const url = await lineOf(child.stdout, (line) => (JSON.parse(line) as { url?: string }).url);
  const answer = await fetch(url + PATH, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${TOKEN}` },
    body: body('first'),
  });
  if (answer.status !== 202) throw new Error(`the batch was not taken on: ${answer.status} ${await answer.text()}`);
  for (;;) {
    const asked = await fetch(`${url}/api/batch`, { headers: { Authorization: `Bearer ${TOKEN}` } });
    const { batch } = (await asked.json()) as { batch: { migrations: { phase: string }[] } | null };
    if (batch?.migrations.some(({ phase }) => phase === 'moving')) return url;
    await delay(100);
  }
}

async function shoot(url: string, until: Shooting['until']): Promise<Shots> {
  const shooting: Shooting = {
    url: url + PATH,
    connections: CONNECTIONS,
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${TOKEN}` },
    body: body('<connection>'),
    until,
  };
  const cannon = fileURLToPath(new URL('./cannon.js', import.meta.url));
  const child = spawn(process.execPath, [cannon, JSON.stringify(shooting)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  return JSON.parse(Buffer.concat(chunks).toString()) as Shots;
}

/** Asks /healthz and /metrics again and again until it is told to stop. */
function observe(url: string) {
  const health: number[] = [];
  const memory: number[] = [];
  const stopping = new AbortController();
  const probing = (async () => {
    for (let turn = 0; !stopping.signal.aborted; turn += 1) {
      const before = performance.now();
      const response = await fetch(`${url}/healthz`);
      await response.arrayBuffer();
      health.push(performance.now() - before);
      if (turn % 20 === 0) memory.push(await sample(url, 'process_resident_memory_bytes'));
      await delay(25);
    }
  })();
  return {
    health,
    memory,
    stop: () => {
      stopping.abort();
      return probing;
    },
  };
}

async function sample(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.split(' ').at(-1) ?? 0);
}

const percentile = (list: number[], share: number): number =>
  [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))] ?? 0;
const mib = (bytes = 0): string => `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
const rows: [string, string, string][] = [];
const failures: string[] = [];
const row = (what: string, value: string, target = '', met = true): void => {
  rows.push([what, value, target]);
  if (!met) failures.push(what);
};

async function throughput(directory: string): Promise<void> {
  const bare = await lineOf(start([fileURLToPath(new URL('./bare.js', import.meta.url))]).stdout, (line) => line);
  const ours = await receiver(join(directory, 'throughput'), '1000000');
  const rates: { bare: number; ours: number }[] = [];
  // Pairs, so that whatever else the machine does burdens both alike.
  for (let round = 0; round <= ROUNDS; round += 1) {
    const pair = { bare: 0, ours: 0 };
    for (const [name, url] of [
      ['bare', bare],
      ['ours', ours],
    ] as const) {
      const shots = await shoot(url, { duration: burst });
      const failed = shots.non2xx + shots.errors;
      if (failed > 0) failures.push(`throughput of ${name}: ${failed} failed`);
      pair[name] = shots.requests.average;
    }
    // The first round warms both up.
    if (round > 0) rates.push(pair);
  }
  const middle = (values: number[]): number => percentile(values, 0.5);
  const ratio = middle(rates.map((pair) => pair.ours / pair.bare));
  row('bare Express route, same body', `${middle(rates.map(({ bare: one }) => one)).toFixed(0)}/s`);
  row('automigrate, every webhook dropped', `${middle(rates.map(({ ours: one }) => one)).toFixed(0)}/s`);
  row(`ratio, the middle of ${ROUNDS} pairs`, ratio.toFixed(2), `≥ ${WANTED_RATIO.toFixed(2)}`, ratio >= WANTED_RATIO);
}

async function storm(directory: string): Promise<void> {
  const url = await receiver(join(directory, 'storm'), '3000');
  const counted = () => sample(url, 'automigrate_webhooks_total{sender="alertmanager",outcome="dropped"}');
  const before = await sample(url, 'process_resident_memory_bytes');
  const observer = observe(url);
  const total = rate * seconds;
  const shots = await shoot(url, { amount: total, overallRate: rate });
  await observer.stop();
  const after = await sample(url, 'process_resident_memory_bytes');
  const drops = await counted();
  const events = await sample(url, 'automigrate_events_total{action="dropped"}');
  const lost = total - shots['2xx'];
  const p99 = percentile(observer.health, 0.99);
  const late = observer.memory.slice(Math.floor(observer.memory.length / 2));
  row(`webhooks, ${rate} wanted a second`, `${total} in ${shots.duration.toFixed(1)} s`);
  row('answers lost or refused', String(lost), '0', lost === 0);
  row('answers, p50 / p99 / longest', `${shots.latency.p50} / ${shots.latency.p99} / ${shots.latency.max} ms`);
  row('drops counted', String(drops), `= answers (${shots['2xx']})`, drops === shots['2xx']);
  row('events of drops in the journal', String(events));
  row('memory, start / peak / end', `${mib(before)} / ${mib(Math.max(...observer.memory))} / ${mib(after)}`);
  const grown = Math.max(...late) - (late[0] ?? 0);
  row('memory grown in the second half', mib(grown), '< 64 MiB', grown < 64 * 1024 ** 2);
  row(
    `/healthz, p50 / p99 of ${observer.health.length}`,
    `${percentile(observer.health, 0.5).toFixed(1)} / ${p99.toFixed(1)} ms`,
    'p99 < 50 ms',
    p99 < 50,
  );
}

const directory = await mkdtemp(join(tmpdir(), 'automigrate-storm-'));
try {
  await throughput(directory);
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await storm(directory);
} finally {
  for (const child of children) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
const widths = [0, 1].map((column) => Math.max(...rows.map((cells) => cells[column]!.length)));
for (const [what, value, target] of rows) {
  process.stdout.write(`${what.padEnd(widths[0]!)}  ${value.padEnd(widths[1]!)}  ${target}\n`);
}
for (const failure of failures) process.stdout.write(`missed: ${failure}\n`);
process.exitCode = failures.length > 0 ? 1 : 0;
