import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createService } from '../../src/app/service.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { giveUpWhatIsOld } from '../../src/intake/batch-record.js';
import { readKnown } from '../../src/intake/known.js';
import type { BatchRecord, MigrationRecord } from '../../src/journal/journal.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { pausedUntil } from '../../src/verification/rule-mode.js';
import { DEFAULT_VERIFICATION } from '../../src/verification/verifier.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert, build, roomy, rule, type Setup } from '../support/service.js';
import { type HeldClock, type VirtualClock, createVirtualClock, holdLongSleeps } from '../support/virtual-clock.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('a clock that is set back while a verification is pending', () => {
  /** A batch has moved a guest and waits to be verified; the clock is set, and the process starts anew. */
  async function restartedAfter(leap: number) {
    let held: HeldClock | undefined;
    const world = await build({
      scenario: roomy(),
      over: ({ clock }) => {
        held = holdLongSleeps(clock as VirtualClock, 60_000);
        return { verification: DEFAULT_VERIFICATION, clock: held };
      },
    });
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    await world.service.stop();
    world.clock.set(leap);
    const journal = await openJournal(world.directory, world.clock);
    const second = createService({ ...world.options, clock: world.clock, journal, busy: createBusy() });
    onTestFinished(() => second.stop());
    const begun = world.clock.monotonic();
    await second.recover();
    await vi.waitUntil(async () => (await journal.events({ action: 'verified' })).length === 1);
    return { journal, tookMs: world.clock.monotonic() - begun };
  }

  it('is looked at after a period and a scrape at the latest', async () => {
    const { journal, tookMs } = await restartedAfter(-100 * DAY);
    expect(tookMs).toBeLessThanOrEqual(180_000);
    expect(await journal.events({ action: 'verified' })).toMatchObject([{ notes: { outcome: 'as_predicted' } }]);
  });
});

describe('what a clock that was ahead has dated', () => {
  /** A move with the clock 100 days ahead, and the clock put right afterwards. */
  async function withTheClockAhead(setup: Setup = {}) {
    const world = await build({ scenario: roomy(), ...setup });
    world.clock.set(100 * DAY);
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    world.clock.set(-100 * DAY);
    return world;
  }

  it('binds neither cooldown nor budgets nor failures, and unsettles no reading', async () => {
    const limited = rule({ limits: { migrationsPerHour: 1 } });
    const { service, journal, clock, cloud } = await withTheClockAhead({ rules: [limited] });
    expect(await journal.events({ action: 'migrate_success' })).toHaveLength(1);
    expect(await readKnown(journal, limited, { migrations: [] }, clock.now())).toMatchObject({
      moves: [],
      attempts: [],
    });
    clock.advance(1000);
    cloud.setHostReading('a', 'cpu.usage_active', 72);
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await journal.events({ action: 'migrate_success' })).toHaveLength(2);
  });

  it('does not pause a rule until that date', async () => {
    const site = () =>
      scenario(
        fleet(
          [host('a', 70), host('b', 20), host('c', 25), host('d', 10)],
          [guest('g', 'a', 60), guest('h', 'a', 60), guest('x', 'd', 5)],
        ),
      );
    const { service, journal, clock, cloud } = await build({ scenario: site() });
    clock.set(100 * DAY);
    await service.handleAlerts([alert('b')]);
    await service.idle();
    const ends = { source: { id: 'id-d', name: 'd' }, target: { id: 'id-c', name: 'c' } };
    await cloud.startMigration({ guest: guest('x', 'd', 0), ...ends });
    await clock.sleep(60_000);
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(pausedUntil(journal.memory(), 'test-cpu', clock.now())).toBeGreaterThan(clock.now());
    clock.set(-100 * DAY);
    expect(pausedUntil(journal.memory(), 'test-cpu', clock.now())).toBeUndefined();
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
  });

  it('is not taken up as young after a restart: a batch of unknown age begins nothing', () => {
    const clock = createVirtualClock();
    const planned: MigrationRecord = {
      rule: 'test-cpu',
      phase: 'planned',
      notes: {
        guest: { host: 'a', host_id: 'id-a', id: 'id-g', name: 'g', score: 10, vcpu_count: 8, vmem_size: 8192 },
        target_host: { id: 'id-b', name: 'b', score: 20 },
      },
    };
    const accepted_at = new Date(clock.now() + DAY).toISOString();
    const record: BatchRecord = { id: 'b1', sender: 'grafana', accepted_at, parts: [], migrations: [planned] };
    const events = giveUpWhatIsOld(record, clock.now(), HOUR);
    expect(events).toMatchObject([
      {
        action: 'migrate_error',
        notes: { reason: expect.stringMatching(/^given up after a restart: .* clock was ahead/) },
      },
    ]);
    expect(record.migrations[0]?.phase).toBe('given_up');
  });
});

describe('a pause for two hours by a person', () => {
  it.each([
    ['back', -100 * DAY],
    ['forward', 100 * DAY],
  ])('lasts two hours, though the clock is set %s', async (_way, leap) => {
    const { service, clock } = await build();
    onTestFinished(() => service.stop());
    await service.operator.pause({ reason: 'works', forMs: 2 * HOUR }, 'alice');
    clock.set(leap);
    expect(service.operator.status().paused).not.toBeNull();
    clock.advance(2 * HOUR - 1000);
    expect(service.operator.status().paused).not.toBeNull();
    clock.advance(1000);
    expect(service.operator.status().paused).toBeNull();
  });
});
