import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BatchView } from '../../src/intake/views.js';
import type { JournalEvent } from '../../src/journal/events.js';
import { until } from './daemon.js';
import { HOSTS, uris } from './testbed.js';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The rule that all stories use; its alert has the same name. */
export const RULE = 'host-cpu-high';

/** Rules and journal of a receiver; they outlive it. */
export interface Home {
  directory: string;
  writeRule(threshold: number, targets?: string[]): Promise<void>;
  remove(): Promise<void>;
}

/** The built program as a process of its own. */
export interface RunningReceiver {
  url: string;
  batch(): Promise<BatchView | null>;
  /** Of the rule, oldest first. */
  events(): Promise<JournalEvent[]>;
  /** Waits for an event of the rule; if it does not come, what came instead is told. */
  event(isIt: (event: JournalEvent) => boolean, limitMs?: number): Promise<JournalEvent>;
  /** Posts the alert as Alertmanager does; what the receiver answered. */
  alert(host: string): Promise<{ status: number; body: unknown }>;
  /** Ends it, and waits for that. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

export async function makeHome(): Promise<Home> {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-home-'));
  return {
    directory,
    writeRule: (threshold, targets = []) =>
      writeFile(
        join(directory, `${RULE}.json`),
        JSON.stringify({
          name: RULE,
          metric: 'cpu.usage_active',
          threshold,
          period: '10s',
          // The stories follow the alerting host: no other is relieved before it alerts.
          relieve: 'alerting',
          // And the cheaper of two guests that are alike: less than a tenth of a GiB lies between them.
          worth: 1,
          target: { hosts: targets },
        }),
      ),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Starts `automigrate serve` on the testbed's hosts and waits until it is ready. */
export async function startReceiver(home: Home, port: number, env: Record<string, string>): Promise<RunningReceiver> {
  const hosts = HOSTS.map((name) => `${name}=${uris(name).uri}|${uris(name).destUri}`);
  const child = spawn(process.execPath, [main, 'serve'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: home.directory,
      PORT: String(port),
      CLOUD: 'libvirt',
      LIBVIRT_URIS: hosts.join(' '),
      LIBVIRT_SAMPLE_INTERVAL: '2s',
      RULES_DIR: home.directory,
      DATA_DIR: join(home.directory, 'data'),
      ...env,
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  const get = async <T>(path: string): Promise<T> => (await (await fetch(url + path)).json()) as T;
  const receiver: RunningReceiver = {
    url,
    batch: async () => (await get<{ batch: BatchView | null }>('/api/batch')).batch,
    events: async () => {
      const { events } = await get<{ events: JournalEvent[] }>(`/api/events?rule=${RULE}`);
      return events.sort((a, b) => a.id - b.id);
    },
    event: (isIt, limitMs) =>
      until(
        'the event is in the journal',
        async () => {
          const events = await receiver.events();
          const found = events.find(isIt);
          if (found) return found;
          throw new Error(events.map(({ action, notes }) => `${action} ${JSON.stringify(notes)}`).join('\n'));
        },
        limitMs,
      ),
    async alert(host) {
      const alert = { status: 'firing', labels: { alertname: RULE, host }, startsAt: new Date().toISOString() };
      const response = await fetch(`${url}/webhooks/alertmanager`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ version: '4', status: 'firing', alerts: [{ ...alert, annotations: {} }] }),
      });
      return { status: response.status, body: await response.json() };
    },
    async kill(signal) {
      child.kill(signal);
      await ended;
    },
  };
  await until('the receiver is ready', async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${said}`);
    return (await fetch(`${url}/readyz`)).ok;
  }).catch(async (error: unknown) => {
    await receiver.kill('SIGKILL');
    throw error;
  });
  return receiver;
}
