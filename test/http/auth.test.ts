import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { SENDERS } from '../../src/alerts/alert.js';
import type { Sender } from '../../src/alerts/alert.js';
import type { Secrets } from '../../src/http/auth.js';
import { rawFixture } from '../alerts/fixtures.js';
import { NOW, world } from './world.js';

const BODIES: Record<Sender, string> = {
  alertmanager: rawFixture('alertmanager-firing-v0.34'),
  grafana: rawFixture('grafana-unified-firing'),
  monitor: rawFixture('cloudpods-firing-zh'),
};
const hmac = (key: string, text: string): string => createHmac('sha256', key).update(text).digest('hex');
const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });
const basic = (user: string, password: string): Record<string, string> => ({
  Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});

/** The status of a webhook that comes with these headers while these secrets are set. */
async function knock(secrets: Partial<Secrets>, sender: Sender, headers: Record<string, string> = {}): Promise<number> {
  const app = world({ secrets });
  const response = await app.http
    .post(`/webhooks/${sender}`)
    .set('Content-Type', 'application/json')
    .set(headers)
    .send(BODIES[sender]);
  // Whoever is let in reaches the backend, and nobody else does.
  expect(app.backend.received).toHaveLength(response.status === 202 ? 1 : 0);
  return response.status;
}

describe('webhooks without any secret', () => {
  test.each(SENDERS)('%s is open, whatever credential comes', async (sender) => {
    expect(await knock({}, sender)).toBe(202);
    expect(await knock({}, sender, bearer('anything'))).toBe(202);
  });
});

describe('WEBHOOK_TOKEN', () => {
  const secrets = { webhookTokens: ['old-token', 'new:token'] };
  test.each(SENDERS)('%s: as bearer or as basic password, each of several', async (sender) => {
    expect(await knock(secrets, sender, bearer('old-token'))).toBe(202);
    expect(await knock(secrets, sender, bearer('new:token'))).toBe(202);
    expect(await knock(secrets, sender, { Authorization: 'bearer   old-token' })).toBe(202);
    expect(await knock(secrets, sender, basic('anyone', 'old-token'))).toBe(202);
    expect(await knock(secrets, sender, basic('', 'new:token'))).toBe(202);
  });

  test.each([
    {},
    bearer('wrong'),
    bearer('old-toke'),
    bearer('old-token-and-more'),
    bearer(''),
    basic('old-token', ''),
    basic('old-token', 'wrong'),
    { Authorization: 'Basic b2xkLXRva2Vu' },
    { Authorization: 'old-token' },
    { Authorization: 'Token old-token' },
    { 'X-Auth-Token': 'old-token' },
  ])('refuses %j', async (headers) => {
    for (const sender of SENDERS) expect(await knock(secrets, sender, headers)).toBe(401);
  });
});

describe('MONITOR_SECRET', () => {
  const secrets = { monitor: ['s1', 's2'] };
  test('signs the raw body; each of several secrets; capitals too', async () => {
    expect(await knock(secrets, 'monitor', { 'X-Auth-Token': hmac('s1', BODIES.monitor) })).toBe(202);
    expect(await knock(secrets, 'monitor', { 'X-Auth-Token': hmac('s2', BODIES.monitor).toUpperCase() })).toBe(202);
  });

  test('refuses another key, another body, a part of the signature, or none', async () => {
    const reformatted = JSON.stringify(JSON.parse(BODIES.monitor), null, 1);
    for (const signature of [
      hmac('s3', BODIES.monitor),
      hmac('s1', reformatted),
      hmac('s1', BODIES.monitor).slice(0, 32),
      's1',
    ]) {
      expect(await knock(secrets, 'monitor', { 'X-Auth-Token': signature })).toBe(401);
    }
    expect(await knock(secrets, 'monitor')).toBe(401);
  });

  test('the webhook token is as good where both are set', async () => {
    expect(await knock({ ...secrets, webhookTokens: ['t'] }, 'monitor', bearer('t'))).toBe(202);
  });

  test('closes the other senders, which have no secret: they are no way around', async () => {
    for (const sender of ['grafana', 'alertmanager'] as const) {
      expect(await knock(secrets, sender)).toBe(401);
      expect(await knock(secrets, sender, { 'X-Auth-Token': hmac('s1', BODIES[sender]) })).toBe(401);
    }
  });

  test('signs nothing for a compressed body but what it inflates to', async () => {
    const { gzipSync } = await import('node:zlib');
    const app = world({ secrets });
    await app.http
      .post('/webhooks/monitor')
      .set('Content-Type', 'application/json')
      .set('Content-Encoding', 'gzip')
      .set('X-Auth-Token', hmac('s1', BODIES.monitor))
      .serialize((body) => body as string)
      .send(gzipSync(BODIES.monitor))
      .expect(202);
  });
});

