import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export const MAIN = resolve('dist/main.js');

/** The real program, `automigrate serve`, in a process of its own. */
export interface Program {
  /** Resolves with its address once it listens; rejects with what it printed if it ends before. */
  listening: Promise<string>;
  /** Resolves when it has ended. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
  /** What it has printed, logs and complaints. */
  output(): string;
}

/** Builds the program if its source is newer than what stands in `dist/`. */
export function ensureBuilt(): void {
  const files = readdirSync('src', { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const newest = Math.max(...files.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs));
  const built = statSync(MAIN, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built < newest) execFileSync('npm', ['run', '-s', 'build'], { stdio: 'inherit' });
}

/**
 * Starts the program on a free port, with these variables besides PATH.
 * @param nodeArguments - for node itself.
 * @param command - what it is to do; it prints where it listens.
 */
export function startProgram(
  env: Record<string, string>,
  nodeArguments: string[] = [],
  command: readonly string[] = ['serve'],
): Program {
  const child = spawn(process.execPath, [...nodeArguments, MAIN, ...command], {
    env: { PATH: process.env.PATH, PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  // Not before its last words have been read.
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
  }));
  const listening = new Promise<string>((resolveUrl, reject) => {
    child.stdout.on('data', () => {
      const url = /listening on (https?:\/\/[^"\s]+)/.exec(output)?.[1];
      if (url !== undefined) resolveUrl(url);
    });
    void ended.then(() => reject(new Error(`it ended before it listened:\n${output}`)));
  });
  listening.catch(() => undefined);
  return { listening, ended, output: () => output, kill: (signal) => void child.kill(signal) };
}
