import { describe, expect, it } from 'vitest';
import { planMigrations } from '../../src/balancer/plan.js';
import { benchCases, makeCase } from '../bench/cases.js';
import { cpu, cpuRule, fleet, guest, host } from './fleet.js';
import { brokenRules } from './checker.js';

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
