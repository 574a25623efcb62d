import { z } from 'zod';
import type { FleetReadings, Metrics, MetricsQuery, Reading, Sample } from '../fleet.js';
import { FleetError } from '../fleet.js';
import type { Field, Span } from './influxql.js';
import { historyStatement, meanStatements } from './influxql.js';
import type { Answers, Series, Subject } from './readings.js';
import { assignReadings, scopeOf } from './readings.js';
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
    hostCpu: { measurement: 'cpu', field: 'usage_active' },
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

/** An InfluxDB 1.x, asked in InfluxQL: all statements in one call, whatever the number of machines. */
export function createInfluxMetrics(settings: InfluxSettings, context: StoreContext): Metrics {
  const { scrapeIntervalMs, database } = settings;
  const fields = { ...TELEGRAF.fields, ...settings.fields };
  const ask = openStore(SYSTEM, settings, context);

  return {
    name: SYSTEM,
    scrapeIntervalMs,

    async readings(query: MetricsQuery, signal?: AbortSignal): Promise<FleetReadings> {
      const { periodMs, historyMs = 0 } = query;
      const scope = scopeOf(query, {
        hosts: settings.hostTags ?? TELEGRAF.hostTags,
        guests: settings.guestTags ?? TELEGRAF.guestTags,
      });
      const { subjects } = scope;
      if (subjects.length === 0) return assignReadings(scope, { readings: {} });
      const to = context.clock.now();
      // A window of one scrape can come out empty.
      const span: Span = { from: to - Math.max(periodMs, 2 * scrapeIntervalMs), to };
      const stepMs = historyStepMs(historyMs, scrapeIntervalMs);
      const statements = subjects.flatMap((subject) => meanStatements(subject, fields[subject], scope, span));
      if (historyMs > 0) {
        // Steps begin at whole multiples: the first one is to be whole.
        const past: Span = { from: Math.ceil((to - historyMs) / stepMs) * stepMs - 1, to };
        statements.push(...subjects.map((subject) => historyStatement(subject, fields[subject], scope, past, stepMs)));
      }
      const body = await ask({
        what: 'query',
        path: '/query',
        params: { db: database, epoch: 'ms' },
        form: { q: statements.join('; ') },
        signal,
      });
      const results = resultsOf(body, statements);

      const answers: Answers = { readings: {}, ...(historyMs > 0 && { histories: {} }) };
      for (const [index, subject] of subjects.entries()) {
        answers.readings[subject] = pair(results[2 * index], results[2 * index + 1]);
        if (answers.histories) {
          answers.histories[subject] = histories(results[2 * subjects.length + index], stepMs, to);
        }
      }
      return assignReadings(scope, answers);
    },
  };
}

/** The results by statement; an error in any, or half an answer, is an error. */
function resultsOf(body: unknown, statements: readonly string[]): Result[] {
  const { error, results } = checkedAnswer(SYSTEM, 'query', answer, body);
  const failed = error ?? results.find((each) => each.error !== undefined)?.error;
  if (failed !== undefined) throw new FleetError(SYSTEM, `query: ${failed}`);
  if (results.some((each) => each.partial === true || each.series.some(({ partial }) => partial === true))) {
    throw new FleetError(SYSTEM, 'query: the answer is partial; see max-row-limit of the server');
  }
  if (results.length !== statements.length) {
    throw new FleetError(SYSTEM, `query: ${results.length} results for ${statements.length} statements`);
  }
  return results;
}

/** Brings each mean together with the time of the last sample. */
function pair(means: Result | undefined, lasts: Result | undefined): Series<Reading>[] {
  const times = new Map<string, number>();
  for (const { tags, values } of lasts?.series ?? []) {
    const [last] = values;
    if (last) times.set(labelKey(tags), last[0]);
  }
  return (means?.series ?? []).flatMap(({ tags, values }) => {
    const value = values[0]?.[1] ?? null;
    const at = times.get(labelKey(tags));
    // A sample that was written between the two statements has a mean in one of them only.
    return value === null || at === undefined ? [] : [{ labels: tags, found: { value: numberOf(value), at } }];
  });
}

/** Each step's mean, at the end of its step. */
function histories(found: Result | undefined, stepMs: number, now: number): Series<Sample[]>[] {
  return (found?.series ?? []).map(({ tags, values }) => ({
    labels: tags,
    found: values.flatMap(([begin, value]) =>
      value === null ? [] : [{ at: Math.min(begin + stepMs, now), value: numberOf(value) }],
    ),
  }));
}
