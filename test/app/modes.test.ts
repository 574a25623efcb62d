import { describe, expect, it } from 'vitest';
import type { MigrationNotes } from '../../src/journal/events.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { MOST_PLANS } from '../../src/journal/memory.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { createService } from '../../src/app/service.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert, build, roomy, rule, type Setup } from '../support/service.js';

/** A rule that recommends, and the one plan that it has made: g from a to b. */
async function recommended(setup: Setup = {}) {
  const world = await build({ scenario: roomy(), rules: [rule({ mode: 'recommend' })], ...setup });
  await world.service.handleAlerts([alert('a')]);
  await world.service.idle();
  const [plan] = await world.service.operator.plans();
  return { ...world, plan: plan! };
}

describe('mode recommend', () => {
  it('records the plan, and moves nothing', async () => {
    const { journal, cloud, plan, service } = await recommended();
    expect(cloud.asked.size).toBe(0);
    expect(await journal.events()).toMatchObject([
      {
        action: 'recommended',
        obj_name: 'test-cpu',
        batch: 'batch-1',
        notes: { plan: plan.id, outcome: 'migrate', cost: 9216, migrations: [{ guest: { name: 'g' } }] },
      },
    ]);
    expect(plan).toMatchObject({ rule: 'test-cpu', state: 'open', batch: 'batch-1', hosts: [['a']] });
    expect(service.batch()).toBeNull();
  });

  it('carries the plan out once it is approved', async () => {
    const { journal, cloud, plan, service, actions } = await recommended();
    const answer = await service.operator.approve(plan.id, { when: 'now' }, 'api');
    expect(answer).toMatchObject({ outcome: 'accepted', plan: plan.id, rules: ['test-cpu'] });
    await service.idle();
    expect(await actions()).toEqual(['recommended', 'approved', 'migrating', 'migrate_success']);
    expect([...cloud.asked.keys()]).toEqual(['id-g']);
    const batch = answer.outcome === 'accepted' ? answer.batch : '';
    expect(await journal.events({ batch })).toHaveLength(3);
    expect(await service.operator.plans()).toMatchObject([{ state: 'approved', by: batch }]);
  });

  it('carries a plan out once, however often it is approved', async () => {
    const { plan, service, cloud } = await recommended();
    const answers = await Promise.all([
      service.operator.approve(plan.id, { when: 'now' }, 'api'),
      service.operator.approve(plan.id, { when: 'now' }, 'api'),
    ]);
    expect(answers.map(({ outcome }) => outcome)).toEqual(['accepted', 'refused']);
    expect(answers[1]).toMatchObject({ reason: 'busy' });
    await service.idle();
    expect(await service.operator.approve(plan.id, { when: 'now' }, 'api')).toMatchObject({
      outcome: 'refused',
      reason: 'approved',
    });
    expect([...cloud.asked.values()]).toEqual([1]);
  });

  it('knows a plan after a restart', async () => {
    const { directory, clock, options, plan } = await recommended();
    const journal = await openJournal(directory, clock);
    const second = createService({ ...options, journal, busy: createBusy() });
    await second.recover();
    expect(await second.operator.approve(plan.id, { when: 'now' }, 'api')).toMatchObject({ outcome: 'accepted' });
    await second.idle();
    expect((await journal.events()).at(-1)).toMatchObject({ action: 'migrate_success' });
  });

  it('says that there is no such plan', async () => {
    const { service } = await recommended();
    expect(await service.operator.approve('plan-nothing', { when: 'now' }, 'api')).toEqual({ outcome: 'unknown' });
  });

  it('refuses while a batch runs', async () => {
    const other = rule({ name: 'other' });
    const { service, plan, cloud } = await recommended({ rules: [rule({ mode: 'recommend' }), other] });
    await service.handleAlerts([alert('a', { name: 'other' })]);
    expect(await service.operator.approve(plan.id, { when: 'now' }, 'api')).toMatchObject({
      outcome: 'refused',
      reason: 'busy',
      reasons: [expect.stringMatching(/^batch batch-\d+ is running$/)],
    });
    await service.idle();
    expect([...cloud.asked.keys()]).toEqual(['id-g']);
    expect(await service.operator.approve(plan.id, { when: 'now' }, 'api')).toMatchObject({
      outcome: 'refused',
      reason: 'changed',
    });
  });

  it('forgets a plan after a day', async () => {
    const { service, plan, clock, cloud } = await recommended();
    clock.advance(86_400_000);
    expect(await service.operator.plans()).toMatchObject([{ state: 'expired' }]);
    expect(await service.operator.approve(plan.id, { when: 'now' }, 'api')).toMatchObject({
      outcome: 'refused',
      reason: 'expired',
    });
    expect(cloud.asked.size).toBe(0);
  });

  it.each([
    ['the source has calmed down', 'a', 55, /host a: cpu.usage_active is 55, which does not pass the threshold 60/],
    ['the target has filled up', 'b', 58, /host:b:current\(58\.000000\) \+ guest:g:score\(12\.000000\) >= threshold/],
  ])('says what has changed: %s', async (_what, name, cpu, words) => {
    const { service, plan, cloud } = await recommended();
    cloud.setHostReading(name, 'cpu.usage_active', cpu);
    expect(await service.operator.approve(plan.id, { when: 'now' }, 'api')).toMatchObject({
      outcome: 'refused',
      reason: 'changed',
      reasons: [expect.stringMatching(words)],
    });
    expect(cloud.asked.size).toBe(0);
    expect(await service.operator.plans()).toMatchObject([{ state: 'open' }]);
    // The flag is free again.
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
  });

  it('says what has changed: the guest is elsewhere', async () => {
    const { service, plan, cloud, options, clock } = await recommended();
    await options.cloud.startMigration({
      guest: guest('g', 'a', 60),
      source: { id: 'id-a', name: 'a' },
      target: { id: 'id-c', name: 'c' },
    });
    await clock.sleep(60_000);
    cloud.setHostReading('a', 'cpu.usage_active', 70);
    expect(await service.operator.approve(plan.id, { when: 'now' }, 'api')).toMatchObject({
      reason: 'changed',
      reasons: ['guest g is on host c now, not on a'],
    });
  });

  it('leaves out what is no longer needed of an approved plan', async () => {
    const hosts = [host('a', 80), host('b', 20)];
    const guests = [guest('g', 'a', 60), guest('h', 'a', 60)];
    const { service, plan, cloud } = await recommended({ scenario: scenario(fleet(hosts, guests)) });
    expect(plan.migrations).toHaveLength(2);
    cloud.setHostReading('a', 'cpu.usage_active', 70);
    const answer = await service.operator.approve(plan.id, { when: 'now' }, 'api');
    expect(answer).toMatchObject({ outcome: 'accepted', no_longer_needed: [expect.stringMatching(/^[gh]$/)] });
    await service.idle();
    expect(cloud.asked.size).toBe(1);
  });

  it('keeps the id of a plan that is made again, and replaces one that has become another', async () => {
    const { service, plan, cloud, actions } = await recommended();
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect((await service.operator.plans()).map(({ id, state }) => [id, state])).toEqual([[plan.id, 'open']]);
    cloud.setHostReading('b', 'cpu.usage_active', 58);
    await service.handleAlerts([alert('a')]);
    await service.idle();
    const plans = await service.operator.plans();
    expect(plans.map(({ state }) => state)).toEqual(['superseded', 'open']);
    expect(await service.operator.approve(plan.id, { when: 'now' }, 'api')).toMatchObject({
      reason: 'superseded',
      reasons: [`plan ${plans[1]?.id} has taken the place of plan ${plan.id}`],
    });
    expect(await actions()).toEqual(['recommended', 'recommended', 'recommended']);
  });

  it('keeps no more plans than a journal should hold', async () => {
    const { journal, service } = await recommended();
    const [plan] = journal.memory().plans;
    await journal.commit({
      memory: (memory) => ({
        ...memory,
        plans: [...memory.plans, ...Array.from({ length: 80 }, (_, at) => ({ ...plan!, id: `plan-x${at}` }))],
      }),
    });
    expect(await service.operator.plans()).toHaveLength(MOST_PLANS);
    expect((await service.operator.plans()).at(-1)?.id).toBe('plan-x79');
  });
});