describe('GRAFANA_SECRET', () => {
  const secrets = { grafana: ['g1', 'g2'] };
  const signed = (seconds: number, key = 'g1', header = 'X-Grafana-Alerting-Timestamp'): Record<string, string> => ({
    [header]: String(seconds),
    'X-Grafana-Alerting-Signature': hmac(key, `${seconds}:${BODIES.grafana}`),
  });
  const now = NOW / 1000;

  test('signs the raw body', async () => {
    const header = 'X-Grafana-Alerting-Signature';
    expect(await knock(secrets, 'grafana', { [header]: hmac('g2', BODIES.grafana) })).toBe(202);
    expect(await knock(secrets, 'grafana', { [header]: hmac('other', BODIES.grafana) })).toBe(401);
    expect(await knock(secrets, 'grafana', { 'X-Auth-Token': hmac('g1', BODIES.grafana) })).toBe(401);
    expect(await knock(secrets, 'grafana')).toBe(401);
  });

  test('with a timestamp: within 5 minutes in both directions', async () => {
    for (const seconds of [now, now - 300, now + 300])
      expect(await knock(secrets, 'grafana', signed(seconds))).toBe(202);
    for (const seconds of [now - 301, now + 301, 0]) expect(await knock(secrets, 'grafana', signed(seconds))).toBe(401);
  });

  test('a timestamp that was not signed, or is none, is refused', async () => {
    const bare = { 'X-Grafana-Alerting-Signature': hmac('g1', BODIES.grafana) };
    expect(await knock(secrets, 'grafana', { ...bare, 'X-Grafana-Alerting-Timestamp': String(now) })).toBe(401);
    expect(await knock(secrets, 'grafana', { ...bare, 'X-Grafana-Alerting-Timestamp': 'now' })).toBe(401);
    expect(await knock(secrets, 'grafana', { ...signed(now - 301), 'X-Grafana-Alerting-Timestamp': String(now) })).toBe(
      401,
    );
  });

  test('with headers of other names; a configured timestamp must be there', async () => {
    const renamed = { ...secrets, grafanaSignatureHeader: 'X-Sig', grafanaTimestampHeader: 'X-At' };
    const good = { 'X-At': String(now), 'X-Sig': hmac('g1', `${now}:${BODIES.grafana}`) };
    expect(await knock(renamed, 'grafana', good)).toBe(202);
    expect(await knock(renamed, 'grafana', { 'X-Sig': hmac('g1', BODIES.grafana) })).toBe(401);
    expect(await knock(renamed, 'grafana', signed(now))).toBe(401);
  });

  test('closes the other senders', async () => {
    expect(await knock(secrets, 'monitor')).toBe(401);
    expect(
      await knock(secrets, 'alertmanager', { 'X-Grafana-Alerting-Signature': hmac('g1', BODIES.alertmanager) }),
    ).toBe(401);
  });
});

