import { Command } from 'commander';
import stringWidth from 'string-width';
import { type CliContext, printJson } from './context.js';
import { paragraph } from './fit.js';
import { type Receiver, TOKEN_HELP, receiverOf, urlOption } from './receiver-client.js';
import { printable } from '../common/printable.js';

interface Common {
  url?: string;
  json?: true;
}

/**
 * Begins a command that asks the running receiver.
 * @param description - what it does.
 */
export function receiverCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(urlOption())
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', `\nAsks the running receiver.${TOKEN_HELP}`);
}

/** The receiver that the options of a {@link receiverCommand} name. */
export function receiverFor(context: CliContext, command: Command): Receiver {
  return receiverOf(context, command.opts<Common>().url);
}

/** Prints an answer: as it came with `--json`, else in words. */
export function tell<Answer>(
  context: CliContext,
  command: Command,
  answer: Answer,
  words: (answer: Answer) => string | readonly string[],
): void {
  if (command.opts<Common>().json) printJson(context, answer);
  else context.terminal.out(`${fitted([words(answer)].flat().join('\n'), context.terminal.width)}\n`);
}

/** Lines no wider than the terminal: longer ones go on under their beginning. */
function fitted(text: string, width: number | undefined): string {
  return printable(text)
    .split('\n')
    .map((line) => {
      const [blanks = ''] = /^ */.exec(line) ?? [];
      if (width === undefined || stringWidth(line) <= width) return line;
      return paragraph(line.trimStart(), width, blanks, Math.min(blanks.length + 2, Math.floor(width / 2)));
    })
    .join('\n');
}
