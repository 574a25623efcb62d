import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import stringWidth from 'string-width';
import type { HostRecord, MetricName } from '../fleet/fleet.js';
import { thresholdOn } from '../balancer/index.js';
import type { RuleFile } from '../rules/rule.js';
import { amountOf } from '../rules/rule.js';
import type { CliContext } from './context.js';
import { localTime } from './event-lines.js';
import { padded } from './fit.js';
import { receiverCommand, receiverFor, tell } from './receiver-command.js';
import { type Paint, painter } from './terminal.js';
import { printable } from '../common/printable.js';

const GIB = 1024 ** 3;
/** So many hosts are shown unless somebody says otherwise. */
const USUAL = 40;

/** A host as `GET /api/fleet?detail=summary` has it. */
interface HostSummary extends Pick<HostRecord, 'id' | 'name' | 'status' | 'enabled' | 'mem_size'> {
  metrics: Partial<Record<MetricName, number>>;
  guest_count: number;
}

interface FleetSummary {
  taken_at: string;
  guests: number;
  hosts: HostSummary[];
}

/** How far a host is from a rule's threshold: points of its capacity, negative where it is past it. */
interface Distance {
  points: number;
  text: string;
}

function covers({ enabled = true, source, ignore }: RuleFile, { id, name }: HostSummary): boolean {
  const has = (list: readonly string[] | undefined) => list?.some((each) => each === id || each === name) === true;
  return enabled && !has(ignore?.hosts) && ((source?.hosts ?? []).length === 0 || has(source?.hosts));
}

function distanceTo(rule: RuleFile, host: HostSummary): Distance | undefined {
  const reading = host.metrics[rule.metric];
  const threshold = thresholdOn(host, amountOf(rule.threshold));
  if (reading === undefined || Number.isNaN(threshold)) return undefined;
  const side = (left: number) => (left < 0 ? 'past it' : 'left');
  if (rule.metric === 'cpu.usage_active') {
    const points = threshold - reading;
    return { points, text: `${Math.abs(points).toFixed(1)} points ${side(points)} (${rule.name}, ${threshold} %)` };
  }
  const left = reading - threshold;
  return {
    points: (left / (host.mem_size * 1024 ** 2)) * 100,
    text: `${(Math.abs(left) / GIB).toFixed(1)} GiB ${side(left)} (${rule.name}, ${(threshold / GIB).toFixed(1)} GiB)`,
  };
}

/** The rule whose threshold a host is nearest to, or farthest past. */
function nearest(rules: readonly RuleFile[], host: HostSummary): Distance | undefined {
  return rules
    .filter((rule) => covers(rule, host))
    .flatMap((rule) => distanceTo(rule, host) ?? [])
    .sort((a, b) => a.points - b.points)[0];
}

function stateText({ status, enabled }: HostSummary, distance: Distance | undefined, paint: Paint): string {
  const state = [...(status === 'online' ? [] : [status]), ...(enabled ? [] : ['disabled'])];
  if (!distance) return [...state, 'no rule with a reading'].join(', ');
  const style = distance.points < 0 ? 'red' : distance.points < 10 ? 'yellow' : 'green';
  return [...state, paint(style, distance.text)].join(', ');
}

const HEADS = ['host', 'CPU', 'memory left', 'guests'];

/** A line a host; how far it is from the threshold stands behind, or below where there is no room. */
function columns(rows: readonly { cells: string[]; state: string }[], { width }: CliContext['terminal'], paint: Paint) {
  const all = [HEADS, ...rows.map(({ cells }) => cells)];
  const widths = HEADS.map((_, index) => Math.max(...all.map((cells) => stringWidth(cells[index] ?? ''))));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, index) => (index === 0 ? padded(cell, widths[0] ?? 0) : cell.padStart(widths[index] ?? 0)))
      .join('  ');
  const fits = rows.every(
    ({ cells, state }) => stringWidth(line(cells)) + 2 + stringWidth(state) <= (width ?? Infinity),
  );
  return [
    paint('bold', `${line(HEADS)}${fits ? '  to the threshold' : ''}`),
    ...rows.map(({ cells, state }) => `${line(cells)}${fits ? '  ' : '\n    '}${state}`),
  ];
}

/** Hosts by their distance to the nearest threshold of a rule; those that are past it come first. */
function fleetText({ taken_at, hosts, guests }: FleetSummary, rules: RuleFile[], most: number, context: CliContext) {
  const { terminal } = context;
  const paint = painter(terminal.colour);
  const sorted = hosts
    .map((host) => ({ host, distance: nearest(rules, host) }))
    .sort(
      (a, b) =>
        (a.distance?.points ?? Infinity) - (b.distance?.points ?? Infinity) || (a.host.name < b.host.name ? -1 : 1),
    );
  const rows = sorted.slice(0, most).map(({ host, distance }) => {
    const { 'cpu.usage_active': cpu, 'mem.available': memory } = host.metrics;
    return {
      cells: [
        printable(host.name),
        cpu === undefined ? '-' : `${cpu.toFixed(1)} %`,
        memory === undefined ? '-' : `${(memory / GIB).toFixed(1)} GiB`,
        String(host.guest_count),
      ],
      state: stateText(host, distance, paint),
    };
  });
  const hidden = sorted.length - rows.length;
  return [
    ...columns(rows, terminal, paint),
    ...(hidden > 0 ? [`and ${hidden} hosts that are farther from it (-n says how many are shown)`] : []),
    `${hosts.length} hosts, ${guests} guests, read at ${localTime(taken_at)}`,
  ];
}

function count(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('Expected a whole number above 0.');
  return Number(text);
}

/** `automigrate fleet`: which hosts are near their threshold, or past it. */
export function fleetCommand(context: CliContext): Command {
  const command = receiverCommand('fleet', 'list the hosts by their distance to the threshold of a rule');
  return command
    .option('-n, --limit <number>', `only so many hosts (default: ${USUAL})`, count)
    .action(async ({ limit = USUAL }: { limit?: number }) => {
      const receiver = receiverFor(context, command);
      const fleet = await receiver.get<FleetSummary>('/api/fleet', { detail: 'summary' });
      const { rules } = await receiver.get<{ rules: RuleFile[] }>('/api/rules');
      tell(context, command, fleet, () => fleetText(fleet, rules, limit, context));
    });
}
