import { describe, expect, test } from 'vitest';
import { FleetError } from '../../src/fleet/fleet.js';
import type { BatchView } from '../../src/intake/views.js';
import type { EventWithText } from '../../src/journal/events.js';
import { fleet, guest, host } from '../support/fleet.js';
import { NOW, world } from './world.js';

const HOUR = 3_600_000;

test('GET /api/rules: rules and what is wrong with rule files', async () => {
  const response = await world().http.get('/api/rules').expect(200);
  expect(response.body).toEqual({
    rules: [{ name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60 }],
    problems: ['b.json: no'],
    standings: [],
  });
  expect(response.headers['cache-control']).toBe('no-store');
});

describe('GET /api/events', () => {
  const event = (id: number): EventWithText => ({
    id,
    ops_time: '2026-11-21T05:05:00Z',
    obj_id: 'test-cpu',
    obj_type: 'migrationalert',
    obj_name: 'test-cpu',
    user: 'grafana',
    tenant: 'system',
    action: 'dropped',
    notes: 'n',
    text: 'n',
  });

  test('the events as the journal gives them', async () => {
    const app = world();
    app.backend.recorded = [event(1), event(2)];
    const response = await app.http.get('/api/events').expect(200);
    expect(response.body).toEqual({ events: [event(1), event(2)] });
    expect(app.backend.filters).toEqual([{ limit: 100 }]);
  });

  test.each([
    [
      'rule=test-cpu&action=migrate_fail&batch=b1&limit=10000',
      { rule: 'test-cpu', action: 'migrate_fail', batch: 'b1', limit: 10_000 },
    ],
    ['limit=1', { limit: 1 }],
    ['since=1h', { since: NOW - HOUR, limit: 100 }],
    ['since=1h30m', { since: NOW - 1.5 * HOUR, limit: 100 }],
    ['since=2026-11-21', { since: Date.parse('2026-11-21'), limit: 100 }],
    ['since=2026-11-21T05:00:00Z', { since: NOW - HOUR / 10, limit: 100 }],
    ['since=2026-11-21T13:00:00%2B08:00', { since: NOW - HOUR / 10, limit: 100 }],
    ['since=2026-11-21T13:00:00+08:00', { since: NOW - HOUR / 10, limit: 100 }],
    [
      'until=1h&host=a15&guest=web&before=9&after=3',
      { until: NOW - HOUR, host: 'a15', guest: 'web', before: 9, after: 3, limit: 100 },
    ],
    ['rule=__proto__', { rule: '__proto__', limit: 100 }],
  ])('%s', async (query, filter) => {
    const app = world();
    await app.http.get(`/api/events?${query}`).expect(200);
    expect(app.backend.filters).toEqual([filter]);
  });

  test.each([
    ['action=explode', 'action: expected one of create, find_result_fail, migrating'],
    ['limit=0', 'limit: expected a whole number from 1 to 10000'],
    ['limit=10001', 'limit: expected a whole number from 1 to 10000'],
    ['limit=1.5', 'limit: expected a whole number from 1 to 10000'],
    ['limit=ten', 'limit: expected a whole number from 1 to 10000'],
    ['limit=', 'limit: expected a whole number from 1 to 10000'],
    ['limit=1&limit=2', 'limit: expected a whole number from 1 to 10000'],
    ['since=yesterday', 'since: expected an ISO 8601 time or a duration such as "1h"'],
    ['since=2026-13-41', 'since: expected an ISO 8601 time or a duration such as "1h"'],
    ['before=x', 'before: expected the id of an event'],
    ['after=-1', 'after: expected the id of an event'],
    ['until=soon', 'until: expected an ISO 8601 time'],
    ['rule=', 'rule: expected a text of at most 200 characters'],
    ['rule=a&rule=b', 'rule: expected a text of at most 200 characters'],
    [`batch=${'b'.repeat(201)}`, 'batch: expected a text of at most 200 characters'],
    ['limt=5', 'limt: unknown parameter'],
  ])('400 for %s', async (query, problem) => {
    const app = world();
    const response = await app.http.get(`/api/events?${query}`).expect(400);
    const { error, problems } = response.body as { error: string; problems: { field: string; message: string }[] };
    expect(error).toBe('invalid_query');
    expect(problems.map(({ field, message }) => `${field}: ${message}`)).toEqual([expect.stringContaining(problem)]);
    expect(app.backend.filters).toEqual([]);
  });
});

