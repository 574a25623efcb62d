import { expect } from 'vitest';
import { PART } from '../../../src/fleet/metrics/promql.js';
import { createPrometheusMetrics } from '../../../src/fleet/metrics/prometheus.js';
import type { Subject } from '../../../src/fleet/metrics/readings.js';
import type { StoredSeries, StoreKind } from '../../fleet/metrics/contract.js';

const asked = (query: string): Subject =>
  query.includes('vm_cpu_usage_active') ? 'guestCpu' : query.includes('mem_available') ? 'hostMemory' : 'hostCpu';
const isOfGuests = (query: string) => asked(query) === 'guestCpu';

/** The rounded maximum of all series of a guest, as `round(max by (vm_id) (…), 0.01)` gives it at two steps. */
function maxByGuest(series: readonly StoredSeries[], end: number, step: number) {
  const values = new Map<string, number>();
  for (const { subject, labels, value } of series) {
    if (subject !== 'guestCpu' || labels.vm_id === undefined) continue;
    values.set(labels.vm_id, Math.max(values.get(labels.vm_id) ?? 0, Math.round(Number(value) * 100) / 100));
  }
  return [...values].map(([vm_id, value]) => ({
    metric: { vm_id, [PART]: 'guestCpu' },
    values: [end - step, end].map((at) => [at, String(value)]),
  }));
}
/** A good answer. */
export const success = (resultType: string, result: unknown[]) => ({ status: 'success', data: { resultType, result } });

/** How Prometheus speaks. */
export const prometheus: StoreKind = {
  name: 'prometheus',
  labelWord: 'label',
  // VictoriaMetrics' -search.maxQueryLen.
  longestQuery: 16 * 1024,
  create: (url, context) =>
    createPrometheusMetrics(
      { url: `${url}/select/0/prometheus/`, preset: 'telegraf', scrapeIntervalMs: 60_000 },
      context,
    ),
  answer({ path, form }, series) {
    expect(path).toMatch(/^\/select\/0\/prometheus\/api\/v1\/query/);
    const text = (value: number | string | null) => (value === null ? null : String(value));
    if (path.endsWith('query_range')) {
      const query = form.get('query')!;
      if (isOfGuests(query)) {
        expect(query).toMatch(/^label_replace\(round\(max by \(vm_id\) \(.+\), 0\.01\)/);
        return success('matrix', maxByGuest(series, Number(form.get('end')), Number(form.get('step'))));
      }
      const result = series
        .filter(({ subject }) => subject !== 'guestCpu')
        .map(({ subject, labels, value, at }) => ({
          metric: { ...labels, [PART]: subject },
          values: [60_000, 0].map((before) => [(at - before) / 1000, text(value)]),
        }));
      return success('matrix', result);
    }
    const time = Number(form.get('time'));
    const subject = asked(form.get('query')!);
    const result = series
      .filter((each) => each.subject === subject)
      .flatMap(({ labels, value, at }) => [
        { metric: { __name__: 'kept_by_some', ...labels, [PART]: 'value' }, value: [time, text(value)] },
        { metric: { ...labels, [PART]: 'time' }, value: [time, String(at / 1000)] },
      ]);
    return success('vector', result);
  },
  stepsOf(received) {
    const ranges = received.filter(({ path }) => path.endsWith('query_range'));
    const step = (guests: boolean) =>
      Number(ranges.find(({ form }) => isOfGuests(form.get('query')!) === guests)?.form.get('step')) * 1000;
    return { hosts: step(false), guests: step(true) };
  },
  pong: success('vector', [{ metric: {}, value: [1, '1'] }]),
  noPongs: [{ body: { status: 'error', error: 'no org id' }, says: 'no org id' }],
  refused: {
    'an error inside': {
      body: () => ({ status: 'error', errorType: 'timeout', error: 'query timed out' }),
      says: 'query timed out',
    },
    'a warning': {
      body: (whole) => ({ ...(whole as object), warnings: ['store-2 is unavailable'] }),
      says: 'the answer may be incomplete: store-2 is unavailable',
    },
    'half an answer': { body: (whole) => ({ ...(whole as object), isPartial: true }), says: 'the answer is partial' },
    'a scalar': {
      body: () => ({ status: 'success', data: { resultType: 'scalar', result: [1, '1'] } }),
      says: 'not an answer of this API: resultType',
    },
  },
};
