import { VERSION } from '../common/version.js';
import { Command, CommanderError } from 'commander';
import { errorMessage } from '../common/error-message.js';
import { completionCommand } from './completion.js';
import { type CliContext, EXIT, InputError, refuse } from './context.js';
import { type ReadEvents, addEventsCommand } from './events.js';
import { helpCommand } from './help.js';
import { addRulesCommand } from './rules.js';
import { renderTable } from './table.js';
import { type Terminal, processTerminal } from './terminal.js';
import { type Clock, systemClock } from '../common/clock.js';
import { NoJournalError } from '../journal/journal.js';
import type { Environment } from '../config/given.js';
import { SetupError } from '../config/setup-error.js';
import { directories } from '../config/read-config.js';
import { VARIABLES } from '../config/variables.js';

/** What stands behind the commands that this file does not carry out itself. */
export interface CliHandlers {
  /** Runs the receiver; resolves with the exit status when it has ended. */
  serve(env: Environment): Promise<number>;
  readEvents: ReadEvents;
  /** Further commands; each is made for this run. A thrown CommanderError carries an exit status too. */
  commands?: readonly ((context: CliContext) => Command)[];
}

/** What a run of the command line takes from its process. */
export interface CliProcess {
  env: Environment;
  terminal: Terminal;
  clock: Clock;
}

interface GlobalOptions {
  config?: string;
  rulesDir?: string;
  dataDir?: string;
}

function variableTable(terminal: Terminal): string {
  const rows = VARIABLES.map((variable) => [variable.name, variable.default, variable.meaning]);
  return renderTable(['variable', 'default', 'meaning'], rows, { ...terminal, colour: false });
}

/** Commands that were made elsewhere print, fail and explain themselves like the ones made here. */
function adopt(parent: Command, command: Command): void {
  command.copyInheritedSettings(parent);
  for (const child of command.commands) adopt(command, child);
}

/**
 * Carries out one command line.
 * @param argv - the arguments, without the program's own name.
 * @param handlers - what stands behind the commands.
 * @param from - environment, terminal and clock; by default those of the process.
 * @returns the exit status: 0 done, 1 a fault, 2 bad input; commands may have further ones.
 */
export async function runCli(
  argv: readonly string[],
  handlers: CliHandlers,
  from: CliProcess = { env: process.env, terminal: processTerminal(), clock: systemClock },
): Promise<number> {
  const { terminal } = from;
  let status: number = EXIT.ok;
  const program = new Command('automigrate');
  const context: CliContext = {
    terminal,
    clock: from.clock,
    env: () => {
      const { config, rulesDir, dataDir } = program.opts<GlobalOptions>();
      const named = { ...(config && { CONFIG: config }), ...(rulesDir && { RULES_DIR: rulesDir }) };
      return { ...from.env, ...named, ...(dataDir && { DATA_DIR: dataDir }) };
    },
    givenDataDir: () => program.opts<GlobalOptions>().dataDir,
    rulesDir: () => directories(context.env()).rulesDir,
    dataDir: () => directories(context.env()).dataDir,
    exit: (code) => (status = code),
  };
  program
    .description('Turns monitoring alerts about virtual machine hosts into live migrations, and can say why')
    .version(VERSION)
    .option('--config <file>', 'configuration file (default: $CONFIG)')
    .option('--rules-dir <dir>', 'directory of the rule files (default: $RULES_DIR, or rules)')
    .option('--data-dir <dir>', 'directory of the journal (default: $DATA_DIR, or data)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      getOutHelpWidth: () => terminal.width ?? 100,
      getErrHelpWidth: () => terminal.width ?? 100,
      getOutHasColors: () => terminal.colour,
      getErrHasColors: () => terminal.colour,
    })
    .showHelpAfterError('(--help tells more)')
    .exitOverride();
  program
    .command('serve')
    .description('run the receiver; it is set up by environment variables, and by a configuration file')
    .addHelpText('after', () => `\nEnvironment:\n${variableTable(terminal)}`)
    .action(async () => context.exit(await handlers.serve(context.env())));
  addRulesCommand(program, context);
  addEventsCommand(program, context, handlers.readEvents);
  for (const make of handlers.commands ?? []) program.addCommand(make(context));
  program.addCommand(completionCommand(program, context));
  program.helpCommand(false).addCommand(helpCommand(program, context));
  for (const command of program.commands) adopt(program, command);
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Its own errors end with 1, which here means a fault; it has printed them already.
      return error.code.startsWith('commander.') && error.exitCode === 1 ? EXIT.badInput : error.exitCode;
    }
    if (error instanceof InputError || error instanceof SetupError || error instanceof NoJournalError) {
      refuse(context, error instanceof NoJournalError ? [error.message] : error.problems);
      return EXIT.badInput;
    }
    terminal.err(`automigrate: ${errorMessage(error)}\n`);
    return EXIT.fault;
  }
  return status;
}
