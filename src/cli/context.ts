import type { Clock } from '../common/clock.js';
import type { Environment } from '../config/given.js';
import type { Terminal } from './terminal.js';

/** Exit statuses that every command shares. `notDone`: the request was fine, and nothing is done all the same. */
export const EXIT = { ok: 0, fault: 1, badInput: 2, notDone: 3 } as const;

/** A fault of what a command was given; each line names what is wrong. Ends the command with the status for that. */
export class InputError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** What a command has to do with besides its arguments. */
export interface CliContext {
  terminal: Terminal;
  clock: Clock;
  /** The environment, with `--rules-dir` and `--data-dir` taken into it; complete once an action runs. */
  env(): Environment;
  /** The directory that `--data-dir` gives, if it does. */
  givenDataDir(): string | undefined;
  rulesDir(): string;
  dataDir(): string;
  /** Sets the exit status; without it a command that ends has gone well. */
  exit(status: number): void;
}

/** Prints what is wrong with the input, one line each, and ends with the status for that. */
export function refuse(context: CliContext, problems: readonly string[]): void {
  for (const problem of problems) context.terminal.err(`${problem}\n`);
  context.exit(EXIT.badInput);
}

/** Prints a value for other programs. */
export function printJson(context: CliContext, value: unknown): void {
  context.terminal.out(`${JSON.stringify(value, null, 2)}\n`);
}
