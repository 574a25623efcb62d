import { anyOf, hostOf, influxIdentifier, influxRegex } from './escape.js';
import type { Scope, Subject } from './readings.js';
import { SUBJECT_OF } from './readings.js';

/** Where a subject is kept: `cpu` and `usage_active`. */
export interface Field {
  measurement: string;
  field: string;
  /** What its numbers are multiplied with to come out in %: 100 where they are ratios. */
  factor?: number;
}

/** Where Telegraf keeps the CPU of hosts: a row a core and one for all of them, told apart by a tag. */
export const TELEGRAF_CPU = 'cpu';

/** Longer conditions than this are left out, and the answer is searched here: they would cost the store more than they save. */
const LONGEST_BYTES = 14_000;

/** A span of time, ms since the epoch: after `from`, up to and with `to`, or whatever comes after. */
export interface Span {
  from: number;
  to?: number;
}

/** The mean of each series over a span, and its last value with its own time: two statements. */
export function meanStatements(subject: Subject, from: Field, scope: Scope, span: Span): string[] {
  const rest = `FROM ${influxIdentifier(from.measurement)} WHERE ${condition(subject, from, scope, span)} GROUP BY *`;
  const name = influxIdentifier(from.field);
  return [`SELECT mean(${name}) ${rest}`, `SELECT last(${name}) ${rest}`];
}

/** The means over every step of a span: of each series of a host, and of one series a guest, for these are many. */
export function historyStatement(
  subject: Subject,
  from: Field,
  scope: Scope,
  span: Required<Span>,
  stepMs: number,
): string {
  const series = SUBJECT_OF[subject].kind === 'guests' ? scope.labels.guests.map(influxIdentifier).join(', ') : '*';
  // Steps begin at whole multiples, shifted so that the last one ends now; the end of a step does not belong to it.
  const step = `time(${stepMs}ms, ${(span.to + 1) % stepMs}ms)`;
  return (
    `SELECT mean(${influxIdentifier(from.field)}) FROM ${influxIdentifier(from.measurement)}` +
    ` WHERE ${condition(subject, from, scope, span)} GROUP BY ${step}, ${series} fill(none)`
  );
}

function condition(subject: Subject, { measurement }: Field, scope: Scope, { from, to }: Span): string {
  const { kind } = SUBJECT_OF[subject];
  const parts = [`time > ${from}ms`, ...(to === undefined ? [] : [`time <= ${to}ms`]), machines(scope, kind)];
  // Others that write into this measurement write none but the row for all, without the tag. In other measurements `cpu` can be a
  // field, as in Proxmox's `cpustat`, and would never be empty.
  if (subject === 'hostCpu' && measurement === TELEGRAF_CPU) parts.push(`("cpu" = 'cpu-total' OR "cpu" = '')`);
  return parts.join(' AND ');
}

function machines(scope: Scope, kind: 'hosts' | 'guests'): string {
  const tags = scope.labels[kind].map(influxIdentifier);
  const names = anyOf(scope.directories[kind].names);
  const pattern = influxRegex(kind === 'hosts' ? `^${hostOf(names)}$` : `^(?:${names})$`);
  const only = Buffer.byteLength(pattern) * tags.length <= LONGEST_BYTES;
  return `(${tags.map((tag) => (only ? `${tag} =~ ${pattern}` : `${tag} != ''`)).join(' OR ')})`;
}
