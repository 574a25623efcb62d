import { describe, expect, it } from 'vitest';
import { planMigrations } from '../support/plan.js';
import { GIB, cpu, cpuRule, fleet, guest, host, memoryRule } from './fleet.js';

describe('the explanation of a plan', () => {
  const hosts = [
    host('a', { metrics: cpu(65) }),
    host('idle', { metrics: cpu(20) }),
    host('full1', { metrics: cpu(59) }),
    host('full2', { metrics: cpu(58) }),
    host('off', { enabled: false }),
    host('arm', { cpu_architecture: 'aarch64' }),
  ];
  const guests = [
    guest('small', 'a', { vmem_size: 2048 }),
    guest('big', 'a', { vmem_size: 9216 }),
    guest('stopped', 'a', { status: 'ready' }),
  ];
  const { explanation } = planMigrations({ snapshot: fleet(hosts, guests), rule: cpuRule(60), sourceIds: ['a'] });

  it('says what has to go', () => {
    expect(explanation.sources).toEqual([
      {
        id: 'a',
        name: 'a',
        current: 65,
        excess: 5,
        removed: 5,
        cleared: true,
        text: 'a is at 65 % of its CPUs, 5 points over the threshold of 60 %; more than 5 points have to go',
      },
    ]);
  });

  it('says what was chosen, how sure that is, and why it beats the next best', () => {
    expect(explanation.chosen).toBe('1 guest with 2048 MiB to copy (price 3072): proven to be the cheapest');
    expect(explanation.nextBest).toEqual({
      instead: ['big'],
      without: ['small'],
      cost: 10240,
      moves: 1,
      text: 'next best is big instead of small: price 10240, 233 % more',
    });
  });

  it('groups who was refused', () => {
    expect(explanation.refusedHosts).toEqual([
      {
        reason: 'over_threshold',
        count: 2,
        text: '2 hosts over threshold after the move',
        examples: ['full2', 'full1'],
      },
      { reason: 'disabled', count: 1, text: '1 host disabled', examples: ['off'] },
      { reason: 'other_architecture', count: 1, text: '1 host of another architecture', examples: ['arm'] },
    ]);
    expect(explanation.refusedGuests).toMatchObject([{ reason: 'not_running', text: '1 guest not running' }]);
  });

  it('has the loads before and after of the hosts concerned', () => {
    expect(explanation.loads).toEqual([
      { id: 'a', name: 'a', role: 'source', before: 65, after: 55, full: 100 },
      { id: 'idle', name: 'idle', role: 'target', before: 20, after: 30, full: 100 },
    ]);
    expect(explanation.missing).toBeUndefined();
  });
});

describe('the next best', () => {
  it('may cost the same and move more guests', () => {
    const hosts = [host('a', { metrics: cpu(64) }), host('b', { metrics: cpu(20) })];
    const guests = [
      guest('one', 'a', { vmem_size: 3072 }),
      guest('half1', 'a', { vmem_size: 1024, vcpu_count: 4 }),
      guest('half2', 'a', { vmem_size: 1024, vcpu_count: 4 }),
    ];
    // 5 points each for the halves: only both together clear 4 points less than 5? One half is enough, so it wins.
    const enough = planMigrations({ snapshot: fleet(hosts, guests), rule: cpuRule(60), sourceIds: ['a'] });
    expect(enough.migrations.map((move) => move.guest.name)).toEqual(['half1']);
    const further = planMigrations({ snapshot: fleet(hosts, guests), rule: cpuRule(58), sourceIds: ['a'] });
    expect(further.migrations.map((move) => move.guest.name)).toEqual(['one']);
    expect(further.explanation.nextBest?.text).toBe(
      'next best is half1 + half2 instead of one: the same price, but 2 moves instead of 1',
    );
  });

  it('may cost the same and fill a target more', () => {
    const hosts = [host('a', { metrics: cpu(64) }), host('b', { metrics: cpu(20) })];
    const guests = [guest('hot', 'a', { metrics: { 'cpu.usage_active': 80 } }), guest('warm', 'a')];
    const plan = planMigrations({ snapshot: fleet(hosts, guests), rule: cpuRule(60), sourceIds: ['a'] });
    expect(plan.migrations.map((move) => move.guest.name)).toEqual(['warm']);
    expect(plan.explanation.nextBest?.text).toBe(
      'next best is hot instead of warm: the same price, but the fullest target ends at 36 % instead of 30 %',
    );
  });

  it('is absent where nothing else would do', () => {
    const hosts = [host('a', { metrics: cpu(64) }), host('b', { metrics: cpu(20) })];
    const plan = planMigrations({ snapshot: fleet(hosts, [guest('g', 'a')]), rule: cpuRule(60), sourceIds: ['a'] });
    expect(plan.explanation.nextBest).toBeUndefined();
  });
});

