import { describe, expect, it } from 'vitest';
import type { MigrationBudget } from '../../src/decide/migration-budgets.js';
import { budgetUse, cutToBudget, overBudget } from '../../src/decide/migration-budgets.js';
import type { JournalEvent } from '../../src/journal/events.js';
import type { MigrationRecord } from '../../src/journal/journal.js';
import { rule } from '../support/service.js';

const HOUR = 3_600_000;
const now = Date.parse('2026-11-21T05:00:00Z');
const move = (name: string, vmem = 8192) =>
  ({
    rule: 'test-cpu',
    phase: 'planned',
    notes: { guest: { name, vmem_size: vmem }, target_host: { name: 'b' } },
  }) as MigrationRecord;
const started = (count: number, ago: number, by = 'test-cpu') =>
  Array.from({ length: count }, () => ({
    action: 'migrating',
    obj_name: by,
    ops_time: new Date(now - ago).toISOString(),
    notes: move('x').notes,
  })) as unknown as JournalEvent[];
const cut = (budget: MigrationBudget, events: JournalEvent[], guests?: number, count = 3) => {
  const planned = Array.from({ length: count }, (_, at) => move(`g${at}`));
  const { kept, limited } = cutToBudget(planned, rule(), budget, { events, guests, now });
  return [kept.length, limited?.text];
};

describe('the budgets of a day', () => {
  it('leave out what passes MIGRATIONS_PER_DAY, whichever rule has moved before', () => {
    const events = started(4, 5 * HOUR, 'other');
    expect(cut({ migrationsPerDay: 5 }, events)).toEqual([
      1,
      'left out: g1 to b, g2 to b; the budget of all rules is 5 migrations a day',
    ]);
    expect(cut({ migrationsPerDay: 5 }, started(4, 24 * HOUR))).toEqual([3, undefined]);
  });

  it.each([
    ['a tenth of a large fleet', 1000, 99, 1],
    ['rounded up', 1001, 99, 2],
    ['no less than 20 of a small one', 20, 19, 1],
  ])('allow %s', (_what, guests, before, left) => {
    const [kept, text] = cut({ migrationsPerDay: 500, guestsPerDay: 10 }, started(before, 2 * HOUR), guests);
    expect(kept).toBe(left);
    expect(text).toMatch(/migrations a day \(10 % of \d+ guests, at least 20\)$/);
  });

  it('allow no more than MIGRATIONS_PER_DAY of a very large fleet', () => {
    const [kept, text] = cut({ migrationsPerDay: 500, guestsPerDay: 10 }, started(499, 2 * HOUR), 100_000);
    expect([kept, text]).toEqual([1, expect.stringMatching(/is 500 migrations a day$/)]);
  });

  it('bind nothing by a share of a fleet that was never seen', () => {
    expect(cut({ guestsPerDay: 10 }, started(1000, 2 * HOUR))).toEqual([3, undefined]);
  });
});

describe('a move that is about to begin', () => {
  it.each([
    ['the hour of its rule', { ...rule(), limits: { migrationsPerHour: 2 } }, {}, /rule test-cpu is 2 migrations an/],
    ['the memory of its rule', { ...rule(), limits: { memoryPerHour: '20GiB' } }, {}, /rule test-cpu is 20480 MiB an/],
    ['the hour of all', rule(), { migrations: 2 }, /all rules is 2 migrations an hour/],
    ['the day of all', rule(), { migrationsPerDay: 2 }, /all rules is 2 migrations a day/],
  ])('is held back by %s, once it is spent', (_what, by, budget, text) => {
    const time = (count: number) => ({ events: started(count, 1000), guests: 20, now });
    expect(overBudget(move('g'), by, budget, time(1))).toBeUndefined();
    expect(overBudget(move('g'), by, budget, time(2))).toMatch(text);
  });
});

it('is told as used and left', () => {
  const events = [...started(3, 2 * HOUR), ...started(2, 1000), ...started(7, 25 * HOUR)];
  const budget = { migrations: 100, migrationsPerDay: 500, guestsPerDay: 10 };
  expect(budgetUse(budget, { events, guests: 300, now })).toEqual({
    hour: { used: 2, limit: 100 },
    day: { used: 5, limit: 30 },
  });
  expect(budgetUse({}, { events: [], guests: undefined, now })).toEqual({
    hour: { used: 0, limit: null },
    day: { used: 0, limit: null },
  });
});
