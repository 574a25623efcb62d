import { describe, expect, test } from 'vitest';
import type { ApprovalAnswer, PlanView } from '../../src/intake/views.js';
import { world } from './world.js';

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
};

describe('/api/plans', () => {
  test('tells the plans that are kept', async () => {
    const { http, backend } = world();
    expect((await http.get('/api/plans').expect(200)).body).toEqual({ plans: [] });
    backend.waiting = [plan];
    expect((await http.get('/api/plans').expect(200)).body).toEqual({ plans: [plan] });
  });

  test.each<[string, number, ApprovalAnswer, object]>([
    ['carries one out', 202, { outcome: 'accepted', plan: 'x', batch: 'b', rules: ['r'] }, { outcome: 'accepted' }],
    ['says what changed', 409, { outcome: 'refused', reason: 'changed', reasons: ['w'] }, { reasons: ['w'] }],
    ['says that a batch runs', 409, { outcome: 'refused', reason: 'busy', reasons: ['w'] }, { reason: 'busy' }],
    ['knows no such plan', 404, { outcome: 'unknown' }, { error: 'not_found' }],
    ['is going down', 503, { outcome: 'unavailable', reason: 'shutting_down', text: 't' }, { outcome: 'unavailable' }],
  ])('approve: %s', async (_what, status, answer, body) => {
    const { http, backend } = world();
    backend.approval = () => answer;
    expect((await http.post('/api/plans/plan-1/approve').send({}).expect(status)).body).toMatchObject(body);
    expect(backend.approved).toEqual(['plan-1']);
  });

  test.each(['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x'])(
    'approve: takes JSON, not %s, which a form of any page can send',
    async (type) => {
      const { http, backend } = world();
      await http.post('/api/plans/plan-1/approve').set('Content-Type', type).send('a=b').expect(415);
      await http.post('/api/plans/plan-1/approve').expect(415);
      expect(backend.approved).toEqual([]);
    },
  );

  test('is closed to whoever has no token, and to other methods', async () => {
    const { http, backend } = world({ secrets: { apiTokens: ['secret'] } });
    await http.post('/api/plans/plan-1/approve').send({}).expect(401);
    await http.get('/api/plans').expect(401);
    const token = { Authorization: 'Bearer secret' };
    await http.get('/api/plans/plan-1/approve').set(token).expect(405).expect('Allow', 'POST');
    await http.post('/api/plans').set(token).expect(405);
    expect(backend.approved).toEqual([]);
    await http.post('/api/plans/plan-1/approve').set(token).send({}).expect(202);
  });
});
