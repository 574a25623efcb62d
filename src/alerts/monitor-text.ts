import { MAX_ALERTS } from './alert.js';
import type { Alert, AlertProblem } from './alert.js';
import { withoutRepeats } from './dedupe.js';
import { METRIC_NAMES } from '../fleet/fleet.js';
import type { MetricName } from '../fleet/fleet.js';
import { fulfils, parseConditions, parseQuantity } from './condition.js';
import type { Condition, Quantity } from './condition.js';
import { decodeEntities } from './entities.js';
import { occurrenceKey } from './labels.js';
import type { ParsedAlerts } from './layout.js';
import { linkIn } from './link.js';

/** The words at the beginning of a line, in both languages of the sender. */
const LINES = {
  name: ['策略名称', 'AlertName'],
  time: ['触发时间', 'Time'],
  level: ['报警级别', 'Level'],
  condition: ['触发条件', 'TriggerCondition'],
  reason: ['触发原因', '原因', 'Reason'],
  count: ['报警数量', 'AlertCount'],
  resources: ['资源名称', 'ResourceName'],
  url: ['详情地址', 'WebUrl'],
} as const;
type LineName = keyof typeof LINES;

const LABELS: ReadonlyMap<string, LineName> = new Map(
  (Object.keys(LINES) as LineName[]).flatMap((name) => LINES[name].map((word) => [word.toLowerCase(), name] as const)),
);
/** No label of a line is longer, characters. */
const LONGEST_LABEL = 100;
/** Up to version 3.11.12: `[Important] [Alerting] <name>`. */
const OLD_HEAD = /^\s*\[[^\]]*\]\s*\[([^\]]*)\]/;
const RECOVERED = /recover|恢复/i;
const VERIFICATION = /^\s*this is a verification message\b/i;

/** What the lines of a text say. */
interface Text {
  fields: Partial<Record<LineName, string>>;
  items: { subject: string; value: string }[];
  /** What the first line of an old text says. */
  mark?: 'firing' | 'resolved';
}

/** Whether a text is what the monitor service sends when a robot is created. */
export function isVerification(text: string): boolean {
  return VERIFICATION.test(text);
}

/** Whether a text has a line that only an alert has. */
export function looksLikeAlertText(text: string): boolean {
  return linesOf(text).some((line) => {
    const name = fieldIn(line)?.name;
    return name === 'name' || name === 'condition' || name === 'resources';
  });
}

/**
 * Reads the monitor service's text, in Chinese or English, with or without the old first line.
 * @param field - where the text stands in the body, for messages.
 * @returns one alert per resource; one without a host if the text lists none.
 */
export function parseMonitorText(text: string, field: string): ParsedAlerts {
  const { fields, items, mark } = readLines(text);
  const name = fields.name ?? '';
  const refused = (message: string): ParsedAlerts => ({ ok: false, problems: [{ field, message }] });
  if (name === '') return refused('has no line "AlertName:" (策略名称)');
  if (items.length > MAX_ALERTS) return refused(`expected at most ${MAX_ALERTS} alerts`);

  const conditions = parseConditions(fields.condition ?? '');
  const common = {
    sender: 'monitor' as const,
    name,
    ...(fields.time ? { startsAt: fields.time } : {}),
    ...linkIn(fields.url),
  };
  const labels: Record<string, string> = fields.level ? { level: fields.level } : {};
  if (items.length === 0) {
    const key = occurrenceKey(['monitor', name, '', '', fields.time ?? '']);
    return { ok: true, alerts: [{ ...common, state: mark ?? 'firing', labels, key }] };
  }

  const alerts: Alert[] = [];
  const problems: AlertProblem[] = [];
  const metrics = [...conditions.map(({ metric }) => metric).filter((metric) => metric !== ''), ...METRIC_NAMES];
  for (const item of items) {
    const subject = splitSubject(item.subject, metrics);
    if (!subject) {
      problems.push({ field, message: `"${item.subject.slice(0, 100)}" is not <host name>.<metric>` });
      continue;
    }
    const { host, metric } = subject;
    const value = parseQuantity(item.value);
    const known = metricName(metric);
    alerts.push({
      ...common,
      state: mark ?? stateOf(value, metric, conditions),
      labels: { ...labels, host, metric },
      ...(known ? { metric: known } : {}),
      ...(value ? { value: value.value } : {}),
      key: occurrenceKey(['monitor', name, host, metric, fields.time ?? '']),
    });
  }
  // One line that cannot be read must not cost the others.
  return alerts.length > 0 ? { ok: true, alerts: withoutRepeats(alerts) } : { ok: false, problems };
}

