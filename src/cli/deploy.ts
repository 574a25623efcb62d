import { Command, Option } from 'commander';
import type { CliContext } from './context.js';
import { openstackPolicy } from './openstack-policy.js';

/** What can be printed, by its name. */
const FILES: Readonly<Record<string, () => string>> = { 'openstack-policy': openstackPolicy };

/** Makes `automigrate deploy`. */
export function deployCommand(context: CliContext): Command {
  const what = new Option('--for <what>', 'what it is for: openstack-policy, the least rights in Nova, a policy.yaml')
    .choices(Object.keys(FILES))
    .makeOptionMandatory();
  return new Command('deploy')
    .description('print a file that a deployment needs')
    .addOption(what)
    .action(({ for: name }: { for: string }) => context.terminal.out(FILES[name]?.() ?? ''));
}
