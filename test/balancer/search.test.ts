import { describe, expect, it } from 'vitest';
import { planMigrations } from '../support/plan.js';
import { benchCases, makeCase } from '../bench/cases.js';
import type { Problem } from '../../src/balancer/model/problem.js';
import { search } from '../../src/balancer/search/search.js';
import { GIB, cpu, cpuRule, fleet, guest, host, memoryRule } from './fleet.js';
import { brokenRules } from './checker.js';

const MIB = 1024 ** 2;

describe('the search', () => {
  it('takes two small guests rather than a big one, and the big one rather than many', () => {
    const hosts = [host('a', { metrics: cpu(70) }), host('b', { metrics: cpu(10) })];
    const small = ['s1', 's2', 's3'].map((id) => guest(id, 'a', { vcpu_count: 5, vmem_size: 1024 }));
    const big = guest('big', 'a', { vcpu_count: 12, vmem_size: 4096 });
    const moved = (threshold: number) =>
      planMigrations({
        snapshot: fleet(hosts, [...small, big]),
        rule: cpuRule(threshold),
        sourceIds: ['a'],
      }).migrations.map((move) => move.guest.name);
    expect(moved(60)).toEqual(['s1', 's2']);
    expect(moved(57)).toEqual(['big']);
  });

  it('packs guests that only fit crosswise', () => {
    const hosts = [
      host('a', { metrics: cpu(80) }),
      host('wide', { metrics: cpu(44.5) }),
      host('narrow', { metrics: cpu(49.5) }),
    ];
    const guests = [guest('five', 'a', { vcpu_count: 12 }), guest('four', 'a', { vcpu_count: 8 })];
    const plan = planMigrations({ snapshot: fleet(hosts, guests), rule: cpuRule(60), sourceIds: ['a'] });
    expect(plan.outcome).toBe('migrate');
    expect(plan.migrations.map((move) => `${move.guest.name} -> ${move.target_host.name}`)).toEqual([
      'five -> wide',
      'four -> narrow',
    ]);
  });

  it('removes most, then at the least price, where a source cannot be cleared by all of its guests', () => {
    const source = (id: string) => host(id, { metrics: cpu(50, 0) });
    const hosts = [source('a'), source('b'), host('t', { metrics: cpu(50, 16 * GIB + 2049 * MIB) })];
    const small = ['b1', 'b2', 'b3'].map((id) => guest(id, 'b', { vmem_size: 1024 }));
    const snapshot = fleet(hosts, [guest('a1', 'a', { vmem_size: 2048 }), ...small]);
    const plan = planMigrations({ snapshot, rule: memoryRule(16 * GIB), sourceIds: ['a', 'b'] });
    expect(plan.outcome).toBe('partial');
    expect(plan.migrations.map((move) => move.guest.name)).toEqual(['a1']);
    expect(plan.optimal).toBe(true);
  });

  it('rather clears one source than leaves two, where as much goes either way', () => {
    const source = (id: string) => host(id, { metrics: cpu(50, 14 * GIB) });
    const hosts = [source('a'), source('b'), source('c'), host('t', { metrics: cpu(50, 19 * GIB) })];
    const snapshot = fleet(hosts, [
      guest('a1', 'a', { vmem_size: 2048 }),
      guest('a2', 'a', { vmem_size: 2900 }),
      guest('b1', 'b', { vmem_size: 2500 }),
      guest('c1', 'c', { vmem_size: 9000 }),
    ]);
    const plan = planMigrations({ snapshot, rule: memoryRule(16 * GIB), sourceIds: ['a', 'b', 'c'] });
    expect(plan.migrations.map((move) => move.guest.name)).toEqual(['b1']);
  });

  it('fills a target up to the guard itself, by several guests too', () => {
    const hosts = [host('a', { metrics: cpu(50, 10 * GIB) }), host('t', { metrics: cpu(75), cpu_count: 32 })];
    const guests = ['g1', 'g2'].map((id) => guest(id, 'a', { vmem_size: 4096, metrics: { 'cpu.usage_active': 40 } }));
    const plan = planMigrations({ snapshot: fleet(hosts, guests), rule: memoryRule(16 * GIB), sourceIds: ['a'] });
    expect(plan.outcome).toBe('migrate');
  });

  it('finds among thousands of hosts the one target that takes the guest', () => {
    const full = Array.from({ length: 3000 }, (_, at) => host(`h${at}`, { metrics: cpu(10, 2e9) }));
    const hosts = [host('a', { metrics: cpu(65) }), ...full, host('z', { metrics: cpu(49.9) })];
    const plan = planMigrations({ snapshot: fleet(hosts, [guest('g', 'a')]), rule: cpuRule(60), sourceIds: ['a'] });
    expect(plan.migrations.map((move) => move.target_host.name)).toEqual(['z']);
  });

  it('ends at a deadline with a sound plan, and says that it is not proven', () => {
    const clock = () => {
      let ms = 0;
      return () => (ms += 1000);
    };
    let unproven = 0;
    for (const { request } of benchCases(40)) {
      const plan = planMigrations({ ...request, limits: { now: clock(), deadlineMs: 1 } });
      expect(brokenRules(request, plan)).toEqual([]);
      if (!plan.optimal) unproven++;
      else expect(plan.gap).toBe(0);
    }
    expect(unproven).toBeGreaterThan(0);
  });

  it('has one deadline for all margins of a plan with headroom, and one more for its explanation', () => {
    for (const { request } of benchCases(20)) {
      let looksAtTheClock = 0;
      const now = () => (++looksAtTheClock > 3 ? looksAtTheClock * 1000 : 0);
      const rule = { ...request.rule, headroom: 3 };
      const plan = planMigrations({ ...request, rule, limits: { now, deadlineMs: 40 } });
      expect(brokenRules(request, plan)).toEqual([]);
      // Each part of the one search that was begun looks once more, and no other search begins.
      expect(looksAtTheClock).toBeLessThan(40);
      const before = looksAtTheClock;
      expect(plan.explanation.chosen).not.toBe('');
      expect(looksAtTheClock - before).toBeLessThan(10);
    }
  });

  it('gives the same plan with a clock that stands still as without one', () => {
    for (const { request } of benchCases(12)) {
      const limits = { now: () => 0, deadlineMs: 40 };
      expect(planMigrations({ ...request, limits }).migrations).toEqual(planMigrations(request).migrations);
    }
  });

  it('breaks no rule in a fleet of a thousand hosts, whether there is room or hardly any', () => {
    for (const tightness of ['roomy', 'scarce'] as const) {
      const request = makeCase(3, {
        hosts: 1000,
        guestsPerHost: 20,
        sources: 4,
        metric: 'cpu.usage_active',
        tightness,
        odd: true,
        restrictTargets: false,
        restrictGuests: false,
      });
      const plan = planMigrations(request);
      expect(brokenRules(request, plan)).toEqual([]);
      expect(plan.outcome).toBe('migrate');
      expect(plan.optimal).toBe(true);
    }
  });
});