/**
 * Tells a recovery from an alert by its value: the texts are alike otherwise.
 * What cannot be compared counts as firing, since the fleet is asked again before anything moves.
 */
export function stateOf(
  value: Quantity | undefined,
  metric: string,
  conditions: readonly Condition[],
): 'firing' | 'resolved' {
  const condition =
    conditions.find((one) => one.metric === metric) ?? (conditions.length === 1 ? conditions[0] : undefined);
  return value && condition && fulfils(condition, value) === false ? 'resolved' : 'firing';
}

/** The metric of the name, if rules can watch it. */
export function metricName(text: string): MetricName | undefined {
  return METRIC_NAMES.find((name) => name === text);
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/);
}

/*
 * Lines are cut at their colons rather than matched as a whole: where two parts of a pattern can take the same spaces, a
 * hostile line costs the square of its length.
 */

/** The field that a line begins with, and what it says. */
function fieldIn(line: string): { name: LineName; rest: string } | undefined {
  const colon = line.search(/[:：]/);
  if (colon < 0 || colon > LONGEST_LABEL) return undefined;
  const name = LABELS.get(line.slice(0, colon).trim().toLowerCase());
  return name && { name, rest: line.slice(colon + 1) };
}

/** `- <subject>: <value>`, cut at the last colon: a subject may have some of its own. */
function itemIn(line: string): { subject: string; value: string } | undefined {
  const text = line.trim();
  const colon = Math.max(text.lastIndexOf(':'), text.lastIndexOf('：'));
  if (!/^[-•]/.test(text) || colon < 0) return undefined;
  const [subject, value] = [text.slice(1, colon), text.slice(colon + 1)].map((part) => decodeEntities(part).trim());
  return subject ? { subject, value: value ?? '' } : undefined;
}

function readLines(text: string): Text {
  const read: Text = { fields: {}, items: [] };
  let inResources = false;
  linesOf(text.trim()).forEach((line, index) => {
    const field = fieldIn(line);
    const item = inResources ? itemIn(line) : undefined;
    const head = index === 0 ? OLD_HEAD.exec(line) : null;
    if (field) {
      const { name, rest } = field;
      // The first of its kind counts: a reason of several lines could look like another field.
      read.fields[name] ??= decodeEntities(rest).trim();
      inResources = name === 'resources';
    } else if (item) {
      read.items.push(item);
    } else if (head) {
      read.mark = RECOVERED.test(head[1] ?? '') ? 'resolved' : 'firing';
      const title = decodeEntities(line.slice(head[0].length)).trim();
      if (title !== '') read.fields.name = title;
    }
  });
  return read;
}

/**
 * Cuts `<host name>.<metric>` where the metric begins: a host name may have dots of its own.
 * @param metrics - those that are looked for first; any other is the last two words between dots.
 */
function splitSubject(subject: string, metrics: readonly string[]): { host: string; metric: string } | undefined {
  const known = metrics.find((name) => subject.endsWith(`.${name}`));
  const words = subject.split('.').slice(-2);
  const isMetric = words.length === 2 && words.every((word) => word !== '' && !/\s/.test(word));
  const metric = known ?? (isMetric ? words.join('.') : '');
  const host = subject.slice(0, -metric.length - 1).trim();
  return metric === '' || host === '' || !subject.endsWith(`.${metric}`) ? undefined : { host, metric };
}
