import { describe, expect, it } from 'vitest';
import type { Cloud } from '../../src/fleet/fleet.js';
import type { JournalEvent, MigrationNotes } from '../../src/journal/events.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { createService } from '../../src/app/service.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert, build, rule } from '../support/service.js';

const one = () => scenario(fleet([host('a', 70), host('b', 20), host('c', 25), host('d', 30)], [guest('g', 'a', 60)]));
const moves = (events: JournalEvent[]) =>
  events
    .map(({ notes }) => notes as MigrationNotes)
    .map(({ guest: { name }, target_host: to }) => `${name} to ${to.name}`);

/** A cloud that refuses every guest on some hosts. */
const refusing =
  (...names: string[]) =>
  ({ cloud }: { cloud: Cloud }) => ({
    cloud: {
      ...cloud,
      startMigration: (request: Parameters<Cloud['startMigration']>[0]) =>
        names.includes(request.target.name)
          ? Promise.resolve({ accepted: false as const, reason: 'no room' })
          : cloud.startMigration(request),
    },
  });

describe('a move that failed', () => {
  it('is tried once on the next best target', async () => {
    const { service, journal, actions } = await build({ scenario: one(), over: refusing('b') });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).toEqual(['migrating', 'migrate_error', 'migrating', 'migrate_success']);
    expect(moves(await journal.events({ action: 'migrating' }))).toEqual(['g to b', 'g to c']);
    expect(new Set((await journal.events()).map(({ batch }) => batch))).toEqual(new Set(['batch-1']));
  });

  it('is then left', async () => {
    const { service, journal } = await build({ scenario: one(), over: refusing('b', 'c', 'd') });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(moves(await journal.events({ action: 'migrating' }))).toEqual(['g to b', 'g to c']);
  });

  it('is not asked for on another target where the request had no answer: it may yet be acted on', async () => {
    const over = ({ cloud }: { cloud: Cloud }) => ({
      cloud: { ...cloud, startMigration: () => Promise.reject(new Error('connection reset')) },
    });
    const { service, journal, actions } = await build({ scenario: one(), over });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).toEqual(['migrating', 'migrate_error']);
    expect((await journal.events())[1]?.notes).toMatchObject({ reason: expect.stringContaining('had no answer') });
  });

  it('is not made up for by other guests, nor on a host whose readings do not show yet what it took in', async () => {
    const hosts = [host('a', 80), host('b', 20), host('c', 40), host('d', 45)];
    const guests = [guest('g', 'a', 60), guest('h', 'a', 60), guest('i', 'a', 60, { vmem_size: 65_536 })];
    const { service, journal } = await build({ scenario: scenario(fleet(hosts, guests), { fail: ['h'] }) });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    const tried = moves(await journal.events({ action: 'migrating' }));
    expect(tried).toHaveLength(3);
    expect(tried.filter((each) => each.startsWith('h'))).toHaveLength(2);
    const [success] = moves(await journal.events({ action: 'migrate_success' }));
    expect(tried.at(-1)?.slice(-1)).not.toBe(success?.slice(-1));
  });

  it('is not tried again where the host no longer needs it', async () => {
    const world = await build({
      scenario: one(),
      over: ({ cloud }) => ({
        cloud: {
          ...cloud,
          startMigration: () => {
            world.cloud.setHostReading('a', 'cpu.usage_active', 40);
            return Promise.resolve({ accepted: false, reason: 'no room' });
          },
        },
      }),
    });
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    expect(await world.actions()).toEqual(['migrating', 'migrate_error', 'not_needed']);
  });

  it('is tried in place of nothing that was approved', async () => {
    const { service, journal } = await build({
      scenario: one(),
      rules: [rule({ mode: 'recommend' })],
      over: refusing('b'),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    await service.operator.approve((await service.operator.plans())[0]!.id, { when: 'now' }, 'api');
    await service.idle();
    expect(moves(await journal.events({ action: 'migrating' }))).toEqual(['g to b']);
  });
});

describe('a guest that failed repeatedly', () => {
  it('is left out for a day, over restarts too, and then tried again', async () => {
    const first = await build({ scenario: one(), over: refusing('b', 'c', 'd') });
    await first.service.handleAlerts([alert('a')]);
    await first.service.idle();
    const asked = async () => (await journal.events({ action: 'migrating' })).length;
    const journal = await openJournal(first.directory, first.clock);
    const second = createService({ ...first.options, journal, busy: createBusy() });
    expect(await asked()).toBe(2);
    await second.handleAlerts([alert('a')]);
    await second.idle();
    expect(await asked()).toBe(2);
    expect((await journal.events()).at(-1)?.action).toBe('find_result_fail');
    first.clock.advance(23 * 3_600_000);
    await second.handleAlerts([alert('a')]);
    await second.idle();
    expect(await asked()).toBe(2);
    first.clock.advance(3_600_000);
    await second.handleAlerts([alert('a')]);
    await second.idle();
    expect(await asked()).toBeGreaterThan(2);
  });

  it('leaves its place to another guest', async () => {
    const two = scenario(
      fleet(
        [host('a', 70), host('b', 20), host('c', 25)],
        [guest('g', 'a', 60), guest('h', 'a', 60, { vmem_size: 16_384 })],
      ),
      { fail: ['g'] },
    );
    const { service, journal } = await build({ scenario: two });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(moves(await journal.events({ action: 'migrating' }))).toEqual(['g to b', 'g to c']);
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(moves(await journal.events({ action: 'migrate_success' }))).toEqual(['h to b']);
  });
});
