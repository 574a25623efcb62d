import { Command } from 'commander';
import { configFileSchema } from '../config/config-file.js';
import type { SettingInForce } from '../config/read-config.js';
import { readConfig, settingsInForce } from '../config/read-config.js';
import type { CliContext } from './context.js';
import { printJson, refuse } from './context.js';
import { renderTable } from './table.js';

function wordsOf({ source }: SettingInForce): string {
  switch (source.from) {
    case 'default':
      return 'default';
    case 'environment':
      return `environment, ${source.variable}`;
    case 'file':
      return `${source.path}:${source.line}`;
  }
}

/**
 * `automigrate config`: what is in force, and where it comes from, without secrets; `config schema` prints the JSON Schema of the
 * configuration file. Exit status 2 for settings that the receiver would not start with.
 */
export function configCommand(context: CliContext): Command {
  const command = new Command('config')
    .description('print the settings that are in force, and where each comes from; secrets are masked')
    .option('--json', 'print them as JSON')
    .action(({ json }: { json?: boolean }) => {
      const read = readConfig(context.env());
      if (!read.ok) {
        refuse(context, [...read.problems, ...read.warnings]);
        return;
      }
      const settings = settingsInForce(context.env());
      if (json) printJson(context, settings);
      else {
        const rows = settings.map((setting) => [setting.name, setting.value, wordsOf(setting)]);
        context.terminal.out(renderTable(['setting', 'value', 'from'], rows, context.terminal));
      }
      for (const warning of read.warnings) context.terminal.err(`${warning}\n`);
    });
  command
    .command('schema')
    .description('print the JSON Schema of the configuration file')
    .action(() => printJson(context, configFileSchema()));
  return command;
}