describe('a problem with guests that belong together or apart', () => {
  /** Two items of 10 points each on a source at 75, and two targets at 20 and 30. */
  function problem(changes: Partial<Problem>): Problem {
    const hosts = [host('low', { metrics: cpu(20) }), host('high', { metrics: cpu(30) })];
    const item = (...ids: string[]) => ({
      guests: ids.map((id) => guest(id, 'a')),
      source: 0,
      load: 400 * ids.length,
      guardLoad: 0,
      relief: 10 * ids.length,
      price: 9216 * ids.length,
    });
    const two = (value: number) => Float64Array.of(value, value);
    return {
      metric: 'cpu.usage_active',
      sources: [{ host: host('a'), level: 75, threshold: 60, limit: 60, kind: 0 }],
      items: [item('g1'), item('g2')],
      targets: {
        hosts,
        usable: Int32Array.of(0, 1),
        kind: new Int32Array(2),
        level: Float64Array.of(20, 30),
        limit: two(60),
        size: two(40),
        guardLevel: two(0),
        guardLimit: two(1),
        guardSize: two(1),
      },
      forbidden: new Map(),
      only: new Map(),
      apart: [],
      capacities: [],
      tolerance: 1e-9,
      guardTolerance: 0,
      ...changes,
    };
  }

  it('puts items on different targets that are to be kept apart', () => {
    const apart = [[0, 1]];
    expect(search(problem({})).evaluation.targetLevels).toEqual(new Map([[0, 40]]));
    expect(search(problem({ apart })).evaluation.targetLevels).toEqual(
      new Map([
        [0, 30],
        [1, 40],
      ]),
    );
  });

  it('cannot clear a source whose guests are to be apart where there is one target', () => {
    const apart = [[0, 1]];
    const { targets } = problem({});
    const one = { ...targets, usable: Int32Array.of(1) };
    expect(search(problem({ targets: one })).evaluation.cleared).toBe(true);
    expect(search(problem({ targets: one, apart })).evaluation).toMatchObject({ cleared: false, moves: 1 });
  });

  it('moves guests together that make one item', () => {
    const pair = problem({}).items.reduce((a, b) => ({
      ...a,
      guests: [...a.guests, ...b.guests],
      load: a.load + b.load,
      relief: a.relief + b.relief,
      price: a.price + b.price,
    }));
    const { evaluation, moves } = search(problem({ items: [pair] }));
    expect(moves).toEqual([{ item: 0, target: 0 }]);
    expect(evaluation).toMatchObject({ cleared: true, moves: 2, price: 18432, peak: 40 });
  });
});
