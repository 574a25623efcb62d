import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { world } from './world.js';

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

test('of many webhooks that are dropped at once a few have a line of their own', async () => {
  const app = world();
  app.backend.answer = () => ({ outcome: 'dropped', reason: 'busy', batch: 'b1', text: 't' });
  for (let count = 0; count < 30; count += 1) await app.http.post('/webhooks/alertmanager').send({ alerts: [] });
  expect(app.log.filter(({ level }) => level === INFO)).toHaveLength(10);
  expect(await app.count('automigrate_webhooks_total{sender="alertmanager",outcome="dropped"}')).toBe(30);
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
