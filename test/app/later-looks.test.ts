import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Service } from '../../src/app/service.js';
import { createService } from '../../src/app/service.js';
import type { Cloud } from '../../src/fleet/fleet.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import type { MigrationNotes } from '../../src/journal/events.js';
import type { Journal } from '../../src/journal/journal.js';
import { emptyMemory } from '../../src/journal/memory.js';
import { checkMemory } from '../../src/journal/lowdb/memory-schema.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert, build, rule } from '../support/service.js';
import { type VirtualClock, holdLongSleeps } from '../support/virtual-clock.js';

/** a and b are past 60 %, each with a guest of 12 points to give; d and e have room; f is calm. */
const site = () =>
  scenario(
    fleet(
      [host('a', 70), host('b', 70), host('d', 10), host('e', 10), host('f', 30)],
      [guest('g-a', 'a', 60), guest('g-b', 'b', 60)],
    ),
  );

const moved = async (journal: Journal) =>
  (await journal.events({ action: 'migrate_success' })).map(({ notes }) => (notes as MigrationNotes).guest.name);

describe('a look that was put off', () => {
  it('after not_needed is taken after a restart, when the period has passed', async () => {
    const looks = { lagging: true, dropped: false };
    const world = await build({
      scenario: site(),
      over: ({ clock }) => ({ looks, clock: holdLongSleeps(clock as VirtualClock, 100_000) }),
    });
    world.cloud.setHostReading('a', 'cpu.usage_active', 55);
    const begun = world.clock.monotonic();
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    await world.service.stop();
    world.cloud.setHostReading('a', 'cpu.usage_active', 70);
    const journal = await openJournal(world.directory, world.clock);
    expect(journal.memory().laterLooks).toMatchObject([{ rule: 'test-cpu', host: ['a'], because: 'lagging' }]);
    const second = createService({ ...world.options, clock: world.clock, looks, journal, busy: createBusy() });
    onTestFinished(() => second.stop());
    await second.recover();
    await vi.waitUntil(async () => (await moved(journal)).length === 1);
    expect(world.clock.monotonic() - begun).toBeGreaterThanOrEqual(120_000);
    await vi.waitUntil(() => journal.memory().laterLooks.length === 0);
  });

  it('because a batch was running is taken after a restart, when that batch has ended', async () => {
    const looks = { lagging: false, dropped: true };
    const late: { service?: Service } = {};
    let isDropped = false;
    const world = await build({
      scenario: site(),
      over: ({ cloud }) => ({
        looks,
        cloud: {
          ...cloud,
          startMigration: async (request: Parameters<Cloud['startMigration']>[0]) => {
            const start = await cloud.startMigration(request);
            expect(await late.service?.handleAlerts([alert('b')])).toMatchObject({ outcome: 'dropped' });
            isDropped = true;
            // The process is let go of while the guest is on its way.
            void late.service?.stop();
            return start;
          },
        },
      }),
    });
    late.service = world.service;
    await world.service.handleAlerts([alert('a')]);
    await vi.waitUntil(() => isDropped);
    await world.service.stop();
    const journal = await openJournal(world.directory, world.clock);
    expect(journal.openBatch()?.id).toBe('batch-1');
    const second = createService({ ...world.options, cloud: world.cloud, looks, journal, busy: createBusy() });
    onTestFinished(() => second.stop());
    await second.recover();
    await vi.waitUntil(async () => (await moved(journal)).length === 2);
    expect(await moved(journal)).toEqual(['g-a', 'g-b']);
  });

  it('is not trusted where the journal holds something else', () => {
    expect(
      checkMemory({ ...emptyMemory(), laterLooks: [{ rule: 'r', sender: 's', host: ['a'], because: 'boredom' }] }),
    ).toMatchObject({
      memory: { laterLooks: [] },
      problems: [expect.stringMatching(/^memory\.laterLooks\.0\.because/)],
    });
  });
});

describe('while an approval only looks, an alert', () => {
  /** A plan for a waits for an approval; during the look of the approval b alerts. */
  async function approving(meanwhile: (world: Awaited<ReturnType<typeof build>>) => void = () => undefined) {
    let isArmed = false;
    const world = await build({
      scenario: site(),
      rules: [rule({ mode: 'recommend', source: { hosts: ['a'] } }), rule({ name: 'other' })],
      over: ({ cloud }) => ({
        cloud: {
          ...cloud,
          inventory: async (signal) => {
            if (isArmed) {
              isArmed = false;
              answer = await world.service.handleAlerts([alert('b', { name: 'other' })]);
              meanwhile(world);
            }
            return cloud.inventory(signal);
          },
        },
      }),
    });
    let answer: unknown;
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    isArmed = true;
    const [plan] = world.journal.memory().plans;
    const approval = await world.service.operator.approve(plan!.id, { when: 'now' }, 'alice');
    return { ...world, approval, answer };
  }

  it('is looked at when the plan turns out not to hold any more', async () => {
    const { approval, answer, journal, service } = await approving(({ cloud }) =>
      cloud.setHostReading('a', 'cpu.usage_active', 40),
    );
    expect(approval).toMatchObject({ outcome: 'refused' });
    expect(answer).toMatchObject({ outcome: 'dropped', reason: 'busy', text: expect.stringMatching(/only looks yet/) });
    await vi.waitUntil(async () => (await moved(journal)).length === 1);
    await service.idle();
    expect(await moved(journal)).toEqual(['g-b']);
  });

  it('is dropped for good when the approval moves guests', async () => {
    const { approval, journal, service, clock } = await approving();
    expect(approval).toMatchObject({ outcome: 'accepted' });
    await service.idle();
    await clock.sleep(600_000);
    expect(await moved(journal)).toEqual(['g-a']);
    expect(await journal.events({ action: 'dropped' })).toMatchObject([{ obj_name: 'other' }]);
    expect(journal.memory().laterLooks).toEqual([]);
  });
});
