import { describe, expect, it } from 'vitest';
import { planMigrations } from '../support/plan.js';
import type { Explanation } from '../../src/balancer/index.js';
import { keptExplanation } from '../../src/decide/kept-explanation.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert, build, roomy, rule } from '../support/service.js';

async function eventsAfterAlert(setup: Parameters<typeof build>[0]) {
  const { service, journal } = await build(setup);
  await service.handleAlerts([alert('a')]);
  await service.idle();
  return journal.events();
}

const explained = (events: Awaited<ReturnType<typeof eventsAfterAlert>>) =>
  events.filter(({ explanation }) => explanation !== undefined).map(({ action }) => action);

describe('the explanation of a plan in the journal', () => {
  it('is that of `automigrate plan`, with the first of its moves', async () => {
    const snapshot = roomy().snapshot;
    snapshot.hosts[0]!.metrics['cpu.usage_active'] = 76;
    const events = await eventsAfterAlert({ scenario: scenario(snapshot) });
    expect(events.map(({ action }) => action)).toEqual([
      'migrating',
      'migrate_success',
      'migrating',
      'migrate_success',
    ]);
    expect(events.map(({ explanation }) => explanation !== undefined)).toEqual([true, false, false, false]);
    const plan = planMigrations({ snapshot, rule: rule(), sourceIds: ['id-a'] });
    expect(events[0]!.explanation).toEqual(plan.explanation);
    expect(events[0]!.notes).toEqual({ guest: expect.anything(), target_host: expect.anything() });
  });

  it('goes with the sentence where something does not fit', async () => {
    const full = fleet([host('a', 70), host('b', 55)], [guest('g', 'a', 60)]);
    const events = await eventsAfterAlert({ scenario: scenario(full) });
    expect(explained(events)).toEqual(['find_result_fail']);
    expect(events[0]!.notes).toMatch(/^find result to migrate: not found target for guest g/);
    expect(events[0]!.explanation).toMatchObject({ missing: { nearest: { guest: 'g', host: 'b' } } });
  });

  it('goes with a recommendation', async () => {
    const events = await eventsAfterAlert({ scenario: roomy(), rules: [rule({ mode: 'recommend' })] });
    expect(explained(events)).toEqual(['recommended']);
  });

  it('is kept over a restart until the first move begins, and no longer', async () => {
    const { service, journal } = await build({ scenario: roomy() });
    const seen: boolean[] = [];
    const commit = journal.commit.bind(journal);
    journal.commit = (change) => {
      if (change.batch?.migrations.length) seen.push(change.batch.parts[0]!.explanation !== undefined);
      return commit(change);
    };
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(seen[0]).toBe(true);
    expect(seen.at(-1)).toBe(false);
  });

  it('is cut to some kilobytes, however large the fleet', () => {
    const name = (at: number) => `a-host-with-a-rather-long-name-${at}`;
    const load = (at: number) => ({
      id: name(at),
      name: name(at),
      role: 'target' as const,
      before: 1,
      after: 2,
      full: 100,
    });
    const many = Array.from({ length: 500 }, (_, at) => at);
    const explanation: Explanation = {
      sources: [],
      chosen: many.map(name).join(' + '),
      nextBest: {
        instead: many.map(name),
        without: many.map(name),
        cost: 1,
        moves: 1,
        text: many.map(name).join(' + '),
      },
      refusedHosts: [],
      refusedGuests: [],
      loads: many.map(load),
    };
    expect(JSON.stringify(keptExplanation(explanation)).length).toBeLessThan(16_384);
  });
});
