import { durationText } from '../../common/units.js';
import type { Rule } from '../rule.js';
import type { Door } from './routes.js';
import { doorUrl } from './routes.js';

const ROBOT = 'automigrate';

/** The commands of `climc` that make the robot and an alert for each rule, as a shell script. */
export function cloudpodsCommands(rules: readonly Rule[], door: Door): string {
  const lines = [
    '#!/bin/sh',
    '# Made from the rules of automigrate: `automigrate rules export --for cloudpods`. automigrate has to be up when the robot is',
    '# made: Cloudpods sends its verification message at once. MONITOR_SECRET is the same secret as in the environment of automigrate.',
    'set -eu',
    `climc notify-robot-create --type webhook --address ${quoted(doorUrl(door, 'monitor'))} --secret-key "$MONITOR_SECRET" ${ROBOT}`,
    ...rules.flatMap(alertOf),
  ];
  return `${lines.join('\n')}\n`;
}

function alertOf(rule: Rule): string[] {
  const { metric, threshold, periodMs, match, source } = rule;
  const comments: string[] = [];
  if (source.hosts.length > 0) {
    comments.push(
      '# The alert is for every host: for the hosts that the rule does not relieve it is answered, and moves nothing.',
    );
  }
  if (Object.keys(match.labels).length > 0) {
    comments.push(
      `# The monitor service sends no labels: the rule wants ${Object.keys(match.labels).join(', ')}, so it takes no such alert.`,
    );
  }
  const cpu = metric === 'cpu.usage_active';
  const options = [
    // Of the type `system` Cloudpods drops the robots, without a word.
    '--alert-type normal --scope system --level important',
    `--robot-ids ${ROBOT}`,
    `--period ${durationText(periodMs)}`,
    ...(cpu ? ['--tag cpu=cpu-total'] : []),
    '--tag res_type=host',
  ];
  const condition = `avg telegraf ${metric} ${cpu ? 'gt' : 'lt'} ${threshold}`;
  return [
    '',
    ...comments,
    `climc monitor-commonalert-create ${options.join(' ')} \\`,
    `  ${condition} ${quoted(match.alert ?? rule.name)}`,
  ];
}

function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
