import { describe, expect, it } from 'vitest';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { Cloud } from '../../src/fleet/fleet.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { createService } from '../../src/app/service.js';
import { openSnapshots } from '../../src/decide/kept-snapshots.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert, build, rule, type Setup } from '../support/service.js';
import type { VirtualClock } from '../support/virtual-clock.js';

const three = () =>
  scenario(
    fleet(
      [host('a', 70), host('b', 20), host('c', 25), host('d', 10)],
      [guest('g', 'a', 60), guest('h', 'a', 60), guest('x', 'd', 5)],
    ),
  );

/** After this the readings of the test's rule show what the last batch did. */
const SETTLED_MS = 180_000;

/** Moves a guest as another balancer would: past us. */
async function behindOurBack(cloud: Cloud, clock: VirtualClock, name: string, from: string, to: string) {
  const ends = { source: { id: `id-${from}`, name: from }, target: { id: `id-${to}`, name: to } };
  await cloud.startMigration({ guest: guest(name, from, 0), ...ends });
  await clock.sleep(60_000);
}

/** After one batch, which moved g from a to d. */
async function afterABatch(setup: Setup = {}) {
  const world = await build({ scenario: three(), ...setup });
  await world.service.handleAlerts([alert('a')]);
  await world.service.idle();
  expect((await world.journal.events({ action: 'migrate_success' })).length).toBe(1);
  return world;
}

describe('guests that somebody else has moved', () => {
  it('pause the rule: nothing is moved, and alerts are held back until the pause is over', async () => {
    const { service, journal, cloud, clock, actions } = await afterABatch();
    await behindOurBack(cloud, clock, 'g', 'd', 'a');
    const before = cloud.asked.get('id-g');
    await service.handleAlerts([alert('a')]);
    await service.idle();
    const [event] = await journal.events({ action: 'foreign_move' });
    const paused = new Date(Date.parse(event!.ops_time) + 900_000).toISOString();
    expect(event?.notes).toMatchObject({
      text: `moved by somebody else: g from d to a; rule test-cpu pauses until ${paused}`,
      moves: [{ guest: 'g', from: 'd', to: 'a' }],
      paused_until: paused,
    });
    expect((await actions()).slice(-2)).toEqual(['foreign_move', 'paused']);
    expect(cloud.asked.get('id-g')).toBe(before);

    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'ignored', reason: 'paused' });
    expect((await actions()).at(-1)).toBe('paused');
    clock.advance(900_000);
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
    expect((await journal.events({ action: 'migrate_success' })).length).toBeGreaterThan(1);
  });

  it('our own moves pause nothing', async () => {
    const { service, cloud, clock, actions } = await afterABatch();
    clock.advance(SETTLED_MS);
    cloud.setHostReading('a', 'cpu.usage_active', 70);
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).not.toContain('foreign_move');
    expect(cloud.asked.size).toBe(2);
  });

  it('pause only rules whose hosts they left or came to', async () => {
    const rules = [
      rule({ source: { hosts: ['a'] }, target: { hosts: ['b'] } }),
      rule({ name: 'far', source: { hosts: ['d'] }, target: { hosts: ['c'] }, foreignPause: '1h' }),
    ];
    const { service, journal, cloud, clock } = await afterABatch({ rules });
    await behindOurBack(cloud, clock, 'x', 'd', 'c');
    clock.advance(SETTLED_MS);
    cloud.setHostReading('a', 'cpu.usage_active', 70);
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await journal.events({ action: 'foreign_move' })).toMatchObject([{ obj_name: 'far' }]);
    expect((await journal.events({ action: 'migrate_success' })).length).toBe(2);
    expect(await service.handleAlerts([alert('d', { name: 'far' })])).toMatchObject({ reason: 'paused' });
  });

  it('are noticed over a restart, and so is the pause', async () => {
    const first = await afterABatch({
      over: ({ clock, cloud }, directory) => ({
        cloud: { ...cloud, ephemeral: false },
        snapshots: openSnapshots(directory, clock),
      }),
    });
    await first.service.stop();
    await behindOurBack(first.cloud, first.clock, 'h', 'a', 'c');
    const journal = await openJournal(first.directory, first.clock);
    const second = createService({ ...first.options, journal, busy: createBusy() });
    await second.handleAlerts([alert('a')]);
    await second.idle();
    expect(await journal.events({ action: 'foreign_move' })).toHaveLength(1);
    const third = createService({
      ...first.options,
      journal: await openJournal(first.directory, first.clock),
      busy: createBusy(),
    });
    expect(await third.handleAlerts([alert('a')])).toMatchObject({ reason: 'paused' });
  });

  it('are none in a fleet that began anew with the process', async () => {
    const over: Setup['over'] = ({ clock }, directory) => ({ snapshots: openSnapshots(directory, clock) });
    const first = await afterABatch({ over });
    await first.service.stop();
    await first.clock.sleep(SETTLED_MS);
    const cloud = createSimulatedCloud(three(), first.clock);
    const journal = await openJournal(first.directory, first.clock);
    const second = createService({ ...first.options, cloud, metrics: cloud, journal, busy: createBusy() });
    expect(await second.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await second.idle();
    expect(await journal.events({ action: 'foreign_move' })).toEqual([]);
    // g, which the journal says has moved, stays for its cooldown.
    expect(cloud.asked).toEqual(new Map([['id-h', 1]]));
  });

  it('are no news after an hour', async () => {
    const { service, cloud, clock, actions } = await afterABatch();
    await behindOurBack(cloud, clock, 'g', 'd', 'a');
    clock.advance(3_600_000);
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).not.toContain('foreign_move');
  });
});
