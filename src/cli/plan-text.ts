import type { Explanation, LoadChange, Plan } from '../balancer/index.js';
import { bar } from './bars.js';

const BAR = 30;
const GIB = 1024 ** 3;

/** Marks the threshold where a bar does not reach it. */
function marked(line: string, threshold: number): string {
  const at = Math.floor(threshold * BAR);
  return line[at] === '·' ? `${line.slice(0, at)}│${line.slice(at + 1)}` : line;
}

function reading(metric: Plan['metric'], value: number): string {
  return metric === 'cpu.usage_active' ? `${value.toFixed(1)} %` : `${(value / GIB).toFixed(1)} GiB`;
}

function amount(metric: Plan['metric'], value: number): string {
  return reading(metric, value).replace('%', 'points');
}

function chart(plan: Plan, loads: readonly LoadChange[]): string[] {
  const width = Math.max(...loads.map(({ name }) => name.length));
  return loads.flatMap(({ name, before, after, full }) => {
    const share = (value: number) => (full > 0 ? value / full : 0);
    const line = (label: string, when: string, value: number) =>
      `  ${label.padEnd(width)}  ${when.padEnd(6)}  ${marked(bar(share(value) * 100, BAR), share(plan.threshold))}  ${reading(plan.metric, value)}`;
    return [line(name, 'before', before), line('', 'after', after)];
  });
}

function refused({ refusedHosts, refusedGuests }: Explanation): string[] {
  const say = (groups: Explanation['refusedHosts']) =>
    groups.map(
      ({ text, examples, count }) => `${text} (${examples.join(', ')}${count > examples.length ? ', …' : ''})`,
    );
  return [
    ...(refusedHosts.length > 0 ? [`Hosts refused: ${say(refusedHosts).join('; ')}`] : []),
    ...(refusedGuests.length > 0 ? [`Guests left out: ${say(refusedGuests).join('; ')}`] : []),
  ];
}

/**
 * A plan as an engineer would tell it: the reading and what has to go, what moves and why that, who was refused,
 * and a bar chart of the hosts concerned.
 * @returns lines without a newline at the end.
 */
export function planText(plan: Plan): string {
  const { explanation } = plan;
  const moves = plan.migrations.map(
    ({ guest, target_host, preventive }) =>
      `  ${guest.name}: ${guest.host} -> ${target_host.name} ` +
      `(${guest.vcpu_count} ${guest.vcpu_count === 1 ? 'vCPU' : 'vCPUs'}, ${guest.vmem_size} MiB, takes ${amount(plan.metric, guest.score)} off its host${preventive ? ', which does not alert yet' : ''})`,
  );
  // The sentence of the documents goes through guests and hosts one by one: it is for the end.
  const chances = explanation.loads.flatMap(({ name, risk }) => (risk ? [`  ${name}: ${risk.text}`] : []));
  const isFailed = plan.outcome === 'find_result_fail';
  const parts: string[][] = [
    [isFailed ? `${plan.outcome}: nothing can move` : `${plan.outcome}: ${plan.notes}`],
    explanation.sources.map(({ text }) => text),
    moves.length > 0 ? [`Moves: ${explanation.chosen}`, ...moves] : [],
    explanation.nextBest ? [`Why not another: ${explanation.nextBest.text}`] : [],
    explanation.missing ? [`What is missing: ${explanation.missing.text}`] : [],
    refused(explanation),
    explanation.loads.length > 0 && plan.outcome !== 'not_needed'
      ? [
          `${plan.metric === 'cpu.usage_active' ? 'CPU load' : 'Available memory'}, threshold ${reading(plan.metric, plan.threshold)}`,
          ...chart(plan, explanation.loads),
        ]
      : [],
    chances.length > 0 ? ['What is to be expected:', ...chances] : [],
    isFailed ? [`In full: ${plan.notes}`] : [],
  ];
  return parts
    .filter((part) => part.length > 0)
    .map((part) => part.join('\n'))
    .join('\n\n');
}
