import { describe, expect, it } from 'vitest';
import { createService } from '../../src/app/service.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import type { PlanView } from '../../src/intake/views.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { operated, surface } from '../support/operated.js';
import { roomy, rule, type Setup } from '../support/service.js';

/** a must give away three of its guests, x one; b, c and y have room. */
const crowded = () =>
  scenario(
    fleet(
      [host('a', 88), host('b', 20), host('c', 20), host('x', 66), host('y', 10)],
      [
        ...['g', 'h', 'i'].map((name) => guest(name, 'a', 60)),
        guest('o', 'x', 60),
        guest('p', 'x', 10, { vmem_size: 65536 }),
      ],
    ),
  );

/** A rule that only recommends, one that acts, and the plan that the first has made for host a. */
async function recommended(setup: Setup = {}) {
  // They have nothing to do with each other's hosts.
  const rules = [
    rule({ mode: 'recommend', target: { hosts: ['b', 'c'] } }),
    rule({ name: 'acting', source: { hosts: ['x'] }, target: { hosts: ['y'] } }),
  ];
  const world = await operated({ scenario: crowded(), rules, ...setup });
  await world.alert('a').expect(202);
  await world.service.idle();
  const plans = async () => ((await world.get('/api/plans').expect(200)).body as { plans: PlanView[] }).plans;
  const approve = (body: object = {}, token?: string) => world.post(`/api/plans/${plan!.id}/approve`, body, token);
  const dismiss = (reason = 'no need') => world.post(`/api/plans/${plan!.id}/dismiss`, { reason });
  const [plan] = await plans();
  /** Does something while the other rule's batch moves its guest. */
  const whileMoving = async (act: () => Promise<void>) => {
    const { cloud } = world;
    const begun = cloud.startMigration.bind(cloud);
    cloud.startMigration = async (asked) => {
      cloud.startMigration = begun;
      const started = await begun(asked);
      await act();
      return started;
    };
    await world.alert('x', 'acting').expect(202);
    await world.service.idle();
    await expect.poll(async () => (await plans()).filter(({ state }) => state === 'waiting')).toEqual([]);
    await world.service.idle();
  };
  return { ...world, plan: plan!, plans, approve, dismiss, whileMoving, rules };
}

describe('GET /api/plans', () => {
  it('tells what the plan costs and brings, host by host, and why it is these moves', async () => {
    const { plan } = await recommended();
    expect(plan).toMatchObject({ state: 'open', cost: 3 * (8192 + 1024), metric: 'cpu.usage_active' });
    expect(plan.migrations).toHaveLength(3);
    const [source, ...targets] = plan.loads;
    expect(source).toMatchObject({ id: 'id-a', name: 'a', role: 'source', before: 88, threshold: 60 });
    expect(source?.after).toBeCloseTo(52);
    const added = targets.reduce((sum, { before, after }) => sum + after - before, 0);
    expect(added).toBeCloseTo(36);
    expect(targets.every(({ role, before, after }) => role === 'target' && after > before)).toBe(true);
    expect(plan.why).toMatch(/^3 guests with 24576 MiB to copy \(price 27648\): proven to be the cheapest/);
  });

  it('tells how long it will take once the rule has moved something', async () => {
    const { plan, plans, approve, service, alert, cloud, clock, post } = await recommended();
    expect(plan.expected_s).toBeNull();
    await approve({ moves: [plan.migrations[0]!.guest.id] }).expect(202);
    await service.idle();
    cloud.setHostReading('a', 'cpu.usage_active', 70);
    clock.advance(3_600_000);
    await alert('a').expect(202);
    await service.idle();
    const open = (await plans()).filter(({ state }) => state === 'open');
    // 8 GiB at 1 GiB a second, seen by looks that are some seconds apart; one move at a time.
    expect(open).toHaveLength(1);
    expect(open[0]?.expected_s).toBeGreaterThanOrEqual(8);
    expect(open[0]?.expected_s).toBeLessThan(30);
    await post(`/api/plans/${open[0]?.id}/dismiss`, { reason: 'r' }).expect(200);
  });
});