describe('API_TOKEN', () => {
  const PATHS = ['/api/rules', '/api/events', '/api/batch', '/api/fleet', '/api/nowhere'];

  test.each(PATHS)('%s needs it, as bearer or basic password', async (path) => {
    const app = world({ secrets: { apiTokens: ['old', 'new'] } });
    const ok = path === '/api/nowhere' ? 404 : 200;
    for (const headers of [bearer('old'), bearer('new'), basic('me', 'new')]) {
      expect((await app.http.get(path).set(headers)).status).toBe(ok);
    }
    for (const headers of [{}, bearer('wrong'), bearer(''), basic('new', '')]) {
      const response = await app.http.get(path).set(headers).expect(401);
      expect(response.text).toBe('{"error":"unauthorized"}');
      expect(response.headers['www-authenticate']).toBe('Bearer');
    }
    expect(await app.count('automigrate_auth_failures_total{door="api"}')).toBe(4);
  });

  test('is no webhook token, nor the other way round', async () => {
    expect(await knock({ apiTokens: ['a'] }, 'alertmanager', bearer('a'))).toBe(401);
    await world({ secrets: { webhookTokens: ['w'], apiTokens: ['a'] } })
      .http.get('/api/batch')
      .set(bearer('w'))
      .expect(401);
  });

  test('any other secret closes the API although it has none', async () => {
    for (const secrets of [{ monitor: ['x'] }, { grafana: ['x'] }, { webhookTokens: ['x'] }]) {
      const { body } = await world({ secrets }).http.get('/api/batch').set(bearer('x')).expect(403);
      // No token of any kind would open it.
      expect(body).toEqual({ error: 'api_closed', message: expect.stringContaining('no API_TOKEN') as string });
    }
  });

  test.each(['/healthz', '/readyz', '/metrics', '/', '/openapi.json'])('%s stays open', async (path) => {
    await world({ secrets: { apiTokens: ['a'], webhookTokens: ['w'] } })
      .http.get(path)
      .expect(200);
  });
});

describe('a refusal', () => {
  test('says nothing but that, is counted, and comes before the body is parsed', async () => {
    const app = world({ secrets: { webhookTokens: ['t'] } });
    for (const sender of SENDERS) {
      const response = await app.http
        .post(`/webhooks/${sender}`)
        .set('Content-Type', 'application/json')
        .send('not json')
        .expect(401);
      expect(response.text).toBe('{"error":"unauthorized"}');
      expect(response.headers['www-authenticate']).toBe('Bearer, Basic realm="automigrate"');
      expect(await app.count(`automigrate_auth_failures_total{door="${sender}"}`)).toBe(1);
      expect(await app.count(`automigrate_webhooks_total{sender="${sender}",outcome="unauthorized"}`)).toBe(1);
    }
  });
});

test('an empty secret would let everybody in: the surface is not even made', () => {
  for (const kind of ['monitor', 'grafana', 'webhookTokens', 'apiTokens']) {
    expect(() => world({ secrets: { [kind]: ['good', ''] } })).toThrow(`secrets.${kind} holds an empty secret`);
  }
});

test('no credential ever stands in the log, whatever the answer', async () => {
  const app = world({ secrets: { webhookTokens: ['tok-SECRET'], monitor: ['key-SECRET'], apiTokens: ['api-SECRET'] } });
  const headers = {
    'X-Auth-Token': 'sig-SECRET',
    'X-Grafana-Alerting-Signature': 'sig-SECRET',
    Cookie: 'session=SECRET',
    'Content-Type': 'application/json',
  };
  app.backend.answer = () => {
    throw new Error('broken');
  };
  await app.http
    .post('/webhooks/alertmanager?token=SECRET')
    .set(headers)
    .set(bearer('tok-SECRET'))
    .send('{"alerts":[]}')
    .expect(500);
  await app.http
    .post('/webhooks/monitor?token=SECRET')
    .set(headers)
    .set(basic('me', 'wrong-SECRET'))
    .send('{}')
    .expect(401);
  await app.http.get('/api/batch?token=SECRET').set(headers).set(bearer('api-SECRET')).expect(200);
  await app.http.get('/nowhere?token=SECRET').set(headers).expect(404);
  expect(app.log).toHaveLength(4);
  expect(JSON.stringify(app.log)).not.toContain('SECRET');
});
