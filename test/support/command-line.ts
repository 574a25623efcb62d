import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import axios from 'axios';
import type { EventWithText } from '../../src/journal/events.js';
import { ensureBuilt, startProgram } from './program.js';

const MAIN = resolve('dist/main.js');

/** What a run of the real program printed, and how it ended. */
export interface CommandRun {
  status: number | null;
  out: string;
  err: string;
}

type Env = Record<string, string>;

/** A program that runs. */
function started(command: string, args: readonly string[], env: Env) {
  const child = spawn(command, args, {
    env: { PATH: process.env.PATH, TZ: 'UTC', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.err += text));
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, ...printed }));
  return {
    ended,
    /** Resolves when what it has printed is enough. */
    async prints(enough: (out: string) => boolean): Promise<void> {
      while (!enough(printed.out)) await Promise.race([once(child.stdout, 'data'), ended]);
    },
    printed: () => printed,
    end: () => child.kill(),
  };
}

const finished = (command: string, args: readonly string[], env: Env): Promise<CommandRun> =>
  started(command, args, env).ended;

/** Runs `automigrate …` with its output in a pipe. */
export const inPipe = (args: readonly string[], env: Env = {}): Promise<CommandRun> =>
  finished(process.execPath, [MAIN, ...args], env);

/** Starts `automigrate …` with its output in a pipe. */
export const inPipeStarted = (args: readonly string[], env: Env = {}) =>
  started(process.execPath, [MAIN, ...args], env);

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

/** Starts `automigrate …` at a terminal of so many columns; stdout and stderr come as one, as they are seen. */
export function inTerminalStarted(args: readonly string[], columns: number, env: Env = {}) {
  const line = [process.execPath, MAIN, ...args].map(quoted).join(' ');
  const shell = `stty cols ${columns} rows 40 -onlcr; exec ${line}`;
  return started('script', ['-qefc', shell, '/dev/null'], { TERM: 'xterm', ...env });
}

/** Runs `automigrate …` at a terminal of so many columns. */
export const seen = (args: readonly string[], columns: number, env: Env = {}): Promise<CommandRun> =>
  inTerminalStarted(args, columns, env).ended;

/** Runs `automigrate …` at a terminal whose output goes on to another program, as in `automigrate events | head -n 1`. */
export const piped = (args: readonly string[], to: string, env: Env = {}): Promise<CommandRun> =>
  finished('bash', ['-c', `set -o pipefail; ${[process.execPath, MAIN, ...args].map(quoted).join(' ')} | ${to}`], env);

/** Text as it is seen: without colours. */
// eslint-disable-next-line no-control-regex -- what starts a colour is a control character
export const bare = (text: string) => text.replaceAll(/\u001b\[[0-9;]*[A-Za-z]/g, '');

/** The receiver in a process of its own, over the simulated cloud, with tokens of two people. */
export async function startReceiver(rules: readonly object[], env: Env = {}) {
  ensureBuilt();
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-cli-'));
  const rulesDir = join(directory, 'rules');
  const dataDir = join(directory, 'data');
  await mkdir(rulesDir);
  const writeRule = (rule: object) =>
    writeFile(join(rulesDir, `${(rule as { name: string }).name}.json`), JSON.stringify(rule));
  for (const rule of rules) await writeRule(rule);
  const secrets = {
    API_TOKEN: 'alice:alice-secret-0123,bob:bob-secret-01234567',
    WEBHOOK_TOKEN: 'webhook-secret-01234',
  };
  const program = startProgram({ RULES_DIR: rulesDir, DATA_DIR: dataDir, ...secrets, ...env });
  const url = await program.listening;
  const http = axios.create({ baseURL: url, proxy: false, validateStatus: () => true });
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
  let alerts = 0;
  return {
    url,
    directory,
    dataDir,
    rulesDir,
    program,
    /** For the commands of alice. */
    env: { AUTOMIGRATE_URL: url, API_TOKEN: 'alice:alice-secret-0123' },
    writeRule,
    /** An alert as Alertmanager sends it; gives the answer. */
    async alert(rule: string, host: string): Promise<{ batch?: string }> {
      alerts += 1;
      const labels = { alertname: rule, host };
      const body = {
        alerts: [{ status: 'firing', labels, fingerprint: `f${alerts}`, startsAt: new Date().toISOString() }],
      };
      return (await http.post<{ batch?: string }>('/webhooks/alertmanager', body, bearer('webhook-secret-01234'))).data;
    },
    async api<Body>(path: string): Promise<Body> {
      return (await http.get<Body>(path, bearer('alice-secret-0123'))).data;
    },
    /** Resolves when the journal has such an event. */
    async recorded(isIt: (event: EventWithText) => boolean): Promise<void> {
      for (;;) {
        const { events } = await this.api<{ events: EventWithText[] }>('/api/events');
        if (events.some(isIt)) return;
        await new Promise((go) => setTimeout(go, 50));
      }
    },
    /** Resolves when no batch runs any more. */
    async idle(): Promise<void> {
      while ((await this.api<{ batch: unknown }>('/api/batch')).batch !== null)
        await new Promise((go) => setTimeout(go, 50));
    },
    async end(): Promise<void> {
      program.kill('SIGTERM');
      await program.ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