describe('time windows', () => {
  it('ignores alerts that come outside, with the reason, and takes them inside', async () => {
    // The clock of the tests begins at 05:00 UTC.
    const { service, journal, clock, cloud } = await build({
      scenario: roomy(),
      rules: [rule({ windows: { allow: ['* 6-21 * * *'] } })],
    });
    const answer = await service.handleAlerts([alert('a')]);
    expect(answer).toMatchObject({ outcome: 'ignored', reason: 'outside_window' });
    expect(await journal.events()).toMatchObject([
      {
        action: 'ignored',
        obj_name: 'test-cpu',
        notes: expect.stringMatching(/^outside_window: rule test-cpu: .*05:00 UTC/),
      },
    ]);
    expect(cloud.asked.size).toBe(0);
    clock.advance(3_600_000);
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
  });

  it('holds back one rule of a body, not the other', async () => {
    const closed = rule({ name: 'closed', windows: { deny: ['* * * * *'] } });
    const { service, actions } = await build({ scenario: roomy(), rules: [rule(), closed] });
    const answer = await service.handleAlerts([alert('a', { name: 'closed' }), alert('a')]);
    expect(answer).toMatchObject({ outcome: 'accepted', rules: ['test-cpu'] });
    await service.idle();
    expect(await actions()).toEqual(['ignored', 'migrating', 'migrate_success']);
  });
});

