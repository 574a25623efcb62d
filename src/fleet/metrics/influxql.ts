import { anyOf, influxIdentifier, influxRegex } from './escape.js';
import type { Scope, Subject } from './readings.js';
import { SUBJECT_OF } from './readings.js';

/** Where a subject is kept: `cpu` and `usage_active`. */
export interface Field {
  measurement: string;
  field: string;
}

/** Longer conditions than this are left out, and the answer is searched here: they would cost the store more than they save. */
const LONGEST_BYTES = 14_000;

/** A span of time, ms since the epoch: after `from`, up to and with `to`. */
export interface Span {
  from: number;
  to: number;
}

/** The mean of each series over a span, and its last value with its own time: two statements. */
export function meanStatements(subject: Subject, { measurement, field }: Field, scope: Scope, span: Span): string[] {
  const rest = `FROM ${influxIdentifier(measurement)} WHERE ${condition(subject, scope, span)} GROUP BY *`;
  const name = influxIdentifier(field);
  return [`SELECT mean(${name}) ${rest}`, `SELECT last(${name}) ${rest}`];
}

/** The means of each series over every step of a span. */
export function historyStatement(subject: Subject, from: Field, scope: Scope, span: Span, stepMs: number): string {
  return (
    `SELECT mean(${influxIdentifier(from.field)}) FROM ${influxIdentifier(from.measurement)}` +
    ` WHERE ${condition(subject, scope, span)} GROUP BY time(${stepMs}ms), * fill(none)`
  );
}

function condition(subject: Subject, scope: Scope, { from, to }: Span): string {
  const { kind } = SUBJECT_OF[subject];
  const parts = [`time > ${from}ms`, `time <= ${to}ms`, machines(scope, kind)];
  // Telegraf writes a row a core and one for all of them; others write none but that, without the tag.
  if (subject === 'hostCpu') parts.push(`("cpu" = 'cpu-total' OR "cpu" = '')`);
  return parts.join(' AND ');
}

function machines(scope: Scope, kind: 'hosts' | 'guests'): string {
  const tags = scope.labels[kind].map(influxIdentifier);
  const names = anyOf(scope.directories[kind].names);
  const pattern = influxRegex(kind === 'hosts' ? `^\\[?(?:${names})\\]?(?::[0-9]+)?$` : `^(?:${names})$`);
  const only = Buffer.byteLength(pattern) * tags.length <= LONGEST_BYTES;
  return `(${tags.map((tag) => (only ? `${tag} =~ ${pattern}` : `${tag} != ''`)).join(' OR ')})`;
}