describe('what is missing', () => {
  it('names the closest guest and host and how much room they lack', () => {
    const hosts = [host('a', { metrics: cpu(65) }), host('b', { metrics: cpu(52) }), host('c', { metrics: cpu(56) })];
    const plan = planMigrations({ snapshot: fleet(hosts, [guest('g', 'a')]), rule: cpuRule(60), sourceIds: ['a'] });
    expect(plan.outcome).toBe('find_result_fail');
    expect(plan.explanation.missing).toEqual({
      nearest: {
        guest: 'g',
        host: 'b',
        missing: [{ reason: 'over_threshold', amount: 2 }],
        text: expect.stringContaining('closest is g on b, which lacks 2 points of CPU') as unknown,
      },
      text: expect.stringContaining('still to go: 5 points from a; closest is g on b') as unknown,
    });
  });

  it('names both dimensions where both lack', () => {
    const hosts = [host('a', { metrics: cpu(10, 10 * GIB) }), host('b', { metrics: cpu(90, 20 * GIB) })];
    const rule = memoryRule(16 * GIB);
    const plan = planMigrations({ snapshot: fleet(hosts, [guest('g', 'a')]), rule, sourceIds: ['a'] });
    expect(plan.explanation.missing?.nearest?.missing).toEqual([
      { reason: 'over_threshold', amount: 4 * GIB },
      { reason: 'cpu_ceiling', amount: 5 },
    ]);
    expect(plan.explanation.missing?.text).toContain('lacks 4 GiB of memory and 5 points of CPU');
  });

  it('says what stays over after a partial plan, and that nothing else could go', () => {
    const hosts = [host('a', { metrics: cpu(75) }), host('b', { metrics: cpu(45) })];
    const one = planMigrations({ snapshot: fleet(hosts, [guest('g', 'a')]), rule: cpuRule(60), sourceIds: ['a'] });
    expect(one.outcome).toBe('partial');
    expect(one.explanation.missing?.text).toBe(
      'still to go: 5 points from a; every guest that may move does; the guests of a explain 10 % of its 75 %',
    );
    const guests = [guest('g1', 'a'), guest('g2', 'a')];
    const two = planMigrations({ snapshot: fleet(hosts, guests), rule: cpuRule(60), sourceIds: ['a'] });
    expect(two.explanation.missing?.nearest).toMatchObject({ host: 'b', missing: [{ amount: 5 }] });
  });

  it('looks for what is closest only among guests that would still help', () => {
    const hosts = [host('a', { metrics: cpu(75) }), host('b', { metrics: cpu(61) }), host('t', { metrics: cpu(45) })];
    const small = { vcpu_count: 1, vmem_size: 1024 };
    const guests = [
      guest('a1', 'a'),
      guest('a2', 'a'),
      guest('b1', 'b', small),
      guest('b2', 'b', { ...small, vmem_size: 90_000, vcpu_count: 4 }),
    ];
    const plan = planMigrations({ snapshot: fleet(hosts, guests), rule: cpuRule(60), sourceIds: ['a', 'b'] });
    expect(plan.explanation.sources.map(({ name, cleared }) => [name, cleared])).toEqual([
      ['a', false],
      ['b', true],
    ]);
    expect(plan.explanation.missing?.nearest).toMatchObject({ guest: 'a2', host: 't' });
  });

  it('calls hosts short of memory what they are', () => {
    const hosts = [host('a', { metrics: cpu(10, 10 * GIB) }), host('b', { metrics: cpu(10, 20 * GIB) })];
    const plan = planMigrations({
      snapshot: fleet(hosts, [guest('g', 'a')]),
      rule: memoryRule(16 * GIB),
      sourceIds: ['a'],
    });
    expect(plan.explanation.refusedHosts.map(({ text }) => text)).toEqual(['1 host under threshold after the move']);
  });
});
