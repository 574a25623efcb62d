import type { Command } from 'commander';
import type { PlanView, PlannedLoad } from '../intake/views.js';
import { durationText } from '../common/units.js';
import { bar } from './bars.js';
import type { CliContext } from './context.js';
import { localTime } from './event-lines.js';
import { padded, paragraph } from './fit.js';
import { receiverCommand, receiverFor, tell } from './receiver-command.js';
import { type Paint, type Terminal, painter } from './terminal.js';
import { printable } from '../common/printable.js';

const GIB = 1024 ** 3;
const WIDEST_BAR = 30;
const WAITING: readonly PlanView['state'][] = ['open', 'waiting'];

function figure(metric: PlanView['metric'], value: number): string {
  return metric === 'mem.available' ? `${(value / GIB).toFixed(1)} GiB` : `${value.toFixed(1)} %`;
}

/** A bar before and one after for each host, with the threshold marked where the bar does not reach it. */
export function loadBars(
  loads: readonly PlannedLoad[],
  metric: PlanView['metric'],
  { width }: Pick<Terminal, 'width'>,
  paint: Paint,
): string[] {
  const names = Math.max(0, ...loads.map(({ name }) => printable(name).length));
  // Beside the bar stand the name, "before" and the reading.
  const room = Math.max(8, Math.min(WIDEST_BAR, (width ?? Infinity) - names - 24));
  const full =
    metric === 'mem.available' ? Math.max(...loads.flatMap((load) => [load.before, load.after, load.threshold])) : 100;
  return loads.flatMap(({ name, before, after, threshold }) => {
    const isOver = (value: number) => (metric === 'mem.available' ? value <= threshold : value >= threshold);
    const line = (label: string, when: string, value: number) => {
      const at = Math.min(room - 1, Math.floor((threshold / full) * room));
      const drawn = bar((value / full) * 100, room);
      const marked = drawn[at] === '·' ? `${drawn.slice(0, at)}│${drawn.slice(at + 1)}` : drawn;
      const reading = figure(metric, value).padStart(9);
      return `  ${padded(label, names)} ${when.padEnd(6)} ${paint(isOver(value) ? 'red' : 'green', marked)} ${reading}`;
    };
    return [line(printable(name), 'before', before), line('', 'after', after)];
  });
}

function headOf({ id, rule, state, outcome, cost, expected_s: expected, expires_at, migrations }: PlanView): string {
  const moves = `${migrations.length} ${migrations.length === 1 ? 'move' : 'moves'}`;
  const time = expected === null ? '' : `, about ${durationText(Math.max(1, expected) * 1000)}`;
  const all = outcome === 'partial' ? '; does not relieve every host' : '';
  const until = state === 'open' ? ` until ${localTime(expires_at)}` : '';
  return `${id}  ${rule}  ${state}${until}: ${moves}, ${(cost / 1024).toFixed(1)} GiB to copy${time}${all}`;
}

function planText(plan: PlanView, { terminal }: CliContext): string {
  const paint = painter(terminal.colour);
  const wrap = (text: string, indent: number) =>
    paragraph(printable(text), terminal.width, ' '.repeat(indent), indent + 2);
  const moves = plan.migrations.map(({ guest, target_host: target }) =>
    wrap(`${guest.name}: ${guest.host} → ${target.name} (${guest.vcpu_count} vCPUs, ${guest.vmem_size} MiB)`, 2),
  );
  return [
    paint('bold', wrap(headOf(plan), 0)),
    ...(plan.why === '' ? [] : [wrap(plan.why, 2)]),
    ...moves,
    ...loadBars(plan.loads, plan.metric, terminal, paint),
  ].join('\n');
}

/** `automigrate plans`: what waits for an approval, with the loads before and after. */
export function plansCommand(context: CliContext): Command {
  const command = receiverCommand('plans', 'show the plans that wait for an approval, the newest last');
  return command
    .option('--all', 'those too that were approved, dismissed, replaced, or have expired')
    .action(async ({ all = false }: { all?: boolean }) => {
      const receiver = receiverFor(context, command);
      const { plans } = await receiver.get<{ plans: PlanView[] }>('/api/plans');
      const shown = all ? plans : plans.filter(({ state }) => WAITING.includes(state));
      tell(context, command, shown, () =>
        shown.length === 0
          ? 'no plan waits for an approval'
          : `${shown.map((plan) => planText(plan, context)).join('\n\n')}\n\n"automigrate approve PLAN" carries one out, "automigrate dismiss PLAN --reason X" says no`,
      );
    });
}
