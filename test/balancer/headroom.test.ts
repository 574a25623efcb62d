import { describe, expect, it } from 'vitest';
import { planMigrations } from '../support/plan.js';
import type { Guest, Host } from '../../src/fleet/fleet.js';
import { fleet, GIB, guest, host } from '../support/fleet.js';

const RULE = {
  name: 'r',
  metric: 'cpu.usage_active' as const,
  threshold: 80,
  source: { hosts: [], guests: [] },
  target: { hosts: [] },
};

function plan(hosts: Host[], guests: Guest[], rule: object = { headroom: 5 }) {
  return planMigrations({ snapshot: fleet(hosts, guests), rule: { ...RULE, ...rule }, sourceIds: ['id-a'] });
}

const movesOf = ({ migrations }: ReturnType<typeof plan>) =>
  migrations.map(({ guest: { name }, target_host: { name: to } }) => `${name}→${to}`);

describe('headroom', () => {
  const hosts = [host('a', 82), host('b', 20)];
  const guests = [guest('small', 'a', 15, { vmem_size: 1024 }), guest('large', 'a', 40, { vmem_size: 8192 })];

  it('brings a source further down than the bare threshold asks for', () => {
    expect(movesOf(plan(hosts, guests, {}))).toEqual(['small→b']);
    expect(movesOf(plan(hosts, guests))).toEqual(['large→b']);
  });

  it('is kept on targets, and the refusal says so', () => {
    const [small, large] = [host('b', 68), host('c', 65)];
    expect(movesOf(plan([host('a', 82), small, large], [guest('g', 'a', 40)]))).toEqual(['g→c']);
    const refused = plan([host('a', 82), small], [guest('g', 'a', 40)]);
    expect(refused).toMatchObject({ outcome: 'find_result_fail' });
    expect(refused.notes).toContain('>= threshold with headroom(75.000000)');
  });

  it('makes no failure of a source that ends under the threshold and lacks only the headroom', () => {
    expect(plan(hosts, [guest('g', 'a', 20)])).toMatchObject({ outcome: 'migrate', sources: [{ predicted: 78 }] });
  });

  it('is counted in points of the memory of a host, where the rule watches memory', () => {
    const memory = { metric: 'mem.available' as const, threshold: 10 * GIB, headroom: 5 };
    const free = (gib: number) => ({ metrics: { 'cpu.usage_active': 10, 'mem.available': gib * GIB } });
    const two = [guest('small', 'a', 5, { vmem_size: 2048 }), guest('large', 'a', 5, { vmem_size: 16384 })];
    const fleetOf = [host('a', 10, free(9)), host('b', 10, free(100))];
    expect(movesOf(plan(fleetOf, two, { ...memory, headroom: 0 }))).toEqual(['small→b']);
    expect(movesOf(plan(fleetOf, two, memory))).toEqual(['large→b']);
  });
});

describe('guards of a rule', () => {
  it('keep more memory on targets than the usual GiB', () => {
    const tight = { metrics: { 'cpu.usage_active': 20, 'mem.available': 10 * GIB } };
    const given = [host('a', 82), host('b', 20, tight)];
    expect(plan(given, [guest('g', 'a', 50)], {}).outcome).toBe('migrate');
    const refused = plan(given, [guest('g', 'a', 50)], { guards: { memoryFloor: 4 * GIB } });
    expect(refused.outcome).toBe('find_result_fail');
    expect(refused.rejected).toContainEqual(expect.objectContaining({ reason: 'memory_floor' }));
  });
});
