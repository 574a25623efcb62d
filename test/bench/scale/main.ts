import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { hasPrometheus, prometheusWith } from './prometheus.js';

/**
 * `npm run bench:scale`: the real receiver over a simulated cloud in another process. For each fleet one body of alerts is sent;
 * printed are the time to the answer and to the first migration, what `/healthz` took meanwhile, and the most memory that the
 * receiver has held. Names of fleets as arguments run only those.
 */

interface Case {
  name: string;
  hosts: number;
  guests: number;
  /** Hosts past the threshold. */
  hot: number;
  rules: number;
  /** The hosts that the alerts name. */
  alerts: (index: number) => { name: string; host: string };
  alertCount: number;
  /** Whether guests are moved for it. */
  moves: boolean;
  wanted: string;
  /** Whether the readings and an hour of their course come from a real Prometheus. */
  prometheus?: boolean;
}

const knownHost = (index: number) => ({ name: 'cpu-high', host: `node-${index}` });
const CASES: Case[] = [
  {
    name: '1k-100',
    hosts: 1000,
    guests: 20_000,
    hot: 100,
    rules: 1,
    alertCount: 100,
    alerts: knownHost,
    moves: true,
    wanted: '1 s',
  },
  {
    name: '10k-200',
    hosts: 10_000,
    guests: 200_000,
    hot: 200,
    rules: 1,
    alertCount: 200,
    alerts: knownHost,
    moves: true,
    wanted: '10 s',
  },
  {
    name: '10k-1000',
    hosts: 10_000,
    guests: 200_000,
    hot: 1000,
    rules: 1,
    alertCount: 1000,
    alerts: knownHost,
    moves: true,
    wanted: '20 s, 1 GiB',
  },
  {
    name: '10k-unknown',
    hosts: 10_000,
    guests: 200_000,
    hot: 0,
    rules: 1,
    alertCount: 300,
    alerts: (index) => ({ name: 'cpu-high', host: `stranger-${index}.elsewhere.example` }),
    moves: false,
    wanted: '1 s',
  },
  {
    name: '5k-rules',
    hosts: 1000,
    guests: 20_000,
    hot: 0,
    rules: 5000,
    alertCount: 2000,
    alerts: (index) => ({ name: `rule-${index % 5000}`, host: `stranger-${index}` }),
    moves: false,
    wanted: 'stall of 200 ms',
  },
];

for (const guests of [20_000, 50_000]) {
  const size = { hosts: guests / 20, guests, hot: 20, rules: 1, alertCount: 20, alerts: knownHost, moves: true };
  CASES.push({ name: `prometheus-${guests / 1000}k`, ...size, wanted: 'no stall', prometheus: true });
}

const children: ChildProcess[] = [];
const start = (file: string, args: string[], env: NodeJS.ProcessEnv = {}): ChildProcess => {
  const child = spawn(process.execPath, [file, ...args], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
};

/** Resolves with the first line that tells what is looked for. */
async function lineOf(child: ChildProcess, find: (line: string) => string | undefined): Promise<string> {
  if (!child.stdout) throw new Error('the child has no output');
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
    const found = find(line);
    if (found !== undefined) return found;
  }
  throw new Error('the child ended before it said what was waited for');
}

/** Memory that a process has held at most, MiB. */
async function peakMib(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}

async function probe(url: string, until: AbortSignal): Promise<number[]> {
  const took: number[] = [];
  while (!until.aborted) {
    const before = performance.now();
    await (await fetch(`${url}/healthz`)).arrayBuffer();
    took.push(performance.now() - before);
    await delay(10);
  }
  return took;
}

async function eventsOf(url: string): Promise<{ action: string }[]> {
  return ((await (await fetch(`${url}/api/events?limit=5`)).json()) as { events: { action: string }[] }).events;
}