describe('a window that closes while a batch runs', () => {
  /** a needs two of its three guests gone; each takes longer than what is left of the window. */
  const slow = () =>
    scenario(
      fleet(
        [host('a', 80), host('b', 20), host('c', 20)],
        ['g', 'h', 'i'].map((name) => guest(name, 'a', 60)),
      ),
      { bandwidth: 64 },
    );
  const rules = [rule({ windows: { deny: ['1-59 5 * * *'] } })];

  it('lets what has begun arrive, leaves the rest and says so', async () => {
    const { service, journal, actions } = await build({ scenario: slow(), rules });
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
    expect(await actions()).toEqual(['migrating', 'migrate_success', 'limited']);
    const [limited] = await journal.events({ action: 'limited' });
    expect(limited?.notes).toMatchObject({
      text: expect.stringMatching(/^left out: \w to \w; rule test-cpu: .*05:0\d UTC is denied by "1-59 5 \* \* \* ?"/),
      left_out: [{ guest: { host: 'a' } }],
    });
    expect(journal.endedBatches().at(-1)).toMatchObject({ succeeded: 1 });
  });

  it('does not hold up what a person has approved', async () => {
    const recommending = [rule({ mode: 'recommend', windows: { deny: ['1-59 5 * * *'] } })];
    const { service, actions } = await build({ scenario: slow(), rules: recommending });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await service.operator.approve('plan-batch-2', { when: 'now' }, 'api')).toMatchObject({
      outcome: 'accepted',
    });
    await service.idle();
    expect((await actions()).filter((action) => action === 'migrate_success')).toHaveLength(2);
  });
});

describe('budgets', () => {
  /** a needs two of its three guests gone. */
  const busyHost = () =>
    scenario(
      fleet(
        [host('a', 80), host('b', 20), host('c', 20)],
        [guest('g', 'a', 60), guest('h', 'a', 60), guest('i', 'a', 60)],
      ),
    );
  const guests = (events: { notes: unknown }[]) => events.map(({ notes }) => (notes as MigrationNotes).guest.name);

  it('cuts a plan to the migrations that are left for the hour, and records what was cut off', async () => {
    const world = await build({ scenario: busyHost(), rules: [rule({ limits: { migrationsPerHour: 1 } })] });
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    const [limited] = await world.journal.events({ action: 'limited' });
    const [moved] = guests(await world.journal.events({ action: 'migrating' }));
    expect(limited?.notes).toMatchObject({
      text: expect.stringMatching(/^left out: \w to \w; the budget of rule test-cpu is 1 migrations an hour$/),
      left_out: [{ guest: { host: 'a' } }],
    });
    expect(guests([{ notes: (limited?.notes as { left_out: unknown[] }).left_out[0] }])).not.toEqual([moved]);
    expect(world.cloud.asked.size).toBe(1);

    // A restart forgets nothing of the hour, and an hour later there is room again.
    const journal = await openJournal(world.directory, world.clock);
    const second = createService({ ...world.options, journal, busy: createBusy() });
    await second.handleAlerts([alert('a')]);
    await second.idle();
    expect(world.cloud.asked.size).toBe(1);
    world.clock.advance(3_600_000);
    await second.handleAlerts([alert('a')]);
    await second.idle();
    expect(world.cloud.asked.size).toBe(2);
  });

  it('counts memory too, and what all rules have moved together', async () => {
    const { service, journal, cloud } = await build({
      scenario: busyHost(),
      over: () => ({ budget: { memoryMib: 8192 } }),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(cloud.asked.size).toBe(1);
    expect((await journal.events({ action: 'limited' }))[0]?.notes).toMatchObject({
      text: expect.stringContaining('the budget of all rules is 8192 MiB an hour'),
    });
  });

  it.each([
    [{}, 2],
    [{ perSource: 1 }, 1],
    [{ perTarget: 1 }, 1],
  ])('with the limits %j at most %i guests are on their way at once', async (limits, expected) => {
    const onTheWay = new Set<string>();
    let most = 0;
    let setOut: () => void = () => undefined;
    const bothSetOut = expected === 1 ? undefined : new Promise<void>((resolve) => (setOut = resolve));
    const { service, cloud } = await build({
      scenario: busyHost(),
      rules: [rule({ limits, target: { hosts: ['b'] } })],
      over: ({ cloud: inner }) => ({
        concurrency: 10,
        cloud: {
          ...inner,
          startMigration: (request) => {
            most = Math.max(most, onTheWay.add(request.guest.id).size);
            if (most === 2) setOut();
            return inner.startMigration(request);
          },
          migrationState: async (request, handle) => {
            // Where two may be on their way, the first one arrives only after the second has set out.
            if (onTheWay.has(request.guest.id)) await bothSetOut;
            const state = await inner.migrationState(request, handle);
            if (state.phase === 'settled' && state.hostId === request.target.id) onTheWay.delete(request.guest.id);
            return state;
          },
        },
      }),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(cloud.asked.size).toBe(2);
    expect([most, onTheWay.size]).toEqual([expected, 0]);
  });
});
