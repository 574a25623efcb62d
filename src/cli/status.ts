import type { Command } from 'commander';
import type { BatchView, StatusView } from '../intake/views.js';
import { bar } from './bars.js';
import type { CliContext } from './context.js';
import { localTime } from './event-lines.js';
import { paragraph } from './fit.js';
import { receiverCommand, receiverFor, tell } from './receiver-command.js';
import { type Paint, painter } from './terminal.js';
import { printable } from '../common/printable.js';

/** Whether a system answered when it was last looked at. */
interface Reach {
  up: boolean;
  since: string;
  text?: string;
}

interface Spent {
  used: number;
  /** Null where nothing limits it. */
  limit: number | null;
}

/** `GET /api/status`; a receiver of an older version leaves some of it out. */
interface Status extends Omit<StatusView, 'mode'> {
  version?: string;
  mode?: 'auto' | 'recommend';
  ready?: boolean;
  problems?: string[];
  cloud?: Reach;
  metrics?: Reach;
  budget?: { hour: Spent; day: Spent };
}

const BAR = 20;
const OVER: readonly string[] = ['succeeded', 'failed', 'error', 'given_up'];

function reachText(name: string, reach: Reach | undefined, paint: Paint): [string, string][] {
  if (!reach) return [];
  const since = localTime(reach.since);
  if (reach.up) return [[name, `answers, since ${since}`]];
  return [[name, paint('red', `unreachable since ${since}${reach.text === undefined ? '' : `: ${reach.text}`}`)]];
}

function batchText({ id, sender, rules, step, stopped, migrations }: BatchView): string {
  const over = migrations.filter(({ phase }) => OVER.includes(phase)).length;
  const moves = migrations.length > 0 ? `, ${over} of ${migrations.length} moves over` : '';
  const by = stopped ? `, stopped by ${stopped.by}` : '';
  return `${id} (${sender}, ${rules.join(', ')}): ${step}${moves}${by}`;
}

function moveLines({ migrations }: BatchView, paint: Paint): string[] {
  return migrations
    .filter(({ phase }) => phase === 'moving' || phase === 'asking')
    .map(({ notes, progress, status }) => {
      const way = `${notes.guest.name}: ${notes.guest.host} → ${notes.target_host.name}`;
      const done = progress === undefined ? '' : `\n    ${paint('cyan', bar(progress, BAR))} ${progress.toFixed(0)} %`;
      return `  ${printable(way)}${done}${status === undefined ? '' : `  ${printable(status)}`}`;
    });
}

function budgetText({ hour, day }: NonNullable<Status['budget']>): string {
  const spent = ({ used, limit }: Spent) => (limit === null ? `${used}` : `${used} of ${limit}`);
  return `${spent(hour)} migrations of this hour, ${spent(day)} of this day`;
}

/** How the service stands, as lines no wider than the terminal. */
function statusText(status: Status, url: string, { terminal }: CliContext): string[] {
  const paint = painter(terminal.colour);
  const { paused, batch, rules, problems = [] } = status;
  const pairs: [string, string][] = [
    ['receiver', `${url}${status.version === undefined ? '' : `, automigrate ${status.version}`}`],
    ...(paused
      ? ([
          [
            'paused',
            paint(
              'yellow',
              `by ${paused.by} since ${localTime(paused.since)}${paused.until === undefined ? '' : ` until ${localTime(paused.until)}`}: ${paused.reason}`,
            ),
          ],
        ] as [string, string][])
      : []),
    ...(status.mode === undefined
      ? []
      : ([['mode', status.mode === 'auto' ? 'auto' : 'recommend: nothing moves without an approval']] as [
          string,
          string,
        ][])),
    ...problems.map((problem): [string, string] => [
      status.ready === false ? 'not ready' : 'problem',
      paint('red', problem),
    ]),
    ['batch', batch ? batchText(batch) : 'none runs'],
    ...(batch ? moveLines(batch, paint).map((line): [string, string] => ['', line]) : []),
    [
      'plans',
      status.plans_waiting === 0
        ? 'none waits for an approval'
        : `${status.plans_waiting} ${status.plans_waiting === 1 ? 'waits' : 'wait'} for an approval`,
    ],
    ['rules', `${rules.enabled} enabled, ${rules.disabled} disabled`],
    ...reachText('cloud', status.cloud, paint),
    ...reachText('metrics', status.metrics, paint),
    ...(status.budget ? ([['budget', budgetText(status.budget)]] as [string, string][]) : []),
  ];
  return pairs.map(([key, text]) =>
    key === '' ? text : paragraph(printable(text), terminal.width, `${key.padEnd(9)} `, 10),
  );
}

/** `automigrate status`: how the service stands. */
export function statusCommand(context: CliContext): Command {
  const command = receiverCommand('status', 'tell whether it is paused, what runs and what waits');
  return command.action(async () => {
    const receiver = receiverFor(context, command);
    const status = await receiver.get<Status>('/api/status');
    tell(context, command, status, () => statusText(status, receiver.url, context));
  });
}
