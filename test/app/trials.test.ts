import { describe, expect, it } from 'vitest';
import { operated } from '../support/operated.js';
import { roomy, rule, type Setup } from '../support/service.js';

const trying = async (setup: Setup = {}) => {
  const world = await operated({ scenario: roomy(), ...setup });
  return { ...world, attempt: (body: object) => world.post('/api/try', { rule: 'test-cpu', hosts: ['a'], ...body }) };
};

describe('POST /api/try', () => {
  it('plans as a command would, and says that an alert would move', async () => {
    const { attempt } = await trying();
    expect((await attempt({}).expect(200)).body).toMatchObject({
      outcome: 'migrate',
      rule: 'test-cpu',
      metric: 'cpu.usage_active',
      threshold: 60,
      sources: [{ name: 'a', current: 70, predicted: expect.closeTo(58) as number }],
      migrations: [{ guest: { name: 'g' }, target_host: { name: 'b', predicted: expect.closeTo(32) as number } }],
      cost: 9216,
      notes: expect.any(String) as string,
      rejected: expect.any(Array) as unknown[],
      explanation: { loads: [{ name: 'a' }, { name: 'b' }] },
      would: { outcome: 'move', reasons: [] },
    });
  });

  it('moves nothing, and leaves nothing behind that a later decision goes by', async () => {
    const { attempt, cloud, journal, service, alert, options, clock } = await trying({
      over: () => ({ verification: { misses: 3, tolerance: 10 } }),
    });
    const before = journal.memory();
    await attempt({}).expect(200);
    expect(cloud.asked.size).toBe(0);
    expect(journal.memory()).toEqual(before);
    expect(await journal.events()).toEqual([]);
    expect([journal.openBatch(), service.batch()]).toEqual([undefined, null]);
    // Somebody moves a guest: a try must neither pause the rule nor take the look that shows it.
    await alert('a').expect(202);
    await service.idle();
    const moved = {
      id: 'id-i',
      name: 'i',
      host_id: 'id-a',
      status: 'running' as const,
      vcpu_count: 8,
      vmem_size: 2048,
    };
    await options.cloud.startMigration({
      guest: moved,
      source: { id: 'id-a', name: 'a' },
      target: { id: 'id-c', name: 'c' },
    });
    await clock.sleep(60_000);
    cloud.setHostReading('a', 'cpu.usage_active', 75);
    await attempt({}).expect(200);
    expect(await journal.events({ action: 'foreign_move' })).toEqual([]);
    await alert('a').expect(202);
    await service.idle();
    expect(await journal.events({ action: 'foreign_move' })).toMatchObject([{ notes: { moves: [{ guest: 'i' }] } }]);
  });

  it.each<[string, Setup, object]>([
    ['the rule only recommends', { rules: [rule({ mode: 'recommend' })] }, { outcome: 'recommend' }],
    ['the process only recommends', { over: () => ({ mode: 'recommend' }) }, { outcome: 'recommend' }],
    [
      'the rule is disabled',
      { rules: [rule({ enabled: false })] },
      { outcome: 'nothing', held_by: 'rule_disabled', reasons: ['rule test-cpu is disabled'] },
    ],
    [
      'its window is closed',
      { rules: [rule({ windows: { deny: ['* * * * *'] } })] },
      { outcome: 'nothing', held_by: 'outside_window' },
    ],
    [
      'a budget is spent',
      { over: () => ({ budget: { memoryMib: 1 } }) },
      { outcome: 'nothing', reasons: [expect.stringMatching(/^left out: g to b; the budget of all rules is 1 MiB/)] },
    ],
  ])('plans all the same where %s, and says so', async (_what, setup, would) => {
    const { attempt } = await trying(setup);
    expect((await attempt({}).expect(200)).body).toMatchObject({ outcome: 'migrate', cost: 9216, would });
  });

  it('says that it is paused', async () => {
    const { attempt, post } = await trying();
    await post('/api/pause', { reason: 'works' }).expect(200);
    expect((await attempt({}).expect(200)).body).toMatchObject({
      outcome: 'migrate',
      would: { outcome: 'nothing', held_by: 'paused', reasons: ['automigrate is paused by alice: works'] },
    });
  });

  it('works while a batch moves guests, and says so', async () => {
    const { attempt, alert, cloud, service } = await trying();
    const begun = cloud.startMigration.bind(cloud);
    let body: unknown;
    cloud.startMigration = async (asked) => {
      const started = await begun(asked);
      body = (await attempt({ hosts: ['c'] }).expect(200)).body;
      return started;
    };
    await alert('a').expect(202);
    await service.idle();
    expect(body).toMatchObject({
      outcome: 'not_needed',
      batch: 'batch-1',
      would: { outcome: 'nothing', held_by: 'busy' },
    });
    expect(cloud.asked.size).toBe(1);
  });

  it('says why nothing is to be done', async () => {
    const { attempt } = await trying();
    const { body } = await attempt({ hosts: ['b'] }).expect(200);
    const said = 'host b: cpu.usage_active is 20, which does not pass the threshold 60';
    expect(body).toMatchObject({ outcome: 'not_needed', migrations: [], notes: said, would: { reasons: [said] } });
  });

  it('says which rule or host it does not know', async () => {
    const { attempt } = await trying();
    expect((await attempt({ rule: 'nope' }).expect(404)).body).toMatchObject({ message: 'there is no rule nope' });
    expect((await attempt({ hosts: ['a', 'zz'] }).expect(404)).body).toMatchObject({
      message: expect.stringContaining('zz') as string,
    });
  });

  it.each([
    [{ rule: 1 }, 'rule'],
    [{ hosts: [] }, 'hosts'],
    [{ hosts: 'a' }, 'hosts'],
    [{ hosts: [''] }, 'hosts'],
    [{ go: true }, 'go'],
  ])('names what is wrong of %j', async (body, field) => {
    const { attempt } = await trying();
    expect((await attempt(body).expect(400)).body).toMatchObject({ error: 'invalid_body', problems: [{ field }] });
  });
});

