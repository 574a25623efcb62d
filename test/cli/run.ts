import { type CliHandlers, runCli } from '../../src/cli/program.js';
import { systemClock } from '../../src/common/clock.js';
import { written } from '../../src/cli/terminal.js';
import type { Environment } from '../../src/config/given.js';

/** What a command line printed, and how it ended. */
export interface Run {
  status: number;
  out: string;
  err: string;
}

export interface RunOptions {
  env?: Environment;
  width?: number;
  colour?: boolean;
  /** ms since the epoch. */
  now?: number;
  handlers?: Partial<CliHandlers>;
  /** A character that stands for a blank inside a word. */
  spaces?: string;
}

function missing(name: string) {
  return () => Promise.reject(new Error(`${name} was not expected`));
}

/** Runs a command line as a shell would split it at spaces, and keeps what it prints. */
export async function run(
  line: string,
  { env = {}, width, colour = false, now = 0, handlers = {}, spaces }: RunOptions = {},
): Promise<Run> {
  const printed = { out: '', err: '' };
  const terminal = {
    out: (text: string) => void (printed.out += written(text, colour)),
    err: (text: string) => void (printed.err += written(text, false)),
    erase: () => undefined,
    colour,
    ...(width !== undefined && { width }),
  };
  const words = line.split(' ').filter((word) => word !== '');
  const argv = spaces === undefined ? words : words.map((word) => word.replaceAll(spaces, ' '));
  const all = { serve: missing('serve'), readEvents: missing('readEvents'), ...handlers };
  const status = await runCli(argv, all, {
    env,
    terminal,
    clock: { ...systemClock, now: () => now, monotonic: () => 0 },
  });
  return { status, ...printed };
}
