import { describe, expect, test } from 'vitest';
import type { ApprovalAnswer, DismissalAnswer, PlanRefused, PlanView } from '../../src/intake/views.js';
import { approvedAs, world } from './world.js';

const plan: PlanView = {
  id: 'plan-1',
  rule: 'test-cpu',
  sender: 'grafana',
  batch: 'b0',
  hosts: [['a15']],
  created_at: '2026-11-21T05:00:00Z',
  expires_at: '2026-11-22T05:00:00Z',
  state: 'open',
  outcome: 'migrate',
  cost: 9216,
  notes: 'a sentence',
  migrations: [],
  metric: 'cpu.usage_active',
  loads: [{ id: 'i', name: 'a15', role: 'source', before: 70, after: 58, threshold: 60 }],
  expected_s: null,
  why: 'a sentence',
};

const refused: PlanRefused = { outcome: 'refused', reason: 'changed', reasons: ['w'] };
const goingDown = { outcome: 'unavailable', reason: 'shutting_down', text: 't' } as const;

describe('/api/plans', () => {
  test('tells the plans that are kept', async () => {
    const { http, backend } = world();
    expect((await http.get('/api/plans').expect(200)).body).toEqual({ plans: [] });
    backend.waiting = () => [plan];
    expect((await http.get('/api/plans').expect(200)).body).toEqual({ plans: [plan] });
  });

  test.each<[string, number, ApprovalAnswer, object]>([
    ['carries one out', 202, approvedAs('b'), { outcome: 'accepted', batch: 'b', cost: 9216 }],
    ['keeps one for later', 202, { outcome: 'waiting', plan: 'x', batch: 'b' }, { outcome: 'waiting', batch: 'b' }],
    ['says what changed', 409, refused, { reasons: ['w'] }],
    ['says that a batch runs', 409, { ...refused, reason: 'busy' }, { reason: 'busy' }],
    [
      'names guests that the plan does not move',
      400,
      { outcome: 'invalid', problems: [{ field: 'moves[1]', message: 'm' }] },
      { error: 'invalid_body', problems: [{ field: 'moves[1]', message: 'm' }] },
    ],
    ['knows no such plan', 404, { outcome: 'unknown' }, { error: 'not_found' }],
    ['is going down', 503, goingDown, { outcome: 'unavailable' }],
  ])('approve: %s', async (_what, status, answer, body) => {
    const { http, backend } = world();
    backend.approval = () => answer;
    expect((await http.post('/api/plans/plan-1/approve').send({}).expect(status)).body).toMatchObject(body);
    expect(backend.did).toEqual([['approve', 'plan-1', { when: 'now' }, 'api']]);
  });

  test('approve: some moves, each once, when the running batch has ended', async () => {
    const { http, backend } = world();
    await http
      .post('/api/plans/plan-1/approve')
      .send({ moves: ['g', 'h', 'g'], when: 'free' })
      .expect(202);
    expect(backend.did).toEqual([['approve', 'plan-1', { when: 'free', moves: ['g', 'h'] }, 'api']]);
  });

  test.each<[string, number, DismissalAnswer, object]>([
    ['is done', 200, { outcome: 'dismissed', plan: 'plan-1' }, { outcome: 'dismissed', plan: 'plan-1' }],
    ['comes too late', 409, { ...refused, reason: 'approved' }, { reason: 'approved' }],
    ['knows no such plan', 404, { outcome: 'unknown' }, { error: 'not_found' }],
    ['is going down', 503, goingDown, { outcome: 'unavailable' }],
  ])('dismiss: %s', async (_what, status, answer, body) => {
    const { http, backend } = world();
    backend.dismissal = () => answer;
    const asked = http.post('/api/plans/plan-1/dismiss').send({ reason: ' no need ' });
    expect((await asked.expect(status)).body).toMatchObject(body);
    expect(backend.did).toEqual([['dismiss', 'plan-1', 'no need', 'api']]);
  });

  test.each([
    ['approve', { moves: [] }, 'moves', 'expected a list of ids of guests, at least one'],
    ['approve', { moves: 'g' }, 'moves', 'expected a list of ids of guests, at least one'],
    ['approve', { moves: [1] }, 'moves', 'expected a list of ids of guests, at least one'],
    ['approve', { when: 'later' }, 'when', 'expected "now" or "free"'],
    ['approve', { guests: ['g'] }, 'guests', 'unknown field'],
    ['dismiss', {}, 'reason', 'expected a text of 1 to 500 characters'],
    ['dismiss', { reason: '' }, 'reason', 'expected a text of 1 to 500 characters'],
  ])('%s: names what is wrong of %j', async (act, body, field, message) => {
    const { http, backend } = world();
    const { body: said } = await http.post(`/api/plans/plan-1/${act}`).send(body).expect(400);
    expect(said).toEqual({ error: 'invalid_body', problems: [{ field, message }] });
    expect(backend.did).toEqual([]);
  });

  describe.each(['approve', 'dismiss'])('%s', (act) => {
    test.each(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x'])(
      'takes JSON, not %s, which a form of any page can send',
      async (type) => {
        const { http, backend } = world();
        await http.post(`/api/plans/plan-1/${act}`).set('Content-Type', type).send('a=b').expect(415);
        await http.post(`/api/plans/plan-1/${act}`).expect(415);
        expect(backend.did).toEqual([]);
      },
    );

    test('is closed to whoever has no token, to pages of other sites, and to other methods', async () => {
      const { http, backend } = world({ secrets: { apiTokens: ['alice:secret'] } });
      const path = `/api/plans/plan-1/${act}`;
      await http.post(path).send({ reason: 'r' }).expect(401);
      await http.get('/api/plans').expect(401);
      const token = { Authorization: 'Bearer secret' };
      await http.get(path).set(token).expect(405).expect('Allow', 'POST');
      await http.post('/api/plans').set(token).expect(405);
      await http.post(path).set(token).set('Sec-Fetch-Site', 'cross-site').send({ reason: 'r' }).expect(403);
      expect(backend.did).toEqual([]);
      const body = act === 'dismiss' ? { reason: 'r' } : {};
      await http
        .post(path)
        .set(token)
        .send(body)
        .expect(act === 'dismiss' ? 200 : 202);
      expect(backend.did).toMatchObject([[act, 'plan-1', expect.anything(), 'alice']]);
    });
  });
});
