import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** What is to stand behind the name of what needs these programs; undefined where all are installed. */
export function whatIsMissing(programs: readonly string[]): string | undefined {
  const missing = programs.filter((each) => !isInstalled(each));
  return missing.length > 0 ? ` (not installed: ${missing.join(', ')})` : undefined;
}

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Waits until something holds. Its last failure is told if it does not in time, by default within a minute. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, limitMs = 60_000): Promise<T> {
  const deadline = Date.now() + limitMs;
  let failure: unknown = 'it does not hold';
  while (Date.now() < deadline) {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found;
    } catch (error) {
      failure = error;
    }
    await delay(100);
  }
  throw new Error(
    `waited ${limitMs / 1000} s until ${what}: ${failure instanceof Error ? failure.message : String(failure)}`,
  );
}

/** A program that a test started. */
export interface Daemon {
  url: string;
  /** Ends it and removes its directory. */
  stop(): Promise<void>;
}

/** Lets a daemon live as long as the test that starts it. */
export async function kept<T extends { stop(): Promise<void> }>(starting: Promise<T>): Promise<T> {
  const started = await starting;
  onTestFinished(() => started.stop());
  return started;
}

/**
 * Starts a program in a directory of its own and waits until it answers.
 * @param prepare - writes what it needs into the directory and gives its arguments.
 * @param ready - the path that answers 2xx once it is up.
 */
export async function startDaemon(
  program: string,
  ready: string,
  prepare: (directory: string, port: number) => Promise<string[]>,
): Promise<Daemon> {
  const directory = await mkdtemp(join(tmpdir(), `automigrate-${program}-`));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log = join(directory, 'log');
  const output = openSync(log, 'w');
  const child = spawn(program, await prepare(directory, port), { stdio: ['ignore', output, output], cwd: directory });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await until(`${program} answers`, async () => {
      if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
      return (await fetch(url + ready)).ok;
    });
  } catch (error) {
    const said = await readFile(log, 'utf8');
    await stop();
    throw new Error(`${program} did not come up: ${said.slice(-2000)}`, { cause: error });
  }
  return { url, stop };
}
