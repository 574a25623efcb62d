import { describe, expect, it } from 'vitest';
import { openSnapshots } from '../../src/decide/kept-snapshots.js';
import type { Cloud } from '../../src/fleet/fleet.js';
import type { JournalEvent, MigrationNotes } from '../../src/journal/events.js';
import { JournalError } from '../../src/journal/journal.js';
import { fleet, GIB, guest, host, scenario } from '../support/fleet.js';
import { alert, build, rule } from '../support/service.js';

const moves = (events: JournalEvent[]) =>
  events
    .map(({ notes }) => notes as MigrationNotes)
    .map(({ guest: { name }, target_host: to }) => `${name} to ${to.name}`);

describe('the second rule of one body', () => {
  it('plans on readings that show what the first has moved: one guest was enough for both', async () => {
    // Past 60 % and with 30 of 40 GiB available: g takes 12 points and 16 GiB along, h 12 points and 8 GiB.
    const site = scenario(
      fleet(
        [
          host('a', 70, { metrics: { 'cpu.usage_active': 70, 'mem.available': 30 * GIB } }),
          host('b', 20),
          host('c', 25),
        ],
        [guest('g', 'a', 60, { vmem_size: 16_384 }), guest('h', 'a', 20, { vmem_size: 16_384 })],
      ),
      { averaged: true },
    );
    const rules = [rule(), rule({ name: 'mem', metric: 'mem.available', threshold: '40GiB' })];
    const { service, journal } = await build({ scenario: site, rules });
    await service.handleAlerts([alert('a'), alert('a', { name: 'mem' })]);
    await service.idle();
    expect(moves(await journal.events({ action: 'migrate_success' }))).toEqual(['g to b']);
    expect(await journal.events({ action: 'not_needed' })).toMatchObject([{ obj_name: 'mem', batch: 'batch-1' }]);
  });

  it('… of the same metric too', async () => {
    const site = scenario(
      fleet([host('a', 70), host('b', 20), host('c', 25)], [guest('g', 'a', 60), guest('h', 'a', 60)]),
      { averaged: true },
    );
    const { service, journal } = await build({ scenario: site, rules: [rule(), rule({ name: 'again' })] });
    await service.handleAlerts([alert('a'), alert('a', { name: 'again' })]);
    await service.idle();
    expect(await journal.events({ action: 'migrate_success' })).toHaveLength(1);
    expect(await journal.events({ action: 'not_needed' })).toMatchObject([{ obj_name: 'again' }]);
  });
});

describe('a plan that does not clear its host', () => {
  /** a is 35 points past 60 %; its guests use so many points of it. */
  const over = (points: number, count = 1) =>
    scenario(
      fleet(
        [host('a', 95), host('b', 20)],
        Array.from({ length: count }, (_, at) => guest(`g${at}`, 'a', points * 5)),
      ),
    );

  it('is not carried out where it gains less than a fifth of the excess, and says so', async () => {
    const { service, journal } = await build({ scenario: over(1) });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    const events = await journal.events();
    expect(events).toMatchObject([{ action: 'find_result_fail', notes: expect.stringContaining('not worth it') }]);
    expect(events[0]?.notes).toContain('less than the least gain of 20 %');
  });

  it('is carried out where it gains enough, as partial; where the guests explain less than half the event says so', async () => {
    const { service, journal, actions } = await build({ scenario: over(10) });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).toEqual(['partial', 'migrating', 'migrate_success']);
    const [event] = await journal.events({ action: 'partial' });
    expect(event?.notes).toContain('the guests of a explain 10 % of its 95 %');
  });

  it('is worth what its rule says', async () => {
    const { service, actions } = await build({ scenario: over(1), rules: [rule({ leastGain: 0 })] });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).toEqual(['partial', 'migrating', 'migrate_success']);
  });

  it('is not recommended either where it gains too little', async () => {
    const { service, actions } = await build({ scenario: over(1), rules: [rule({ mode: 'recommend' })] });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).toEqual(['find_result_fail']);
    expect(await service.operator.plans()).toEqual([]);
  });
});

describe('after one of two moves has failed', () => {
  it('the second attempt does not say that a host is not cleared which is', async () => {
    const hosts = [host('a', 80), host('b', 20), host('c', 22), host('d', 24)];
    const guests = [guest('g', 'a', 60), guest('h', 'a', 60)];
    for (const averaged of [true, false]) {
      let refused = false;
      const { service, journal, actions } = await build({
        scenario: scenario(fleet(hosts, guests), { averaged }),
        over: ({ cloud }) => ({
          cloud: {
            ...cloud,
            startMigration: (request: Parameters<Cloud['startMigration']>[0]) => {
              if (refused || request.guest.name !== 'h') return cloud.startMigration(request);
              refused = true;
              return Promise.resolve({ accepted: false as const, reason: 'no room' });
            },
          },
        }),
      });
      await service.handleAlerts([alert('a')]);
      await service.idle();
      expect(moves(await journal.events({ action: 'migrate_success' })).map((move) => move[0])).toEqual(['g', 'h']);
      expect((await actions()).filter((action) => !action.startsWith('migrat'))).toEqual([]);
    }
  });

  it('nothing more is said of the hosts whose moves went well', async () => {
    const hosts = [host('a', 70), host('b', 70), host('c', 20), host('d', 22), host('e', 24)];
    const site = scenario(fleet(hosts, [guest('g', 'a', 60), guest('h', 'b', 60)]), { averaged: true, fail: ['h'] });
    const { service, journal, actions } = await build({ scenario: site });
    await service.handleAlerts([alert('a'), alert('b')]);
    await service.idle();
    expect(moves(await journal.events({ action: 'migrate_fail' }))).toHaveLength(2);
    expect((await actions()).filter((action) => !action.startsWith('migrat'))).toEqual([]);
  });
});