describe('an approval of some moves', () => {
  it('carries out these alone, and tells what they bring', async () => {
    const { plan, plans, approve, service, cloud, journal } = await recommended();
    const [first] = plan.migrations;
    const { body } = await approve({ moves: [first!.guest.id] }).expect(202);
    expect(body).toMatchObject({
      outcome: 'accepted',
      cost: 9216,
      loads: [
        { name: 'a', before: 88, after: expect.closeTo(76) as number, threshold: 60 },
        { name: first!.target_host.name, role: 'target' },
      ],
    });
    await service.idle();
    expect([...cloud.asked]).toEqual([[first!.guest.id, 1]]);
    expect(await journal.events({ action: 'approved' })).toMatchObject([
      {
        user: 'alice',
        notes: { moves: [first!.guest.name] },
        text: expect.stringMatching(/the moves of \w were approved by alice/),
      },
    ]);
    expect(await plans()).toMatchObject([
      { state: 'approved', approved: { by: 'alice', moves: [first!.guest.id] }, cost: 9216 },
    ]);
  });

  it('moves nothing where one of them does not hold any more', async () => {
    const { plan, approve, cloud } = await recommended();
    const [first, second] = plan.migrations;
    cloud.setHostReading(second!.target_host.name, 'cpu.usage_active', 58);
    const picked = [first!, second!].map(({ guest: { id } }) => id);
    const { body } = await approve({ moves: picked }).expect(409);
    expect(body).toMatchObject({ reason: 'changed', reasons: [expect.stringMatching(/>= threshold/)] });
    expect(cloud.asked.size).toBe(0);
  });

  it('names guests that the plan does not move', async () => {
    const { plan, approve, cloud } = await recommended();
    const { body } = await approve({ moves: [plan.migrations[0]!.guest.id, 'id-o'] }).expect(400);
    expect(body).toEqual({
      error: 'invalid_body',
      problems: [{ field: 'moves[1]', message: `plan ${plan.id} moves no guest with this id` }],
    });
    expect(cloud.asked.size).toBe(0);
  });
});

describe('POST /api/plans/<id>/dismiss', () => {
  it('ends the plan, with who and why', async () => {
    const { plan, plans, approve, dismiss, journal } = await recommended();
    expect((await dismiss().expect(200)).body).toEqual({ outcome: 'dismissed', plan: plan.id });
    expect(await plans()).toMatchObject([{ state: 'dismissed', dismissed: { by: 'alice', reason: 'no need' } }]);
    expect((await journal.events()).at(-1)).toMatchObject({
      action: 'dismissed',
      user: 'alice',
      text: `plan ${plan.id} of rule test-cpu was dismissed by alice: no need`,
    });
    const why = { reason: 'dismissed', reasons: [`plan ${plan.id} was dismissed by alice: no need`] };
    expect((await approve().expect(409)).body).toMatchObject(why);
    expect((await dismiss().expect(409)).body).toMatchObject(why);
  });

  it('is honoured by an approval that still looks', async () => {
    const { approve, dismiss, cloud } = await recommended();
    const inventory = cloud.inventory.bind(cloud);
    cloud.inventory = async (signal) => {
      await dismiss().expect(200);
      return inventory(signal);
    };
    expect((await approve().expect(409)).body).toMatchObject({ reason: 'dismissed' });
    expect(cloud.asked.size).toBe(0);
  });

  it('comes too late for a plan that was approved, and knows its plans', async () => {
    const { approve, dismiss, post, service } = await recommended();
    await approve().expect(202);
    expect((await dismiss().expect(409)).body).toMatchObject({ reason: 'approved' });
    await post('/api/plans/plan-none/dismiss', { reason: 'r' }).expect(404);
    await service.idle();
  });
});