test('GET /api/batch: what runs now, or null', async () => {
  const app = world();
  expect((await app.http.get('/api/batch').expect(200)).body).toEqual({ batch: null });
  const running: BatchView = {
    id: 'b1',
    sender: 'grafana',
    accepted_at: '2026-11-21T05:05:00Z',
    step: 'planning',
    rules: ['test-cpu'],
    alerts: [{ rule: 'test-cpu', host: 'a15', joined: false }],
    migrations: [],
  };
  app.backend.running = running;
  expect((await app.http.get('/api/batch').expect(200)).body).toEqual({ batch: running });
});

test('GET /api/batches: how the last ones ended', async () => {
  const app = world();
  const at = '2026-11-21T05:05:00Z';
  app.backend.ended = [
    { id: 'b1', sender: 'grafana', accepted_at: at, ended_at: at, rules: ['test-cpu'], succeeded: 1, failed: 0 },
  ];
  expect((await app.http.get('/api/batches').expect(200)).body).toEqual({ batches: app.backend.ended });
});

describe('GET /api/fleet', () => {
  test('the fleet, asked now', async () => {
    const response = await world().http.get('/api/fleet').expect(200);
    expect(response.body).toEqual({ taken_at: '2026-11-21T05:06:00Z', hosts: [], guests: [] });
  });

  test("502 with the system's words when it cannot be asked", async () => {
    const app = world();
    app.backend.snapshot = () => Promise.reject(new FleetError('cloudpods', 'GET /hosts answered 500'));
    const response = await app.http.get('/api/fleet').expect(502);
    expect(response.body).toEqual({ error: 'fleet_unavailable', message: 'cloudpods: GET /hosts answered 500' });
  });

  test('is not sent again to who has it already', async () => {
    const app = world();
    const { etag } = (await app.http.get('/api/fleet').expect(200)).headers as { etag: string };
    await app.http.get('/api/fleet').set('If-None-Match', etag).expect(304);
    await app.http.get('/api/fleet?detail=summary').set('If-None-Match', etag).expect(200);
  });

  test('comes packed to who can unpack it, and bare to who cannot', async () => {
    const app = world();
    const packed = await app.http.get('/api/fleet').set('Accept-Encoding', 'gzip').expect(200);
    expect(packed.headers['content-encoding']).toBe('gzip');
    const bare = await app.http.get('/api/fleet').set('Accept-Encoding', 'identity').expect(200);
    expect(bare.headers).not.toHaveProperty('content-encoding');
    expect(bare.body).toEqual(packed.body);
  });

  test('as a summary counts the guests of each host and what they were given', async () => {
    const app = world();
    app.backend.snapshot = () =>
      Promise.resolve(fleet([host('a', 50), host('b', 10)], [guest('g', 'a', 5), guest('h', 'a', 5)]));
    const { body } = await app.http.get('/api/fleet?detail=summary').expect(200);
    expect(body).toMatchObject({
      guests: 2,
      hosts: [
        { name: 'a', guest_count: 2, guest_vcpus: 16, guest_memory: 16384 },
        { name: 'b', guest_count: 0, guest_vcpus: 0, guest_memory: 0 },
      ],
    });
    await app.http.get('/api/fleet?detail=all').expect(400);
  });
});

test.each([
  '/api/rules',
  '/api/events',
  '/api/batch',
  '/api/batches',
  '/api/fleet',
  '/healthz',
  '/readyz',
  '/metrics',
  '/',
  '/openapi.json',
])('405 for POST %s, and HEAD is a GET without a body', async (path) => {
  const response = await world().http.post(path).expect(405);
  expect(response.headers.allow).toBe('GET, HEAD');
  await world().http.head(path).expect(200);
});

describe('health', () => {
  test('GET /healthz', async () => {
    expect((await world().http.get('/healthz').expect(200)).body).toEqual({ status: 'alive' });
  });

  test('GET /readyz', async () => {
    const app = world();
    expect((await app.http.get('/readyz').expect(200)).body).toEqual({ status: 'ready' });
    app.backend.problems = ['rules: a.json: threshold'];
    expect((await app.http.get('/readyz').expect(503)).body).toEqual({
      status: 'not_ready',
      problems: ['rules: a.json: threshold'],
    });
  });

  test('GET /metrics', async () => {
    const response = await world().http.get('/metrics').expect(200);
    expect(response.headers['content-type']).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(response.text).toContain('# TYPE automigrate_webhooks_total counter');
  });
});