describe('POST /api/test-alert', () => {
  const matching = rule({ match: { alert: 'HostBusy', labels: { severity: 'critical' }, hostLabel: 'node' } });

  it('makes the webhook that the rule waits for, and says what would come of it', async () => {
    const { post, cloud, journal } = await operated({ scenario: roomy(), rules: [matching] });
    const { body } = await post('/api/test-alert', { rule: 'test-cpu', host: 'a' }).expect(200);
    expect(body).toMatchObject({
      outcome: 'tried',
      alert: {
        version: '4',
        alerts: [{ status: 'firing', labels: { alertname: 'HostBusy', severity: 'critical', node: 'a' } }],
      },
      answer: { outcome: 'accepted', rules: ['test-cpu'], hosts: ['a'] },
      plan: { outcome: 'migrate', migrations: [{ guest: { name: 'g' } }], would: { outcome: 'move' } },
    });
    expect(cloud.asked.size).toBe(0);
    expect(await journal.events()).toEqual([]);
  });

  it('makes a webhook that the door really takes', async () => {
    const { post, http, service } = await operated({ scenario: roomy(), rules: [matching] });
    const { body } = await post('/api/test-alert', { rule: 'test-cpu', host: 'a' }).expect(200);
    const sent = http.post('/webhooks/alertmanager').set('Authorization', 'Bearer webhook-secret-01234');
    expect((await sent.send((body as { alert: object }).alert).expect(202)).body).toMatchObject({
      outcome: 'accepted',
    });
    await service.idle();
  });

  it('with go is taken on like any other alert', async () => {
    const { post, service, cloud } = await operated({ scenario: roomy(), rules: [matching] });
    const { body } = await post('/api/test-alert', { rule: 'test-cpu', host: 'a', go: true }).expect(200);
    expect(body).toMatchObject({
      outcome: 'accepted',
      batch: 'batch-2',
      answer: { outcome: 'accepted', batch: 'batch-2', rules: ['test-cpu'], hosts: ['a'] },
    });
    await service.idle();
    expect([...cloud.asked.keys()]).toEqual(['id-g']);
  });

  it.each([false, true])('while it is paused is ignored (go: %s)', async (go) => {
    const { post, cloud } = await operated({ scenario: roomy() });
    await post('/api/pause', { reason: 'works' }).expect(200);
    const { body } = await post('/api/test-alert', { rule: 'test-cpu', host: 'a', go }).expect(200);
    expect(body).toMatchObject({ answer: { outcome: 'ignored', reason: 'paused' } });
    expect(cloud.asked.size).toBe(0);
  });

  it('says that another rule takes such alerts', async () => {
    const rules = [rule({ match: { alert: 'x' } }), rule({ name: 'z-later', match: { alert: 'x' } })];
    const { post } = await operated({ scenario: roomy(), rules });
    const { body } = await post('/api/test-alert', { rule: 'z-later', host: 'b' }).expect(200);
    expect(body).toMatchObject({ answer: { outcome: 'accepted', rules: ['test-cpu'] } });
  });

  it('says which rule or host it does not know, and takes no other field', async () => {
    const { post, http } = await operated({ scenario: roomy() });
    await post('/api/test-alert', { rule: 'nope', host: 'a' }).expect(404);
    expect((await post('/api/test-alert', { rule: 'test-cpu', host: 'zz' }).expect(404)).body).toMatchObject({
      message: expect.stringContaining('zz') as string,
    });
    await post('/api/test-alert', { rule: 'test-cpu', host: 'a', go: 'yes' }).expect(400);
    await http.post('/api/test-alert').send({ rule: 'test-cpu', host: 'a' }).expect(401);
  });
});
