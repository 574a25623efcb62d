import type { Environment } from '../config/read-config.js';

/** Where a command prints, and what the reader's side can show. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Columns that a line may take; absent if nothing limits it, as in a pipe. */
  width?: number;
  colour: boolean;
}

/** What is used of a stream such as `process.stdout`. */
interface Output {
  write(text: string): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  isTTY?: boolean;
  columns?: number;
}

function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  // `automigrate events | head` has read all it wants.
  if (error.code !== 'EPIPE') throw error;
}

/**
 * The terminal that the process runs in: at a TTY its width (80 if unknown) and colours unless `NO_COLOR` is set;
 * elsewhere no colours, and no limit unless `COLUMNS` sets one.
 */
export function processTerminal(
  env: Environment = process.env,
  stdout: Output = process.stdout,
  stderr: Output = process.stderr,
): Terminal {
  stdout.on('error', ignoreClosedPipe);
  stderr.on('error', ignoreClosedPipe);
  const tty = stdout.isTTY === true;
  const columns = /^[1-9]\d{0,4}$/.test(env.COLUMNS ?? '') ? Number(env.COLUMNS) : undefined;
  // Some pseudo-terminals say 0 where they do not know.
  const measured = stdout.columns === 0 ? undefined : stdout.columns;
  const width = tty ? (measured ?? columns ?? 80) : columns;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    ...(width !== undefined && { width }),
    colour: tty && !env.NO_COLOR && env.TERM !== 'dumb',
  };
}
