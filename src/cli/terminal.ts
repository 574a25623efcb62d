import { printable } from '../common/printable.js';
import type { Environment } from '../config/given.js';

// Marks of styles inside text: noncharacters, so that only this file ever writes an escape sequence. Whoever puts one into a
// name gets a colour at most.
const MARKS = {
  red: '\ufdd1',
  green: '\ufdd2',
  yellow: '\ufdd3',
  cyan: '\ufdd4',
  bold: '\ufdd5',
  dim: '\ufdd6',
} as const;
const END = '\ufdd0';
const SEQUENCES: Readonly<Record<string, string>> = {
  [END]: '\u001b[0m',
  [MARKS.red]: '\u001b[31m',
  [MARKS.green]: '\u001b[32m',
  [MARKS.yellow]: '\u001b[33m',
  [MARKS.cyan]: '\u001b[36m',
  [MARKS.bold]: '\u001b[1m',
  [MARKS.dim]: '\u001b[2m',
};

/** How colours are applied: not at all where the output is no terminal, or NO_COLOR is set. */
export type Paint = (style: keyof typeof MARKS, text: string) => string;

/** A {@link Paint} for an output. The marks that it sets take no column and become escape sequences where they are written. */
export function painter(colours: boolean): Paint {
  return colours ? (style, text) => `${MARKS[style]}${text}${END}` : (_style, text) => text;
}

/** What is written for a text: printable, with the marks of {@link painter} as escape sequences, or without them. */
export function written(text: string, colour: boolean): string {
  return printable(text).replaceAll(/[\ufdd0-\ufdd6]/g, (mark) => (colour ? (SEQUENCES[mark] ?? '') : ''));
}

/** Where a command prints, and what the reader's side can show. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Takes back the last lines, to draw them anew; only at a terminal. */
  erase(lines: number): void;
  /** Columns that a line may take; absent if nothing limits it, as in a pipe. */
  width?: number;
  colour: boolean;
  /** Aborted when nobody reads any more. */
  closed?: AbortSignal;
}

/** What is used of a stream such as `process.stdout`. */
interface Output {
  write(text: string): unknown;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  isTTY?: boolean;
  columns?: number;
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
  const closed = new AbortController();
  const onClosedPipe = (error: NodeJS.ErrnoException) => {
    // `automigrate events | head` has read all it wants.
    if (error.code !== 'EPIPE') throw error;
    closed.abort();
  };
  stdout.on('error', onClosedPipe);
  stderr.on('error', onClosedPipe);
  const tty = stdout.isTTY === true;
  const columns = /^[1-9]\d{0,4}$/.test(env.COLUMNS ?? '') ? Number(env.COLUMNS) : undefined;
  // Some pseudo-terminals say 0 where they do not know.
  const measured = stdout.columns === 0 ? undefined : stdout.columns;
  const width = tty ? (measured ?? columns ?? 80) : columns;
  const colour = tty && !env.NO_COLOR && env.TERM !== 'dumb';
  return {
    out: (text) => void stdout.write(written(text, colour)),
    err: (text) => void stderr.write(written(text, false)),
    erase: (lines) => {
      if (tty) stdout.write(`\u001b[${lines}A\u001b[J`);
    },
    ...(width !== undefined && { width }),
    colour,
    closed: closed.signal,
  };
}
