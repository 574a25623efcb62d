import type { Host, MetricName } from '../../fleet/fleet.js';
import { type RefusalReport, notFoundSentence } from './rejections.js';
import type { PlanCore } from '../model/result.js';

const GIB = 1024 ** 3;

/** A reading as people say it: `62.31 %`, `15.5 GiB`. */
export function sayReading(metric: MetricName, value: number): string {
  return metric === 'cpu.usage_active' ? `${round(value)} %` : `${round(value / GIB)} GiB`;
}

/** An amount as people say it: `2.31 points`, `1.5 GiB`. */
export function sayAmount(metric: MetricName, amount: number): string {
  return sayReading(metric, amount).replace('%', 'points');
}

/** At most two digits behind the point. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** `1 guest`, `2 guests`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * The one sentence of a plan.
 * @param plan - all of it but the sentence and the rejections.
 * @param unread - alerting hosts without a reading.
 * @param report - who was refused and why.
 * @param unexplained - what the guests of a host do not explain of its reading.
 */
export function sentenceFor(
  plan: PlanCore,
  unread: readonly Host[],
  report: RefusalReport,
  unexplained: readonly string[],
): string {
  const { metric, threshold } = plan;
  const blind = unread.map(({ name }) => `host ${name} has no reading of ${metric}`);
  const limit = sayReading(metric, threshold);
  const changes = changesOf(plan, plan.sources);
  const moving = plan.migrations.filter((move) => !move.preventive).length;
  const preventive = preventiveText(plan);
  switch (plan.outcome) {
    case 'migrate':
      return [`${counted(moving, 'guest')} to move: ${changes.join(', ')} (threshold ${limit})`, ...preventive].join(
        '; ',
      );
    case 'partial': {
      const rest = `not every host gets within the threshold (${limit})`;
      const moves = `${counted(moving, 'guest')} to move, but ${rest}`;
      return [`${moves}: ${changes.join(', ')}`, ...preventive, ...blind, ...unexplained].join('; ');
    }
    case 'not_needed': {
      const readings = plan.sources.flatMap(({ name, current }) =>
        current === undefined ? [] : [`${name} is at ${sayReading(metric, current)}`],
      );
      return `nothing to do: ${readings.join(', ') || 'no host alerts'} (threshold ${limit})`;
    }
    case 'find_result_fail': {
      const sentence = notFoundSentence(report);
      const nobody = sentence === '' && blind.length < plan.sources.length ? [noCandidate(plan, report)] : [];
      return `find result to migrate: ${[sentence, ...nobody, ...blind].filter((part) => part !== '').join('; ')}`;
    }
  }
}

function changesOf({ metric }: PlanCore, hosts: PlanCore['sources']): string[] {
  return hosts.flatMap(({ name, current, predicted }) =>
    current === undefined || predicted === undefined || current === predicted
      ? []
      : [`${name} goes from ${sayReading(metric, current)} to ${sayReading(metric, predicted)}`],
  );
}

/** What moves though its host does not alert. */
function preventiveText(plan: PlanCore): string[] {
  const count = plan.migrations.filter(({ preventive }) => preventive).length;
  if (count === 0) return [];
  return [
    `${counted(count, 'guest')} more before their hosts alert: ${changesOf(plan, plan.prevented ?? []).join(', ')}`,
  ];
}

function noCandidate(plan: PlanCore, { excluded }: RefusalReport): string {
  const hosts = plan.sources.map(({ name }) => name).join(', ');
  if (excluded.length === 0) return `no guest runs on ${hosts}`;
  const few = excluded.slice(0, 20).map(({ guest, exclusion }) => `guest:${guest.name}: ${exclusion.text}`);
  if (excluded.length > few.length) few.push(`and ${excluded.length - few.length} more guests`);
  return `no guest that may move on ${hosts}: [${few.join(', ')}]`;
}
