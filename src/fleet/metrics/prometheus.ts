import { z } from 'zod';
import type { FleetHistory, FleetReadings, HistoryQuery, Metrics, MetricsQuery, Reading, Sample } from '../fleet.js';
import { FleetError } from '../fleet.js';
import { pongOf } from '../http-client.js';
import type { PresetName, Question } from './presets.js';
import { ownQuestion, PRESETS } from './presets.js';
import { historyQuery, meansQuery, namesQuery, PART } from './promql.js';
import type { Answers, Series, Subject } from './readings.js';
import { assignHistory, assignReadings, namedBy, scopeOf, SUBJECT_OF, SUBJECTS } from './readings.js';
import { historyStepMs, numberOf } from './series.js';
import type { StoreContext, StoreSettings } from './store.js';
import { checkedAnswer, labelKey, openStore } from './store.js';

/** What is known of a Prometheus, VictoriaMetrics, Thanos or Mimir. */
export interface PrometheusSettings extends StoreSettings {
  preset: PresetName;
  /** Sent as a bearer token. */
  token?: string;
  /** Sent as `X-Scope-OrgID`, which chooses the tenant in Mimir and Thanos. */
  tenant?: string;
  /** PromQL instead of the preset's, by subject. */
  queries?: Partial<Record<Subject, string>>;
  hostLabels?: readonly string[];
  guestLabels?: readonly string[];
}

const SYSTEM = 'prometheus';

const labelSet = z.record(z.string(), z.string());
const point = z.tuple([z.number(), z.union([z.string(), z.null()])]);
const envelope = z.object({
  status: z.string(),
  error: z.string().optional(),
  warnings: z.array(z.string()).nullish(),
  isPartial: z.boolean().optional(),
  data: z.unknown().optional(),
});
const vector = z.object({
  resultType: z.literal('vector'),
  result: z.array(z.object({ metric: labelSet, value: point })),
});
const ruleGroups = z.object({
  groups: z.array(
    z.object({
      rules: z.array(
        z.object({
          type: z.string(),
          name: z.string(),
          query: z.string(),
          duration: z.number().default(0),
          labels: labelSet.nullish(),
        }),
      ),
    }),
  ),
});
const matrix = z.object({
  resultType: z.literal('matrix'),
  result: z.array(z.object({ metric: labelSet, values: z.array(point) })),
});

/**
 * A store that speaks PromQL. It is asked once for every subject, and once more for the history of hosts and of guests: means
 * and times are computed there, so that an answer is two numbers a machine however long the period and dense the scrapes.
 */