it('an approved batch is kept for a replay, and its first move tells the explanation', async () => {
  const { service, journal, directory, clock } = await build({
    scenario: scenario(fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60)])),
    rules: [rule({ mode: 'recommend' })],
    over: (options, directory) => ({ snapshots: openSnapshots(directory, options.clock) }),
  });
  await service.handleAlerts([alert('a')]);
  await service.idle();
  const answer = await service.operator.approve((await service.operator.plans())[0]!.id, { when: 'now' }, 'api');
  await service.idle();
  const batch = answer.outcome === 'accepted' ? answer.batch : '';
  const kept = await openSnapshots(directory, clock).read(batch);
  expect(kept?.parts).toMatchObject([
    { hosts: [['a']], approved_moves: [{ guestId: 'id-g', targetId: 'id-b' }], plan: { outcome: 'migrate' } },
  ]);
  const [migrating] = await journal.events({ action: 'migrating' });
  expect(migrating).toMatchObject({ batch, explanation: { chosen: expect.stringContaining('g') } });
});

describe('a guest that is elsewhere than it was left', () => {
  const site = () =>
    scenario(
      fleet(
        [host('a', 70), host('b', 20), host('c', 25), host('d', 10)],
        [guest('g', 'a', 60), guest('h', 'a', 60), guest('x', 'd', 5)],
      ),
    );
  const past = async (cloud: Cloud, name: string, from: string, to: string) => {
    const ends = { source: { id: `id-${from}`, name: from }, target: { id: `id-${to}`, name: to } };
    await cloud.startMigration({ guest: guest(name, from, 0), ...ends });
  };

  it('is found again where the journal refused once to take note of it', async () => {
    let refusals = 0;
    const world = await build({
      scenario: site(),
      over: ({ journal }) => ({
        journal: {
          ...journal,
          commit: (change) => {
            const isForeign = change.events?.some(({ action }) => action === 'foreign_move') === true;
            if (!isForeign || refusals > 0) return journal.commit(change);
            refusals += 1;
            return Promise.reject(new JournalError('journal.json', new Error('no space left on device')));
          },
        },
      }),
    });
    await world.service.handleAlerts([alert('b')]);
    await world.service.idle();
    await past(world.cloud, 'x', 'd', 'c');
    await world.clock.sleep(60_000);
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    expect(refusals).toBe(1);
    expect(await world.journal.events({ action: 'foreign_move' })).toMatchObject([
      { notes: { moves: [{ guest: 'x', from: 'd', to: 'c' }] } },
    ]);
    expect(world.cloud.asked.get('id-g')).toBeUndefined();
  });

  it('makes every rule of the body pause that it concerns, also those whose turn comes later', async () => {
    const world = await build({ scenario: site(), rules: [rule(), rule({ name: 'other' })] });
    await world.service.handleAlerts([alert('b')]);
    await world.service.idle();
    await past(world.cloud, 'x', 'd', 'c');
    await world.clock.sleep(60_000);
    await world.service.handleAlerts([alert('b'), alert('a', { name: 'other' })]);
    await world.service.idle();
    const paused = await world.journal.events({ action: 'paused' });
    expect(paused.map(({ obj_name }) => obj_name)).toEqual(['test-cpu', 'other']);
    expect(world.cloud.asked.get('id-g')).toBeUndefined();
  });

  it('is nobody’s foreign move where it is a late arrival of our own', async () => {
    // The cloud says that it failed, and carries it out all the same.
    let late: (() => Promise<unknown>) | undefined;
    const world = await build({
      scenario: site(),
      over: ({ cloud }) => ({
        cloud: {
          ...cloud,
          startMigration: (request: Parameters<Cloud['startMigration']>[0]) => {
            late ??= () => cloud.startMigration(request);
            return Promise.resolve({ accepted: false as const, reason: 'no answer from the agent' });
          },
        },
      }),
    });
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    await late?.();
    await world.clock.sleep(60_000);
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    expect(await world.journal.events({ action: 'foreign_move' })).toEqual([]);
    expect(await world.actions()).not.toContain('paused');
  });
});

describe('a guest that somebody else moves away from an alerting host', () => {
  it('counts against the concurrency of that host: ours begins when it has arrived', async () => {
    const site = scenario(
      fleet(
        [host('a', 70), host('b', 20), host('c', 25), host('d', 40)],
        [guest('g', 'a', 60), guest('x', 'a', 5, { vmem_size: 65_536 })],
      ),
    );
    const { service, cloud, journal } = await build({ scenario: site });
    const ends = { source: { id: 'id-a', name: 'a' }, target: { id: 'id-d', name: 'd' } };
    const foreign = { guest: guest('x', 'a', 0), ...ends };
    await cloud.startMigration(foreign);
    expect(await cloud.migrationState(foreign, undefined)).toMatchObject({ phase: 'moving' });
    let arrivedBefore: boolean | undefined;
    const begin = cloud.startMigration.bind(cloud);
    cloud.startMigration = async (request) => {
      arrivedBefore = (await cloud.migrationState(foreign, undefined)).phase === 'settled';
      return begin(request);
    };
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(moves(await journal.events({ action: 'migrate_success' }))).toEqual(['g to b']);
    expect(arrivedBefore).toBe(true);
  });
});