async function run(one: Case): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-scale-'));
  const simulator = start(fileURLToPath(new URL('./simulator.js', import.meta.url)), [
    String(one.hosts),
    String(one.guests),
    String(one.hot),
  ]);
  let first: number | undefined;
  simulator.stdout?.on('data', (chunk: Buffer) => {
    const found = /first (\d+)/.exec(chunk.toString())?.[1];
    if (found !== undefined) first = Number(found);
  });
  const simulation = await lineOf(simulator, (line) => /listening (\S+)/.exec(line)?.[1]);
  const store = one.prometheus ? await storeFor(directory, simulation) : undefined;
  const rules = join(directory, 'rules');
  await mkdir(rules);
  const ruleNames = one.rules === 1 ? ['cpu-high'] : Array.from({ length: one.rules }, (_, index) => `rule-${index}`);
  for (const name of ruleNames) {
    const rule = { name, metric: 'cpu.usage_active', threshold: 80, period: '5m' };
    await writeFile(join(rules, `${name}.json`), JSON.stringify(rule));
  }
  const receiver = start(fileURLToPath(new URL('../../../../dist/main.js', import.meta.url)), ['serve'], {
    PORT: '0',
    RULES_DIR: rules,
    DATA_DIR: join(directory, 'data'),
    SIMULATION: simulation,
    MIGRATION_CONCURRENCY: '4',
    MIGRATIONS_PER_HOUR: '100000',
    MIGRATIONS_PER_DAY: '1000000',
    GUESTS_PER_DAY: '0',
    MEMORY_PER_HOUR: '100TiB',
    LOG_LEVEL: 'info',
    ...(store && {
      METRICS: 'prometheus',
      PROMETHEUS_PRESET: 'telegraf',
      PROMETHEUS_URL: store.url,
      REQUEST_TIMEOUT: '2m',
    }),
  });
  const url = await lineOf(receiver, (line) => /listening on (http:\/\/[^"\s]+)/.exec(line)?.[1]);
  // The names of the hosts are asked for at the start: that is over before anything is measured.
  const { pid } = receiver;
  if (pid === undefined) throw new Error('the receiver has no process');
  receiver.stdout?.resume();
  await settled(url);

  const done = new AbortController();
  const probing = probe(url, done.signal);
  const startsAt = new Date().toISOString();
  const alerts = Array.from({ length: one.alertCount }, (_, index) => {
    const { name, host } = one.alerts(index);
    return { status: 'firing', labels: { alertname: name, host }, startsAt, fingerprint: `f-${index}` };
  });
  const sent = Date.now();
  const response = await fetch(`${url}/webhooks/alertmanager`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version: '4', status: 'firing', alerts }),
  });
  const answer = (await response.json()) as { outcome?: string; reason?: string };
  const answered = Date.now() - sent;
  const limit = sent + 600_000;
  let last = '';
  while (one.moves && first === undefined && Date.now() < limit) {
    await delay(50);
    last = (await eventsOf(url)).at(-1)?.action ?? '';
    if (['metrics_fail', 'decision_fail', 'find_result_fail'].includes(last)) break;
  }
  const toFirst = first === undefined ? last || '–' : `${((first - sent) / 1000).toFixed(2)} s`;
  await delay(1000);
  done.abort();
  const took = (await probing).sort((a, b) => a - b);
  const percentile = (share: number) =>
    (took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? 0).toFixed(0);
  const memory = (await peakMib(pid)).toFixed(0);
  for (const child of [receiver, simulator]) {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
  await store?.end();
  await rm(directory, { recursive: true, force: true });
  const outcome = [answer.outcome, answer.reason].filter(Boolean).join(' ');
  return `| ${one.name} | ${one.hosts} / ${one.guests} | ${one.alertCount} | ${outcome} | ${answered} ms | ${toFirst} | ${percentile(0.99)} ms | ${percentile(1)} ms | ${memory} MiB | ${one.wanted} |`;
}

/** A Prometheus with the readings of the simulated fleet. */
async function storeFor(directory: string, simulation: string) {
  interface Entry {
    id: string;
    metrics: { 'cpu.usage_active': { value: number } };
  }
  const told = (await (await fetch(`${simulation}/readings`)).json()) as { hosts: Entry[]; guests: Entry[] };
  const values = (list: Entry[]) =>
    list.map(({ id, metrics }): [string, number] => [id, metrics['cpu.usage_active'].value]);
  return prometheusWith(directory, { hosts: values(told.hosts), guests: values(told.guests) });
}

/** Waits until the receiver takes no processor time to speak of: what it does at its start is over. */
async function settled(url: string): Promise<void> {
  let before = -1;
  for (let count = 0; count < 120; count += 1) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const used = Number(/^process_cpu_seconds_total (\S+)/m.exec(text)?.[1] ?? 0);
    if (before >= 0 && used - before < 0.1) return;
    before = used;
    await delay(1000);
  }
}

const wantedNames = process.argv.slice(2);
const out = (line: string) => void process.stdout.write(`${line}\n`);
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
out(`${availableParallelism()} processors, Node ${process.version}; the simulated cloud in another process`);
out(
  '| fleet | hosts / guests | alerts | answer | answered | first migration | healthz p99 | worst | memory | wanted |',
);
out('|---|---|---|---|---|---|---|---|---|---|');
for (const one of CASES) {
  if (wantedNames.length > 0 && !wantedNames.includes(one.name)) continue;
  if (one.prometheus && !(await hasPrometheus())) {
    out(`| ${one.name} | left out: prometheus and promtool are not installed |`);
    continue;
  }
  out(await run(one));
}
process.exit(0);
