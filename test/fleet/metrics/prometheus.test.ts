import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { PrometheusSettings } from '../../../src/fleet/metrics/prometheus.js';
import { createPrometheusMetrics } from '../../../src/fleet/metrics/prometheus.js';
import { host } from '../../support/fleet.js';
import { createVirtualClock } from '../../support/virtual-clock.js';
import { prometheus, success } from '../../support/stores/prometheus.js';
import { metricsContract } from './contract.js';

metricsContract(prometheus);

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

/** A store that answers every question so. */
async function answering(body: object) {
  const server = createServer((_request, response) => response.end(JSON.stringify(body)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return createPrometheusMetrics(
    { url, preset: 'telegraf', scrapeIntervalMs: 15_000 },
    { clock: createVirtualClock(), random: () => 0, timeoutMs: 5000 },
  );
}

it.each(['warnings', 'infos'])(
  'what PromQL says of a query (`PromQL info` in %s) is no warning of a half answer',
  async (key) => {
    const told = [
      'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "x" (1:1)',
    ];
    const metrics = await answering({ ...success('vector', []), [key]: told });
    const { hosts } = await metrics.readings({ hosts: [host('a', undefined)], guests: [], periodMs: 60_000 });
    expect(hosts.size).toBe(0);
  },
);

it('a warning beside such a text is one all the same', async () => {
  const metrics = await answering({ ...success('vector', []), warnings: ['PromQL info: x', 'store-2 is unavailable'] });
  const asked = metrics.readings({ hosts: [host('a', undefined)], guests: [], periodMs: 60_000 });
  await expect(asked).rejects.toThrow('the answer may be incomplete: store-2 is unavailable');
});
