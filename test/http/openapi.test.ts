import { createHmac } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { FleetError } from '../../src/fleet/fleet.js';
import { openapi } from '../../src/http/openapi.js';
import { rawFixture } from '../alerts/fixtures.js';
import { NOW, accepted, world } from './world.js';
import type { World } from './world.js';

type Responses = Record<string, { content?: Record<string, unknown> }>;
const paths = openapi.paths as unknown as Record<string, Record<string, { responses: Responses }>>;

test('is served as it stands', async () => {
  expect((await world().http.get('/openapi.json').expect(200)).body).toEqual(JSON.parse(JSON.stringify(openapi)));
});

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(openapi).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
    ([, name]) => name,
  );
  expect(references.length).toBeGreaterThan(10);
  expect(Object.keys(openapi.components.schemas)).toEqual(expect.arrayContaining(references));
});

describe('every status that it tells is really given, in the type that it tells, and no other', () => {
  const firing: Record<string, string> = {
    '/webhooks/alertmanager': rawFixture('alertmanager-firing-v0.34'),
    '/webhooks/grafana': rawFixture('grafana-unified-firing'),
    '/webhooks/monitor': rawFixture('cloudpods-firing-zh'),
  };
  const broken = (): never => {
    throw new Error('broken');
  };
  const foreign = { Host: 'elsewhere.example' };
  const post = (app: World, path: string, body = firing[path] ?? '{}', type = 'application/json') =>
    app.http.post(path).set('Content-Type', type).send(body);

  /** How to get each answer of a webhook, and of whatever is read. */
  const webhook: Record<number, (app: World, path: string) => PromiseLike<{ status: number; type: string }>> = {
    200: (app, path) => {
      app.backend.answer = () => ({ outcome: 'ignored', reason: 'no_rule', text: 't' });
      return post(app, path);
    },
    202: (app, path) => {
      app.backend.answer = () => accepted;
      return post(app, path);
    },
    400: (app, path) => post(app, path, 'x'),
    401: (_app, path) => post(world({ secrets: { apiTokens: ['x'] } }), path),
    403: (app, path) => app.http.post(path).set('Origin', 'http://elsewhere.example').type('json').send('{}'),
    405: (app, path) => app.http.get(path),
    409: async (_app, path) => {
      const body = firing[path] ?? '';
      const secrets = { monitor: ['k'], webhookTokens: ['t'] };
      let now = NOW;
      const app = world({ secrets, clock: { now: () => now, sleep: () => Promise.resolve() } });
      const signature = createHmac('sha256', 'k').update(body).digest('hex');
      // The signatures of the others carry a time, or there are none.
      const proof: [string, string] =
        path === '/webhooks/monitor' ? ['X-Auth-Token', signature] : ['Authorization', 'Bearer t'];
      const send = () =>
        app.http
          .post(path)
          .set(...proof)
          .type('json')
          .send(body);
      await send();
      now += 60_000;
      return send();
    },
    413: (_app, path) => post(world({ bodyLimit: 1 }), path),
    415: (app, path) => post(app, path, '{}', 'text/plain'),
    500: (app, path) => {
      app.backend.answer = broken;
      return post(app, path);
    },
    421: (app, path) => app.http.post(path).set(foreign).type('json').send('{}'),
    429: async (_app, path) => {
      const app = world({ rateLimit: 1 });
      await post(app, path);
      return post(app, path);
    },
    503: (app, path) => {
      app.backend.answer = () => ({ outcome: 'unavailable', reason: 'journal', text: 't' });
      return post(app, path);
    },
  };
  const read: typeof webhook = {
    200: (app, path) => app.http.get(path),
    400: (app, path) => app.http.get(`${path}?unknown=1`),
    401: (_app, path) => world({ secrets: { apiTokens: ['x'] } }).http.get(path),
    403: (_app, path) => world({ secrets: { webhookTokens: ['x'] } }).http.get(path),
    405: (app, path) => app.http.delete(path),
    421: (app, path) => app.http.get(path).set(foreign),
    429: async (_app, path) => {
      const app = world({ rateLimit: 1 });
      await app.http.get(path);
      return app.http.get(path);
    },
    500: (app, path) => {
      Object.assign(app.backend.operator, { status: broken, plans: broken });
      Object.assign(app.backend, {
        rules: broken,
        events: broken,
        batch: broken,
        endedBatches: broken,
        fleet: broken,
        host: broken,
        readiness: broken,
        metrics: broken,
      });
      return app.http.get(path);
    },
    502: (app, path) => {
      app.backend.snapshot = () => Promise.reject(new FleetError('s', 'm'));
      app.backend.looked = () => Promise.reject(new FleetError('s', 'm'));
      return app.http.get(path);
    },
    503: (app, path) => {
      app.backend.problems = ['p'];
      return app.http.get(path);
    },
  };
  const cloudIsAway = (): never => {
    throw new FleetError('s', 'm');
  };
  /** How to get each answer of what people can do. */
  const act = (done: number, body: object, answers: (app: World, answer: () => never) => void): typeof webhook => {
    const unavailable = { outcome: 'unavailable', reason: 'journal', text: 't' } as const;
    const answered =
      (answer: () => unknown): (typeof webhook)[number] =>
      (app, path) => {
        answers(app, answer as () => never);
        return app.http.post(path).send(body);
      };
    return {
      [done]: answered(() => ({ outcome: 'done' })),
      400: (app, path) => app.http.post(path).send({ unknown: 1 }),
      401: (_app, path) =>
        world({ secrets: { apiTokens: ['x'] } })
          .http.post(path)
          .send(body),
      403: (app, path) => app.http.post(path).set('Sec-Fetch-Site', 'cross-site').send(body),
      405: (app, path) => app.http.get(path),
      413: (app, path) => app.http.post(path).send({ reason: 'r'.repeat(70_000) }),
      415: (app, path) => app.http.post(path).type('form').send('a=b'),
      421: (app, path) => app.http.post(path).set(foreign).send(body),
      429: async (_app, path) => {
        const app = world({ rateLimit: 1 });
        await app.http.post(path).send(body);
        return app.http.post(path).send(body);
      },
      500: answered(broken),
      503: answered(() => unavailable),
    };
  };
  const acts: Record<string, typeof webhook> = {
    '/api/pause': act(200, { reason: 'r' }, (app, answer) => (app.backend.paused = answer)),
    '/api/resume': act(200, {}, (app, answer) => (app.backend.resumed = answer)),
    '/api/batch/stop': {
      ...act(202, {}, (app, answer) => (app.backend.stopped = answer)),
      409: (app, path) => app.http.post(path).send({}),
    },
    '/api/try': {
      ...act(200, { rule: 'r', hosts: ['h'] }, (app, answer) => (app.backend.trial = answer)),
      404: (app, path) => app.http.post(path).send({ rule: 'r', hosts: ['h'] }),
      502: (app, path) => {
        app.backend.trial = cloudIsAway;
        return app.http.post(path).send({ rule: 'r', hosts: ['h'] });
      },
    },
    '/api/test-alert': {
      ...act(200, { rule: 'r', host: 'h' }, (app, answer) => (app.backend.tested = answer)),
      404: (app, path) => app.http.post(path).send({ rule: 'r', host: 'h' }),
      502: (app, path) => {
        app.backend.tested = cloudIsAway;
        return app.http.post(path).send({ rule: 'r', host: 'h' });
      },
    },
    '/api/plans/{id}/approve': {
      ...act(202, {}, (app, answer) => (app.backend.approval = answer)),
      404: (app, path) => {
        app.backend.approval = () => ({ outcome: 'unknown' });
        return app.http.post(path).send({});
      },
      409: (app, path) => {
        app.backend.approval = () => ({ outcome: 'refused', reason: 'busy', reasons: ['batch b1 is running'] });
        return app.http.post(path).send({});
      },
    },
    '/api/plans/{id}/dismiss': {
      ...act(200, { reason: 'r' }, (app, answer) => (app.backend.dismissal = answer)),
      404: (app, path) => {
        app.backend.dismissal = () => ({ outcome: 'unknown' });
        return app.http.post(path).send({ reason: 'r' });
      },
      409: (app, path) => {
        app.backend.dismissal = () => ({ outcome: 'refused', reason: 'approved', reasons: ['too late'] });
        return app.http.post(path).send({ reason: 'r' });
      },
    },
  };
  /** What is read and has answers of its own. */
  const ended = { ending: AbortSignal.abort() };
  const more: Record<string, typeof read> = {
    '/api/hosts/{id}': {
      404: (app, path) => {
        app.backend.looked = () => Promise.resolve(undefined);
        return app.http.get(path);
      },
    },
    '/api/stream': {
      200: (_app, path) => world(ended).http.get(path),
      400: (app, path) => app.http.get(path).set('Last-Event-ID', 'x'),
      429: async (_app, path) => {
        const app = world({ rateLimit: 1, ...ended });
        await app.http.get(path);
        return app.http.get(path);
      },
      // Only who begins to look at the fleet finds it missing.
      502: (_app, path) => world(ended).http.get(path),
      503: (_app, path) => world({ streamLimits: { clients: 0 } }).http.get(path),
    },
  };
  /** These have nothing behind them that could break. */
  const unbreakable = ['/healthz', '/openapi.json', '/', '/manual', '/manual/{chapter}', '/manual.json', '/openapi'];

  test.each(Object.keys(paths))('%s', async (path) => {
    const [operation] = Object.values(paths[path]!);
    expect(
      Object.values(paths[path]!).every(({ responses }) => isDeepStrictEqual(responses, operation!.responses)),
    ).toBe(true);
    const reads = { ...read, ...more[path] };
    const ways = path.startsWith('/webhooks/') ? webhook : (acts[path] ?? reads);
    const told = operation!.responses;
    for (const [status, ask] of Object.entries(ways)) {
      const response = await ask(world(), path);
      const expected = unbreakable.includes(path) && status === '500' ? 200 : Number(status);
      if (Object.hasOwn(told, status)) expect(response.status).toBe(expected);
      expect(Object.keys(told)).toContain(String(response.status));
      expect(Object.keys(told[response.status]!.content ?? {})).toContain(response.type);
    }
    expect(Object.keys(ways)).toEqual(expect.arrayContaining(Object.keys(told)));
  });
});