describe('an approval for when the running batch has ended', () => {
  it('is carried out then, by who gave it', async () => {
    const { plan, plans, approve, whileMoving, cloud, journal } = await recommended();
    await whileMoving(async () => {
      await approve().expect(409);
      const { body } = await approve({ when: 'free' }).expect(202);
      expect(body).toEqual({ outcome: 'waiting', plan: plan.id, batch: 'batch-3' });
      expect(await plans()).toMatchObject([{ state: 'waiting', approved: { by: 'alice' } }]);
    });
    expect([...cloud.asked.keys()].sort()).toEqual(['id-g', 'id-h', 'id-i', 'id-o']);
    expect((await journal.events({ action: 'approved' })).map(({ text }) => text)).toEqual([
      `plan ${plan.id} was approved by alice for when batch batch-3 has ended`,
      `plan ${plan.id} was approved by alice and waited for a batch to end`,
    ]);
    expect(await plans()).toMatchObject([{ state: 'approved' }]);
  });

  it('is carried out at once where none runs', async () => {
    const { approve, service, cloud } = await recommended();
    expect((await approve({ when: 'free' }).expect(202)).body).toMatchObject({ outcome: 'accepted' });
    await service.idle();
    expect(cloud.asked.size).toBe(3);
  });

  it('holds for the moves that were picked', async () => {
    const { plan, approve, whileMoving, cloud } = await recommended();
    const [, second] = plan.migrations;
    await whileMoving(async () => {
      await approve({ when: 'free', moves: [second!.guest.id] }).expect(202);
    });
    expect([...cloud.asked.keys()].sort()).toEqual(['id-o', second!.guest.id].sort());
  });

  it('is looked at again, and told of where the plan does not hold any more', async () => {
    const { plan, plans, approve, whileMoving, cloud, journal } = await recommended();
    await whileMoving(async () => {
      await approve({ when: 'free' }).expect(202);
      cloud.setHostReading('a', 'cpu.usage_active', 40);
    });
    expect([...cloud.asked.keys()]).toEqual(['id-o']);
    expect((await journal.events()).at(-1)).toMatchObject({
      action: 'limited',
      user: 'alice',
      obj_name: 'test-cpu',
      notes: {
        text: expect.stringMatching(
          new RegExp(
            `^plan ${plan.id}, which alice has approved .* is not carried out: host a: cpu.usage_active is 40`,
          ),
        ) as string,
        left_out: [{ guest: { host: 'a' } }, {}, {}],
      },
    });
    expect(await plans()).toMatchObject([{ state: 'open' }]);
  });

  it.each(['pause', 'stop', 'dismiss'])('is taken back by a %s in between', async (act) => {
    const { plan, plans, approve, dismiss, post, whileMoving, cloud, journal } = await recommended();
    await whileMoving(async () => {
      await approve({ when: 'free' }).expect(202);
      if (act === 'dismiss') await dismiss().expect(200);
      if (act === 'pause') {
        await post('/api/pause', { reason: 'works' }).expect(200);
        await post('/api/resume').expect(200);
      }
      if (act === 'stop') {
        const { body } = await post('/api/batch/stop', {}, 'bob-secret-01234567').expect(202);
        expect(body).toMatchObject({ batch: 'batch-3', no_longer_waiting: [plan.id] });
      }
    });
    expect([...cloud.asked.keys()]).toEqual(['id-o']);
    expect(await plans()).toMatchObject([{ state: act === 'dismiss' ? 'dismissed' : 'open' }]);
    const rows = await journal.events();
    const why = { pause: /automigrate is paused by alice: works$/, stop: /it was stopped by bob$/ }[act];
    if (why) expect(rows.find(({ text }) => why.test(text))).toMatchObject({ action: expect.anything() as string });
    expect(rows.filter(({ action }) => action === 'approved')).toHaveLength(1);
  });

  it.each([
    ['while the batch still runs', false],
    ['after the batch has ended', true],
  ])('outlives the process, %s', async (_when, batchEnds) => {
    const { plan, approve, cloud, service, alert, options, directory, clock } = await recommended();
    const begun = cloud.startMigration.bind(cloud);
    cloud.startMigration = async (asked) => {
      cloud.startMigration = begun;
      const started = await begun(asked);
      await approve({ when: 'free' }).expect(202);
      void service.stop();
      return started;
    };
    await alert('x', 'acting').expect(202);
    await service.idle();
    const journal = await openJournal(directory, clock, { sync: false });
    expect(journal.memory().plans).toMatchObject([{ id: plan.id, state: 'waiting' }]);
    if (batchEnds) await journal.commit({ batch: null });
    const second = createService({ ...options, journal, busy: createBusy() });
    const { get } = surface(second, { journal, clock });
    await second.recover();
    await expect
      .poll(async (): Promise<unknown> => (await get('/api/plans')).body)
      .toMatchObject({ plans: [{ state: 'approved' }] });
    await second.idle();
    expect([...cloud.asked.values()]).toEqual([1, 1, 1, 1]);
  });
});

it('reads plans of an older version', async () => {
  const { journal, get } = await operated({ scenario: roomy() });
  const old = {
    id: 'plan-old',
    rule: 'test-cpu',
    sender: 'grafana',
    batch: 'b0',
    hosts: [['a']],
    created_at: '2026-11-21T04:00:00Z',
    expires_at: '2026-11-22T04:00:00Z',
    state: 'open' as const,
    outcome: 'migrate' as const,
    cost: 0,
    notes: 'a sentence',
    migrations: [],
  };
  await journal.commit({ memory: (memory) => ({ ...memory, plans: [old] }) });
  expect((await get('/api/plans').expect(200)).body).toEqual({
    plans: [{ ...old, loads: [], expected_s: null, why: 'a sentence' }],
  });
});
