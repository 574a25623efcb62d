import { z } from 'zod';
import type { FleetHistory, FleetReadings, HistoryQuery, Metrics, MetricsQuery, Reading, Sample } from '../fleet.js';
import { FleetError } from '../fleet.js';
import { pongOf } from '../http-client.js';
import type { Field, Span } from './influxql.js';
import { historyStatement, meanStatements, TELEGRAF_CPU } from './influxql.js';
import type { Answers, Series, Subject } from './readings.js';
import { assignHistory, assignReadings, namedBy, scopeOf, SUBJECT_OF } from './readings.js';
import { historyStepMs, numberOf } from './series.js';
import type { StoreContext, StoreSettings } from './store.js';
import { checkedAnswer, labelKey, openStore } from './store.js';

/** What is known of an InfluxDB 1.x. */
export interface InfluxSettings extends StoreSettings {
  database: string;
  /** Where each subject is kept, instead of where Telegraf keeps it. */
  fields?: Partial<Record<Subject, Field>>;
  hostTags?: readonly string[];
  guestTags?: readonly string[];
}

const SYSTEM = 'influxdb';

/** Where Telegraf keeps things, and what its tags are called. */
export const TELEGRAF: { fields: Record<Subject, Field>; hostTags: readonly string[]; guestTags: readonly string[] } = {
  fields: {
    hostCpu: { measurement: TELEGRAF_CPU, field: 'usage_active' },
    hostMemory: { measurement: 'mem', field: 'available' },
    guestCpu: { measurement: 'vm_cpu', field: 'usage_active' },
  },
  hostTags: ['host_id'],
  guestTags: ['vm_id'],
};

const row = z.tuple([z.number(), z.union([z.number(), z.string(), z.null()])]);
const series = z.object({
  tags: z.record(z.string(), z.string()).default({}),
  values: z.array(row),
  partial: z.boolean().optional(),
});
const result = z.object({
  error: z.string().optional(),
  partial: z.boolean().optional(),
  series: z.array(series).default([]),
});
const answer = z.object({ error: z.string().optional(), results: z.array(result).default([]) });
type Result = z.output<typeof result>;
const outcome = z.object({
  error: z.string().optional(),
  results: z.array(z.object({ error: z.string().optional() })).default([]),
});

