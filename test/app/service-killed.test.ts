import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { Cloud } from '../../src/fleet/fleet.js';
import type { Journal } from '../../src/journal/journal.js';
import type { MigrationNotes } from '../../src/journal/events.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { DEFAULT_WATCH_LIMITS } from '../../src/migration/watch.js';
import { ruleFileSchema, toRule } from '../../src/rules/rule.js';
import { type Service, createService } from '../../src/app/service.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert } from '../support/service.js';
import { createVirtualClock } from '../support/virtual-clock.js';

const forEver = () => new Promise<never>(() => undefined);
const rules = ['cpu', 'gone', 'low', 'late'].map((name) =>
  toRule(ruleFileSchema.parse({ name, metric: 'cpu.usage_active', threshold: 60, enabled: name !== 'gone' })),
);

/** One rule that leads to two moves, of which one fails, one that is disabled by then, one that finds nothing to do. */
const parts = ['cpu', 'gone', 'low'].map((rule) => ({ rule, hosts: [[rule === 'cpu' ? 'a' : 'b']], done: false }));
const story = () =>
  scenario(fleet([host('a', 70), host('b', 20), host('c', 25)], [guest('g', 'a', 30), guest('h', 'a', 30)]), {
    fail: ['h'],
  });

/** A data directory and a cloud, which outlive the processes that work on them. */
async function world() {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const clock = createVirtualClock();
  const cloud = createSimulatedCloud(story(), clock);
  const open = () => openJournal(directory, clock, { sync: false });
  const first = await open();
  const accepted_at = new Date(clock.now()).toISOString();
  await first.commit({ batch: { id: 'b1', sender: 'grafana', accepted_at, parts, migrations: [] } });

  /** A process that is gone from one of its steps on: whatever it does then never comes back. */
  const live = async (steps: number, cut: 'before' | 'after', meanwhile?: (service: Service) => Promise<unknown>) => {
    const journal = await open();
    let step = 0;
    let died: () => void = () => undefined;
    const death = new Promise<void>((resolve) => (died = resolve));
    /** Lets a call through, or dies before or after it. */
    const mortal = async <T>(call: () => Promise<T>): Promise<T> => {
      step += 1;
      if (step < steps) return call();
      if (step === steps && cut === 'after') await call();
      died();
      return forEver();
    };
    const mortalJournal: Journal = { ...journal, commit: (change) => mortal(() => journal.commit(change)) };
    let looks = 0;
    const mortalCloud: Cloud = {
      ...cloud,
      startMigration: (request) => mortal(() => cloud.startMigration(request)),
      inventory: async (signal) => {
        if ((looks += 1) === 1) await meanwhile?.(service);
        return cloud.inventory(signal);
      },
    };
    const service = createService({
      cloud: mortalCloud,
      metrics: cloud,
      rules: () => rules,
      journal: mortalJournal,
      busy: createBusy(),
      clock,
      newBatchId: () => 'never',
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
      limits: DEFAULT_WATCH_LIMITS,
      concurrency: 2,
      requestTimeoutMs: 30_000,
    });
    await service.recover();
    await Promise.race([service.idle(), death]);
    return step;
  };
  return { cloud, open, live };
}

const stepsOfOneLife = 14;

describe.each(['before', 'after'] as const)('a process that is killed right %s any of its steps', (cut) => {
  it.each(Array.from({ length: stepsOfOneLife }, (_, index) => index + 1))('the %ith', async (steps) => {
    const { cloud, open, live } = await world();
    await live(steps, cut);
    await live(steps + 1, cut);
    await live(Infinity, cut);

    const journal = await open();
    const events = await journal.events();
    expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
    const movesIn = (...actions: string[]) =>
      events
        .filter(({ action }) => actions.includes(action))
        .map(({ notes }) => `${(notes as MigrationNotes).guest.name} to ${(notes as MigrationNotes).target_host.name}`)
        .sort();
    const asked = movesIn('migrating');
    // A move that failed is tried once more, on another target; the same move never.
    expect(asked).toEqual([...new Set(asked)]);
    expect(movesIn('migrate_success', 'migrate_fail', 'migrate_error')).toEqual(asked);
    for (const name of ['g', 'h']) {
      const recorded = asked.filter((move) => move.startsWith(name)).length;
      expect(recorded).toBeGreaterThan(0);
      expect(cloud.asked.get(`id-${name}`) ?? 0).toBeLessThanOrEqual(recorded);
    }
    expect(events.filter(({ action }) => action === 'ignored')).toHaveLength(1);
    expect(events.filter(({ action }) => action === 'not_needed')).toHaveLength(1);
    expect(journal.openBatch()).toBeUndefined();
    expect(journal.endedBatches()).toMatchObject([{ id: 'b1', rules: ['cpu', 'gone', 'low'] }]);
  });
});

describe.each(['before', 'after'] as const)('an alert that joins a batch whose process is killed right %s', (cut) => {
  const late = { ...alert('c'), name: 'late' };

  it.each(Array.from({ length: stepsOfOneLife + 1 }, (_, index) => index + 1))('its %ith step', async (steps) => {
    const { open, live } = await world();
    let answer: string | undefined;
    await live(steps, cut, async (service) => (answer = (await service.handleAlerts([late])).outcome));
    await live(Infinity, cut);

    const journal = await open();
    const looked = await journal.events({ action: 'not_needed' });
    const ofLate = looked.filter(({ obj_name }) => obj_name === 'late').map(({ batch }) => batch);
    // The sender was told that it is taken on, so it is looked at, once; if not, it sends it again.
    if (answer !== undefined) expect([answer, ofLate]).toEqual(['accepted', ['b1']]);
    else expect(ofLate.length).toBeLessThanOrEqual(1);
    expect(journal.openBatch()).toBeUndefined();
    expect(journal.endedBatches()).toHaveLength(1);
  });
});

it('has as many steps as were tried', async () => {
  const { live } = await world();
  expect(await live(Infinity, 'before')).toBe(stepsOfOneLife);
});