export function createPrometheusMetrics(settings: PrometheusSettings, context: StoreContext): Metrics {
  const { scrapeIntervalMs, token, tenant } = settings;
  const preset = PRESETS[settings.preset];
  const questions = Object.fromEntries(
    SUBJECTS.map((subject): [Subject, Question] => {
      const own = settings.queries?.[subject];
      return [subject, own === undefined ? preset.questions[subject] : ownQuestion(own)];
    }),
  ) as Record<Subject, Question>;
  const ask = openStore(SYSTEM, settings, context, {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(tenant !== undefined && { 'x-scope-orgid': tenant }),
  });

  const labels = {
    hosts: settings.hostLabels ?? preset.hostLabels,
    guests: settings.guestLabels ?? preset.guestLabels,
  };

  return {
    name: SYSTEM,
    scrapeIntervalMs,
    namedBy: namedBy('label', labels),

    async ping(signal) {
      const what = 'query';
      const answer = await ask({ what, path: '/api/v1/query', form: { query: 'vector(1)' }, signal });
      contentOf(what, answer.body, vector);
      return pongOf(answer);
    },

    async names(signal) {
      const scope = scopeOf({ hosts: [], guests: [] }, labels);
      const namesOf = async (subject: 'hostCpu' | 'guestCpu') => {
        const { kind, what } = SUBJECT_OF[subject];
        const windows = { periodMs: 2 * scrapeIntervalMs, scrapeIntervalMs };
        const form = { query: namesQuery(questions[subject], kind, scope, windows) };
        const { body } = await ask({ what: `names, ${what}`, path: '/api/v1/query', form, signal });
        const { result } = contentOf(what, body, vector);
        return result.flatMap(({ metric }) => labels[kind].flatMap((label) => metric[label] ?? []).slice(0, 1));
      };
      const [hosts, guests] = await Promise.all([namesOf('hostCpu'), namesOf('guestCpu')]);
      return { hosts: [...new Set(hosts)], guests: [...new Set(guests)] };
    },

    async alertingRules(signal) {
      const what = 'alerting rules';
      const { body } = await ask({ what, path: '/api/v1/rules', params: { type: 'alert' }, signal });
      return contentOf(what, body, ruleGroups).groups.flatMap(({ rules }) =>
        // Not every store goes by `type`.
        rules.flatMap(({ type, name, query, duration, labels: found }) =>
          type === 'alerting' ? [{ name, query, forMs: duration * 1000, labels: found ?? {} }] : [],
        ),
      );
    },

    async readings(query: MetricsQuery, signal?: AbortSignal): Promise<FleetReadings> {
      const { periodMs } = query;
      const scope = scopeOf(query, labels);
      const now = context.clock.now();
      const answers: Answers<Reading> = {};
      const askMeans = async (subject: Subject) => {
        const form = {
          query: meansQuery(questions[subject], scope, { periodMs, scrapeIntervalMs }),
          time: seconds(now),
        };
        const { what } = SUBJECT_OF[subject];
        const { body } = await ask({ what, path: '/api/v1/query', form, signal });
        const { result } = contentOf(what, body, vector);
        answers[subject] = pair(result, now - periodMs);
      };
      await Promise.all(scope.subjects.map(askMeans));
      return assignReadings(scope, answers);
    },

    async history({ historyMs, guestHistoryMs, ...fleet }: HistoryQuery, signal?: AbortSignal): Promise<FleetHistory> {
      const scope = scopeOf(fleet, labels);
      const now = context.clock.now();
      const answers: Answers<Sample[]> = {};
      const askHistory = async (kind: 'hosts' | 'guests') => {
        const subjects = scope.subjects.filter((subject) => SUBJECT_OF[subject].kind === kind);
        if (subjects.length === 0) return;
        const stepMs = historyStepMs(kind, historyMs, scrapeIntervalMs);
        const backMs = kind === 'guests' ? (guestHistoryMs ?? historyMs) : historyMs;
        const form = {
          query: historyQuery(questions, subjects, scope, { periodMs: stepMs, scrapeIntervalMs }),
          start: seconds(now - Math.max(0, Math.floor(backMs / stepMs) - 1) * stepMs),
          end: seconds(now),
          step: seconds(stepMs),
        };
        const what = `history of ${kind}`;
        const { body } = await ask({ what, path: '/api/v1/query_range', form, signal });
        Object.assign(answers, bySubject(contentOf(what, body, matrix).result));
      };
      await Promise.all([askHistory('hosts'), askHistory('guests')]);
      // The rate behind each value of a step reaches back over two scrapes more.
      const hostSpanMs = historyStepMs('hosts', historyMs, scrapeIntervalMs) + 2 * scrapeIntervalMs;
      return { hostSpanMs, ...assignHistory(scope, answers) };
    },
  };
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** What an answer holds; half an answer is none. */
function contentOf<T>(what: string, body: unknown, schema: z.ZodType<T>): T {
  const outer = checkedAnswer(SYSTEM, what, envelope, body);
  if (outer.status !== 'success') throw new FleetError(SYSTEM, `${what}: ${outer.error ?? `status ${outer.status}`}`);
  // Newer servers tell these in `infos`. They speak of the query, never of what is missing in the answer.
  const warning = outer.warnings?.find((text) => !text.startsWith('PromQL info:'));
  if (warning !== undefined) throw new FleetError(SYSTEM, `${what}: the answer may be incomplete: ${warning}`);
  if (outer.isPartial === true) throw new FleetError(SYSTEM, `${what}: the answer is partial`);
  return checkedAnswer(SYSTEM, what, schema, outer.data);
}

/**
 * Brings each value together with the time of its newest sample. A series that has a mean and no sample now ended within
 * the period: it is taken to be as old as that.
 */
function pair(result: z.output<typeof vector>['result'], oldest: number): Series<Reading>[] {
  const times = new Map<string, number>();
  const values: { key: string; labels: Record<string, string>; value: number }[] = [];
  for (const { metric, value: sample } of result) {
    const [, text] = sample;
    if (text === null) continue;
    const { [PART]: part, __name__: _name, ...rest } = metric;
    const key = labelKey(rest);
    if (part === 'time') times.set(key, numberOf(text) * 1000);
    else if (part === 'value') values.push({ key, labels: rest, value: numberOf(text) });
  }
  return values.map(({ key, labels: found, value }) => ({
    labels: found,
    found: { value, at: times.get(key) ?? oldest },
  }));
}

function bySubject(result: z.output<typeof matrix>['result']): Answers<Sample[]> {
  const histories: Answers<Sample[]> = {};
  for (const { metric, values } of result) {
    const subject = SUBJECTS.find((name) => name === metric[PART]);
    if (subject === undefined) continue;
    const found = values.flatMap(([at, text]) => (text === null ? [] : [{ at: at * 1000, value: numberOf(text) }]));
    (histories[subject] ??= []).push({ labels: metric, found });
  }
  return histories;
}
