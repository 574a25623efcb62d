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

/** A guest of 8 vCPUs on hosts of 40 CPUs: each 5 % of its own are a point there. */
const withCourse = (name: string, usage: number, course: number[], over: Partial<Guest> = {}) =>
  guest(name, 'a', usage, { history: { 'cpu.usage_active': course }, ...over });

describe('headroom', () => {
  const hosts = [host('a', 82), host('b', 20)];
  const guests = [guest('small', 'a', 15, { vmem_size: 1024 }), guest('large', 'a', 40, { vmem_size: 8192 })];

  it('brings a source further down than the bare threshold asks for', () => {
    expect(movesOf(plan(hosts, guests, {}))).toEqual(['small→b']);
    expect(movesOf(plan(hosts, guests))).toEqual(['large→b']);
  });

  it('goes deeper where further relief is cheap', () => {
    const cheap = Array.from({ length: 6 }, (_, index) => guest(`cheap-${index}`, 'a', 10, { vmem_size: 128 }));
    const rest = Array.from({ length: 8 }, (_, index) => guest(`dear-${index}`, 'a', 40, { vmem_size: 65536 }));
    expect(movesOf(plan(hosts, [...cheap.slice(0, 4), ...rest]))).toHaveLength(4);
    expect(movesOf(plan(hosts, [...cheap, ...rest]))).toHaveLength(6);
  });

  it('is kept on targets too', () => {
    const [small, large] = [host('b', 70), host('c', 65)];
    expect(movesOf(plan([host('a', 82), small, large], [guest('g', 'a', 40)]))).toEqual(['g→c']);
    expect(plan([host('a', 82), host('b', 68)], [guest('g', 'a', 40)]).migrations).toHaveLength(1);
  });

  it('is eased where the fleet is too tight for it, down to the bare threshold', () => {
    const tight = plan([host('a', 80.5), host('b', 78)], [guest('g', 'a', 5)]);
    expect(tight).toMatchObject({ outcome: 'migrate', migrations: [{ guest: { name: 'g' } }] });
    expect(plan([host('a', 80.5), host('b', 79)], [guest('g', 'a', 5)]).outcome).toBe('find_result_fail');
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

describe('the history', () => {
  it('lets a guest in a passing spike stay, and takes one that is busy all the time', () => {
    const spike = withCourse('spike', 50, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 50]);
    const steady = withCourse(
      'steady',
      50,
      Array.from({ length: 12 }, () => 50),
    );
    expect(movesOf(plan([host('a', 84), host('b', 20)], [spike, steady]))).toEqual(['steady→b']);
  });

  it('judges a target by the peak of what is on it now', () => {
    const calm = guest('calm', 'b', 50, { history: { 'cpu.usage_active': Array.from({ length: 12 }, () => 50) } });
    const wild = guest('wild', 'c', 10, { history: { 'cpu.usage_active': [100, 100, 10, 10] }, vcpu_count: 16 });
    const hosts = [host('a', 84), host('b', 50), host('c', 45)];
    expect(movesOf(plan(hosts, [guest('g', 'a', 50), calm, wild]))).toEqual(['g→b']);
    expect(movesOf(plan(hosts, [guest('g', 'a', 50), calm, wild], {}))).toEqual(['g→c']);
  });

  it('tells the plan in terms of the readings all the same', () => {
    const steady = withCourse('steady', 50, [90, 90, 40]);
    const [source] = plan([host('a', 84), host('b', 20)], [steady]).sources;
    expect(source).toMatchObject({ current: 84, predicted: 74 });
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