/** An InfluxDB 1.x, asked in InfluxQL: all statements in one call, whatever the number of machines, and one more for a history. */
export function createInfluxMetrics(settings: InfluxSettings, context: StoreContext): Metrics {
  const { scrapeIntervalMs, database } = settings;
  const fields = { ...TELEGRAF.fields, ...settings.fields };
  const labels = { hosts: settings.hostTags ?? TELEGRAF.hostTags, guests: settings.guestTags ?? TELEGRAF.guestTags };
  const send = openStore(SYSTEM, settings, context);
  const ask = async (what: string, statements: readonly string[], signal: AbortSignal | undefined) => {
    const params = { db: database, epoch: 'ms' };
    const { body } = await send({ what, path: '/query', params, form: { q: statements.join('; ') }, signal });
    return resultsOf(what, body, statements);
  };

  return {
    name: SYSTEM,
    scrapeIntervalMs,
    namedBy: namedBy('tag', labels),

    async ping(signal) {
      const what = 'query';
      // Its rows are names, not samples: only whether it is an answer, and none of an error, counts.
      const params = { db: database };
      const said = await send({ what, path: '/query', params, form: { q: 'SHOW MEASUREMENTS LIMIT 1' }, signal });
      const { error, results } = checkedAnswer(SYSTEM, what, outcome, said.body);
      const failed = error ?? results.find((each) => each.error !== undefined)?.error;
      if (failed !== undefined) throw new FleetError(SYSTEM, `${what}: ${failed}`);
      return pongOf(said);
    },

    async readings(query: MetricsQuery, signal?: AbortSignal): Promise<FleetReadings> {
      const scope = scopeOf(query, labels);
      const { subjects } = scope;
      if (subjects.length === 0) return assignReadings(scope, {});
      // A window of one scrape can come out empty. It has no end: what is dated in the future is to be seen, and refused.
      const span: Span = { from: context.clock.now() - Math.max(query.periodMs, 2 * scrapeIntervalMs) };
      const statements = subjects.flatMap((subject) => meanStatements(subject, fields[subject], scope, span));
      const results = await ask('query', statements, signal);
      const answers: Answers<Reading> = {};
      for (const [index, subject] of subjects.entries()) {
        answers[subject] = pair(results[2 * index], results[2 * index + 1], fields[subject]);
      }
      return assignReadings(scope, answers);
    },

    async history({ historyMs, guestHistoryMs, ...fleet }: HistoryQuery, signal?: AbortSignal): Promise<FleetHistory> {
      const scope = scopeOf(fleet, labels);
      const { subjects } = scope;
      // A value tells of the time since the one before it.
      const hostSpanMs = historyStepMs('hosts', historyMs, scrapeIntervalMs) + scrapeIntervalMs;
      if (subjects.length === 0) return { hostSpanMs, ...assignHistory(scope, {}) };
      const to = context.clock.now();
      const stepOf = (subject: Subject) => historyStepMs(SUBJECT_OF[subject].kind, historyMs, scrapeIntervalMs);
      const statements = subjects.map((subject) => {
        const stepMs = stepOf(subject);
        const backMs = SUBJECT_OF[subject].kind === 'guests' ? (guestHistoryMs ?? historyMs) : historyMs;
        const from = to - Math.max(1, Math.floor(backMs / stepMs)) * stepMs;
        return historyStatement(subject, fields[subject], scope, { from, to }, stepMs);
      });
      const results = await ask('history', statements, signal);
      const answers: Answers<Sample[]> = {};
      for (const [index, subject] of subjects.entries()) {
        answers[subject] = histories(results[index], fields[subject], stepOf(subject));
      }
      return { hostSpanMs, ...assignHistory(scope, answers) };
    },
  };
}

/** The results by statement; an error in any, or half an answer, is an error. */
function resultsOf(what: string, body: unknown, statements: readonly string[]): Result[] {
  const { error, results } = checkedAnswer(SYSTEM, what, answer, body);
  const failed = error ?? results.find((each) => each.error !== undefined)?.error;
  if (failed !== undefined) throw new FleetError(SYSTEM, `${what}: ${failed}`);
  if (results.some((each) => each.partial === true || each.series.some(({ partial }) => partial === true))) {
    throw new FleetError(SYSTEM, `${what}: the answer is partial; see max-row-limit of the server`);
  }
  if (results.length !== statements.length) {
    throw new FleetError(SYSTEM, `${what}: ${results.length} results for ${statements.length} statements`);
  }
  return results;
}

/** Brings each mean together with the time of the last sample. */
function pair(means: Result | undefined, lasts: Result | undefined, field: Field): Series<Reading>[] {
  const times = new Map<string, number>();
  for (const { tags, values } of lasts?.series ?? []) {
    const [last] = values;
    if (last) times.set(labelKey(tags), last[0]);
  }
  return (means?.series ?? []).flatMap(({ tags, values }) => {
    const value = values[0]?.[1] ?? null;
    const at = times.get(labelKey(tags));
    // A sample that was written between the two statements has a mean in one of them only.
    return value === null || at === undefined ? [] : [{ labels: tags, found: { value: scaled(value, field), at } }];
  });
}

/** Each step's mean, at the end of its step. */
function histories(found: Result | undefined, field: Field, stepMs: number): Series<Sample[]>[] {
  return (found?.series ?? []).map(({ tags, values }) => ({
    labels: tags,
    found: values.flatMap(([begin, value]) =>
      value === null ? [] : [{ at: begin + stepMs - 1, value: scaled(value, field) }],
    ),
  }));
}

function scaled(value: number | string, { factor = 1 }: Field): number {
  return numberOf(value) * factor;
}
