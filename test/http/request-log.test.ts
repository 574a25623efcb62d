import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Secrets } from '../../src/http/auth.js';
import type { WebhookAnswer } from '../../src/intake/answer.js';
import { rawFixture } from '../alerts/fixtures.js';
import { NOW, world } from './world.js';

const INFO = 30;

test('one line per request, with path, status, outcome and batch', async () => {
  const app = world();
  await app.http.post('/webhooks/alertmanager').send({ alerts: [] }).expect(202);
  expect(app.log).toMatchObject([
    {
      level: INFO,
      msg: 'POST /webhooks/alertmanager 202',
      req: { method: 'POST', path: '/webhooks/alertmanager' },
      res: { status: 202 },
      outcome: 'accepted',
      batch: 'b1',
    },
  ]);
  expect(Object.keys(app.log[0]?.req as object).sort()).toEqual(['from', 'method', 'path']);
  expect(Object.keys(app.log[0]?.res as object)).toEqual(['status']);
});

test('refusals are warnings that tell why, faults are errors, probes are quiet', async () => {
  const app = world();
  await app.http.post('/webhooks/alertmanager').send({}).expect(400);
  app.backend.snapshot = () => Promise.reject(new Error('no'));
  await app.http.get('/api/fleet?x=1').expect(500);
  await app.http.get('/readyz?x=1').expect(200);
  expect(app.log.map(({ level, msg, outcome }) => [level, msg, outcome])).toEqual([
    [40, 'POST /webhooks/alertmanager 400', 'invalid_body'],
    [50, 'GET /api/fleet 500', undefined],
    [20, 'GET /readyz 200', undefined],
  ]);
});

test('the address is that of the client, not what a header says, unless a proxy is trusted', async () => {
  const from = async (trustProxy?: string): Promise<unknown> => {
    const app = world(trustProxy === undefined ? {} : { trustProxy });
    await app.http.get('/api/batch').set('X-Forwarded-For', '203.0.113.9').expect(200);
    return (app.log[0]?.req as { from: unknown }).from;
  };
  expect(await from()).toMatch(/127\.0\.0\.1$/);
  expect(await from('loopback')).toBe('203.0.113.9');
});

test.each<WebhookAnswer>([
  { outcome: 'dropped', reason: 'busy', batch: 'b1', text: 't' },
  { outcome: 'ignored', reason: 'duplicate', text: 't' },
])('of many webhooks that are $outcome at once a few have a line of their own', async (answer) => {
  const app = world();
  app.backend.answer = () => answer;
  for (let count = 0; count < 30; count += 1) await app.http.post('/webhooks/alertmanager').send({ alerts: [] });
  expect(app.log.filter(({ level }) => level === INFO)).toHaveLength(10);
  expect(await app.count(`automigrate_webhooks_total{sender="alertmanager",outcome="${answer.outcome}"}`)).toBe(30);
});

test('a client that has gone before its answer leaves a line that tells so', async () => {
  const app = world();
  const server = app.app.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  let asked: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (asked = resolve));
  app.backend.snapshot = () => {
    asked();
    return new Promise(() => undefined);
  };
  const leave = new AbortController();
  const { port } = server.address() as AddressInfo;
  const fetched = fetch(`http://127.0.0.1:${port}/api/fleet`, { signal: leave.signal }).catch(() => 'left');
  await begun;
  leave.abort();
  expect(await fetched).toBe('left');
  await expect.poll(() => app.log.length).toBe(1);
  expect(app.log[0]).toMatchObject({ aborted: true, req: { path: '/api/fleet' } });
});

describe('of a refused webhook the answer says nothing, and the log which check failed', () => {
  const body = rawFixture('grafana-unified-firing');
  const sign = (key: string, text: string) => createHmac('sha256', key).update(text).digest('hex');
  const late = NOW / 1000 - 412;
  const secrets = { grafana: ['a', 'b'], webhookTokens: ['t', 'u', 'v'] };
  test.each<[Partial<Secrets>, string, Record<string, string>, string]>([
    [{ webhookTokens: ['t'] }, 'alertmanager', {}, 'no authorization header'],
    [{ webhookTokens: ['t'] }, 'alertmanager', { Authorization: 'Bearer x' }, 'authorization matches none of 1 secret'],
    [secrets, 'alertmanager', { Authorization: 'Bearer x' }, 'authorization matches none of 3 secrets'],
    [secrets, 'grafana', {}, 'no authorization header; no x-grafana-alerting-signature header'],
    [{ monitor: ['m'] }, 'monitor', {}, 'no x-auth-token header'],
    [{ monitor: ['m'] }, 'monitor', { 'X-Auth-Token': '00' }, 'x-auth-token matches none of 1 secret'],
    [{ monitor: ['m'] }, 'alertmanager', { Authorization: 'Bearer m' }, 'no secret is set for this door'],
    [
      { grafana: ['a', 'b'] },
      'grafana',
      { 'X-Grafana-Alerting-Signature': sign('c', body) },
      'x-grafana-alerting-signature matches none of 2 secrets',
    ],
    [
      { grafana: ['a'] },
      'grafana',
      { 'X-Grafana-Alerting-Signature': sign('a', `${late}:${body}`), 'X-Grafana-Alerting-Timestamp': `${late}` },
      'the signature is 412 s old',
    ],
    [
      { grafana: ['a'], grafanaTimestampHeader: 'X-Time' },
      'grafana',
      { 'X-Grafana-Alerting-Signature': sign('a', body) },
      'no x-time header',
    ],
  ])('%j %s %j: %s', async (set, sender, headers, why) => {
    const { http, log } = world({ secrets: set });
    const response = await http.post(`/webhooks/${sender}`).set(headers).type('json').send(body).expect(401);
    expect(response.body).toEqual({ error: 'unauthorized' });
    expect(log).toContainEqual(expect.objectContaining({ why, level: 40 }));
  });
});
