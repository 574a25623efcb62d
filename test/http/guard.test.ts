import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { clientOf } from '../../src/http/address.js';
import { createServer as createHttpServer } from '../../src/http/server.js';
import { createVirtualClock } from '../support/virtual-clock.js';
import { world } from './world.js';

const FIRING = { alerts: [{ status: 'firing', labels: { alertname: 'test-cpu', host: 'a15' } }] };
const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });

describe('whom a request is counted for', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2:ffff::1', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::1', '2001:db8:1:3::/64'],
    [undefined, 'gone'],
  ])('%s is %s', (ip, client) => {
    const network = clientOf({ ip });
    if (ip?.includes('2001')) expect(network).toBe(clientOf({ ip: client.replace('/64', '9') }));
    else expect(network).toBe(client);
  });

  test('two networks are two clients', () => {
    expect(clientOf({ ip: '2001:db8:1:2::1' })).not.toBe(clientOf({ ip: '2001:db8:1:3::1' }));
  });
});

describe('failed attempts', () => {
  const slow = () => {
    const clock = createVirtualClock();
    const begun = clock.now();
    const app = world({ secrets: { webhookTokens: ['right'], apiTokens: ['right'] }, clock, trustProxy: 'loopback' });
    const knock = (token: string, from = '192.0.2.1') =>
      app.http.post('/webhooks/alertmanager').set(bearer(token)).set('X-Forwarded-For', from).send(FIRING);
    return { app, knock, waited: () => clock.now() - begun };
  };

  test('are answered ever later', async () => {
    const { knock, waited } = slow();
    for (let attempt = 0; attempt < 5; attempt += 1) await knock('wrong').expect(401);
    expect(waited()).toBe(0);
    await knock('wrong').expect(401);
    expect(waited()).toBe(250);
    await knock('wrong').expect(401);
    expect(waited()).toBe(750);
    for (let attempt = 0; attempt < 3; attempt += 1) await knock('wrong').expect(401);
    expect(waited()).toBe(750 + 1000 + 2000 + 4000);
  });

  test('count at all doors together', async () => {
    const { app, knock, waited } = slow();
    for (let attempt = 0; attempt < 5; attempt += 1) await knock('wrong').expect(401);
    await app.http.get('/api/batch').set('X-Forwarded-For', '192.0.2.1').expect(401);
    expect(waited()).toBe(250);
  });

  test('do not slow down a valid credential from the same address, nor any from another', async () => {
    const { knock, waited } = slow();
    for (let attempt = 0; attempt < 10; attempt += 1) await knock('wrong').expect(401);
    const before = waited();
    await knock('right').expect(202);
    await knock('wrong', '192.0.2.2').expect(401);
    expect(waited()).toBe(before);
  });

  test('of one address wait two at a time; the others get 429 at once and a valid credential gets in', async () => {
    const waiting: (() => void)[] = [];
    const clock = { now: () => 0, sleep: () => new Promise<void>((resolve) => void waiting.push(resolve)) };
    const app = world({ secrets: { webhookTokens: ['right'] }, clock });
    const server = app.app.listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks/alertmanager`;
    const knock = (token: string) =>
      fetch(url, {
        method: 'POST',
        headers: { ...bearer(token), 'Content-Type': 'application/json' },
        body: JSON.stringify(FIRING),
      });
    for (let attempt = 0; attempt < 5; attempt += 1) expect((await knock('wrong')).status).toBe(401);
    const held = [knock('wrong'), knock('wrong')];
    await expect.poll(() => waiting.length).toBe(2);
    const turnedAway = await knock('wrong');
    expect(turnedAway.status).toBe(429);
    expect(Number(turnedAway.headers.get('Retry-After'))).toBeGreaterThan(0);
    expect(turnedAway.headers.get('Connection')).toBe('close');
    expect((await knock('right')).status).toBe(202);
    for (const wake of waiting) wake();
    expect((await Promise.all(held)).map(({ status }) => status)).toEqual([401, 401]);
    expect(await app.count('automigrate_requests_turned_away_total{why="failures"}')).toBe(1);
    expect(await app.count('automigrate_auth_failures_total{door="alertmanager"}')).toBe(8);
  });

  test('that are given up make room for others', async () => {
    const clock = {
      now: () => 0,
      sleep: (_ms: number, signal?: AbortSignal) =>
        new Promise<void>((_resolve, reject) => {
          aborted.push(signal!);
          signal?.addEventListener('abort', () => reject(new Error('gone')));
        }),
    };
    const aborted: AbortSignal[] = [];
    const app = world({ secrets: { apiTokens: ['right'] }, clock });
    const server = app.app.listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (let attempt = 0; attempt < 5; attempt += 1) await app.http.get('/api/batch').expect(401);
    for (let round = 0; round < 4; round += 1) {
      const client = request({ port, path: '/api/batch' });
      client.on('error', () => undefined);
      client.end();
      await expect.poll(() => aborted.length).toBe(round + 1);
      client.destroy();
      await expect.poll(() => aborted[round]!.aborted).toBe(true);
    }
  });

  test('of a crowd leave few lines in the log', async () => {
    const { app, knock } = slow();
    for (let attempt = 0; attempt < 100; attempt += 1) await knock('wrong').expect(401);
    const lines = app.log.filter(({ level }) => Number(level) > 30);
    expect(lines.map(({ msg, failures }) => [msg, failures])).toEqual([
      ['POST /webhooks/alertmanager 401', undefined],
      ...[2, 4, 8, 16, 32, 64].map((count) => ['no valid credential', count]),
    ]);
  });
});

describe('RATE_LIMIT', () => {
  test('answers 429 before a byte of the body is read, and says when to come again', async () => {
    const app = world({ rateLimit: 3 });
    const server = createHttpServer(app.app);
    server.listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    for (let count = 0; count < 3; count += 1) await app.http.post('/webhooks/alertmanager').send(FIRING).expect(202);
    // The body never comes, and the answer does.
    const client = request({
      port,
      method: 'POST',
      path: '/webhooks/alertmanager',
      headers: { 'Content-Length': 1e6 },
    });
    client.on('error', () => undefined);
    client.flushHeaders();
    const [response] = (await once(client, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(429);
    expect(response.headers['retry-after']).toBe('1');
    client.destroy();
    expect(await app.count('automigrate_requests_turned_away_total{why="rate"}')).toBe(1);
  });

  test('counts each address by itself, and leaves the probes alone', async () => {
    const app = world({ rateLimit: 2, trustProxy: 1 });
    const ask = (path: string, from: string) => app.http.get(path).set('X-Forwarded-For', from);
    for (const status of [200, 200, 429, 429]) await ask('/api/batch', '192.0.2.1').expect(status);
    await ask('/api/batch', '192.0.2.2').expect(200);
    for (const path of ['/healthz', '/readyz']) await ask(path, '192.0.2.1').expect(200);
    await ask('/metrics', '192.0.2.1').expect(429);
    const warnings = app.log.filter(({ level }) => level === 40);
    expect(warnings.map(({ msg, from }) => [msg, from])).toEqual([['more requests than RATE_LIMIT', '192.0.2.1']]);
  });

  test('of 0 is none', async () => {
    const app = world({ rateLimit: 0 });
    for (let count = 0; count < 50; count += 1) await app.http.get('/api/batch').expect(200);
  });
});
