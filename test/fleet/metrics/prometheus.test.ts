import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { PART } from '../../../src/fleet/metrics/promql.js';
import type { PrometheusSettings } from '../../../src/fleet/metrics/prometheus.js';
import { createPrometheusMetrics } from '../../../src/fleet/metrics/prometheus.js';
import type { Subject } from '../../../src/fleet/metrics/readings.js';
import { host } from '../../support/fleet.js';
import { createVirtualClock } from '../../support/virtual-clock.js';
import type { StoreKind } from './contract.js';
import { metricsContract } from './contract.js';

const asked = (query: string): Subject =>
  query.includes('vm_cpu_usage_active') ? 'guestCpu' : query.includes('mem_available') ? 'hostMemory' : 'hostCpu';
const success = (resultType: string, result: unknown[]) => ({ status: 'success', data: { resultType, result } });

const kind: StoreKind = {
  name: 'prometheus',
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
      const result = series.map(({ subject, labels, value, at }) => ({
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
metricsContract(kind);

/** The headers with which a store is asked. */
async function headersWith(settings: Partial<PrometheusSettings>) {
  let headers: Record<string, unknown> = {};
  const server = createServer((request, response) => {
    headers = request.headers;
    response.end(JSON.stringify(success('vector', [])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const metrics = createPrometheusMetrics(
    { url, preset: 'pve', scrapeIntervalMs: 15_000, ...settings },
    { clock: createVirtualClock(), random: () => 0, timeoutMs: 5000 },
  );
  await metrics.readings({ hosts: [host('a', undefined)], guests: [], periodMs: 60_000 });
  return headers;
}

it('shows who it is as it was told to', async () => {
  expect(await headersWith({})).not.toHaveProperty('authorization');
  expect(await headersWith({ token: 't' })).toMatchObject({ authorization: 'Bearer t' });
  expect(await headersWith({ username: 'u', password: 'p:1', tenant: 'dc1' })).toMatchObject({
    authorization: `Basic ${Buffer.from('u:p:1').toString('base64')}`,
    'x-scope-orgid': 'dc1',
  });
});
