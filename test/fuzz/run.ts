import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { Sender } from '../../src/alerts/alert.js';
import { systemClock } from '../../src/common/clock.js';
import { readConfig } from '../../src/config/read-config.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import { startReceiver } from '../../src/app/receiver.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { Fuzzer } from './bodies.js';
import type { Shot } from './bodies.js';

/** No generator ever makes this word, so no body but the intended one can be about this rule. */
const RULE = 'rule-4f1b7c0de5a94d6f';
const ALLOWED = new Set([200, 400, 413, 415]);
/** An answer that takes longer is a hang, ms. */
const PATIENCE = 20_000;
/** Requests under way at once, each on a connection that is kept. */
const CONNECTIONS = 64;

export interface FuzzOptions {
  bodies: number;
  seed: number;
  /** Directory of the fixtures. */
  fixtures: string;
  onProgress?: (done: number) => void;
}

/** What came of it. */
export interface FuzzResult {
  /** How often each status was answered. */
  statuses: Record<string, number>;
  /** How often each outcome or refusal. */
  outcomes: Record<string, number>;
  /** Bodies whose answer must not be; the first few. */
  bad: { status: number | string; shot: Shot }[];
  /** Calls of the cloud and of the metric store that the bodies led to. */
  asked: number;
  /** The longest answer, ms. */
  slowest: number;
  seconds: number;
  /** Whether the intended alert was taken on, planned and carried out, before and after. */
  intended: [boolean, boolean];
}

function senderOf(name: string): Sender {
  if (name.startsWith('cloudpods')) return 'monitor';
  return name.startsWith('grafana') ? 'grafana' : 'alertmanager';
}

async function readFixtures(directory: string): Promise<{ sender: Sender; body: unknown }[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name) => ({
      sender: senderOf(name),
      body: JSON.parse(await readFile(join(directory, name), 'utf8')) as unknown,
    })),
  );
}

/**
 * Sends bodies to the real receiver (its own process's HTTP server, the simulated cloud, a journal on disk) over real
 * connections, and counts what it answers.
 */
export async function runFuzz({ bodies, seed, fixtures, onProgress }: FuzzOptions): Promise<FuzzResult> {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-fuzz-'));
  const rules = join(directory, 'rules');
  await mkdir(rules);
  await writeFile(
    join(rules, `${RULE}.json`),
    // A short period: the look that follows a batch must be over before bodies are sent.
    JSON.stringify({ name: RULE, metric: 'cpu.usage_active', threshold: 60, period: '2s', cooldown: '0s' }),
  );
  const read = readConfig({ PORT: '0', RULES_DIR: rules, DATA_DIR: join(directory, 'data'), RATE_LIMIT: '0' });
  if (!read.ok) throw new Error(read.problems.join('\n'));
  const simulated = createSimulatedCloud(
    scenario(
      fleet(
        [host('a', 90), host('b', 20), host('c', 25)],
        [
          guest('g', 'a', 60, { vmem_size: 1 }),
          guest('h', 'a', 60, { vmem_size: 1 }),
          guest('i', 'a', 60, { vmem_size: 1 }),
        ],
      ),
    ),
    systemClock,
  );
  let asked = 0;
  const cloud = new Proxy(simulated, {
    get: (target, name, self: unknown) => {
      // Or the look that follows a batch would come a minute later.
      if (name === 'scrapeIntervalMs') return 100;
      const value: unknown = Reflect.get(target, name, self);
      if (typeof value === 'function') asked += 1;
      return value;
    },
  });
  const receiver = await startReceiver({
    config: read.config,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    fleet: { cloud, metrics: cloud },
    limits: { firstPauseMs: 5, longestPauseMs: 5 },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const fire = (shot: Shot) => send(receiver.url, agent, shot);

  /** Sends the one body that is about the rule, and waits for what comes of it. */
  const intend = async (occurrence: string): Promise<boolean> => {
    const alert = { status: 'firing', labels: { alertname: RULE, host: 'a' }, fingerprint: occurrence };
    const { status } = await fire({
      sender: 'alertmanager',
      headers: { 'Content-Type': 'application/json' },
      body: Buffer.from(JSON.stringify({ alerts: [alert] })),
    });
    await receiver.service.idle();
    return status === 202 && asked > 0;
  };

  /** Waits for the look by which the receiver checks what the last batch came to. */
  const verified = async (): Promise<void> => {
    for (;;) {
      const { events } = (await (await fetch(`${receiver.url}/api/events?action=verified`)).json()) as {
        events: object[];
      };
      if (events.length > 0) return;
      await systemClock.sleep(50);
    }
  };

  const fuzzer = new Fuzzer(seed, await readFixtures(fixtures));
  const result: Omit<FuzzResult, 'intended'> = {
    statuses: {},
    outcomes: {},
    bad: [],
    asked: 0,
    slowest: 0,
    seconds: 0,
  };
  const before = await intend('before');
  await verified();
  asked = 0;
  const begun = performance.now();
  let left = bodies;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const shot = fuzzer.next();
      const answer = await fire(shot);
      result.statuses[answer.status] = (result.statuses[answer.status] ?? 0) + 1;
      result.outcomes[answer.outcome] = (result.outcomes[answer.outcome] ?? 0) + 1;
      result.slowest = Math.max(result.slowest, answer.ms);
      const fine = typeof answer.status === 'number' && ALLOWED.has(answer.status);
      if (!fine && result.bad.length < 5) result.bad.push({ status: answer.status, shot });
      const done = bodies - left;
      if (done % 10_000 === 0) onProgress?.(done);
    }
  };
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, work));
    await receiver.service.idle();
    result.seconds = (performance.now() - begun) / 1000;
    result.asked = asked;
    asked = 0;
    return { ...result, intended: [before, await intend('after')] };
  } finally {
    agent.destroy();
    await receiver.stop();
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Answer {
  /** The status, or what went wrong instead. */
  status: number | string;
  outcome: string;
  ms: number;
}

function send(url: string, agent: Agent, { sender, headers, body }: Shot): Promise<Answer> {
  const begun = performance.now();
  return new Promise((resolve) => {
    const end = (status: number | string, text = ''): void => {
      resolve({ status, outcome: wordOf(text), ms: performance.now() - begun });
    };
    const sent = request(`${url}/webhooks/${sender}`, {
      method: 'POST',
      agent,
      headers: { ...headers, 'Content-Length': body.length },
      timeout: PATIENCE,
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', (error) => end(error.message));
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', (error) => end(error.message));
      response.on('end', () => end(response.statusCode ?? 0, Buffer.concat(chunks).toString()));
    });
    sent.end(body);
  });
}

/** What an answer's body says: its outcome and reason, or its error. An answer that is not ours is told as it is. */
function wordOf(text: string): string {
  try {
    const { outcome, reason, error } = JSON.parse(text) as Record<string, unknown>;
    return [outcome, reason, error].filter((word) => typeof word === 'string').join(' ') || 'strange';
  } catch {
    return 'strange';
  }
}
