import { describe, expect, it } from 'vitest';
import { fleet, GIB, guest, host } from '../support/fleet.js';
import { planMigrations } from '../support/plan.js';

const RULE = {
  name: 'r',
  metric: 'mem.available' as const,
  threshold: 10 * GIB,
  source: { hosts: [], guests: [] },
  target: { hosts: [] },
};
const free = (gib: number) => ({ metrics: { 'cpu.usage_active': 10, 'mem.available': gib * GIB } });
const plan = (on: number, held?: number) =>
  planMigrations({
    snapshot: fleet(
      [host('a', 10, free(6)), host('b', 10, free(on))],
      [
        guest('ballooned', 'a', 5, { vmem_size: 8192, ...(held !== undefined && { mem_held: held }) }),
        guest('touched', 'a', 5, { vmem_size: 16384 }),
      ],
    ),
    rule: RULE,
    sourceIds: ['id-a'],
  });

describe('a guest that holds less memory than it was given', () => {
  it('frees what it holds, so that another one goes where that is not enough', () => {
    expect(plan(100).migrations).toMatchObject([{ guest: { name: 'ballooned', score: 8 * GIB } }]);
    expect(plan(100, 1024).migrations).toMatchObject([{ guest: { name: 'touched' } }]);
    expect(plan(100, 6144)).toMatchObject({
      sources: [{ current: 6 * GIB, predicted: 12 * GIB }],
      migrations: [{ guest: { name: 'ballooned', score: 6 * GIB } }],
    });
  });

  it('needs room for its size where it goes: it may come to touch all of it', () => {
    expect(plan(17, 6144)).toMatchObject({ outcome: 'find_result_fail', migrations: [] });
    expect(plan(19, 6144)).toMatchObject({
      outcome: 'migrate',
      migrations: [{ target_host: { predicted: 11 * GIB } }],
    });
  });
});
