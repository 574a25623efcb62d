import { describe, expect, it } from 'vitest';
import { isOverThreshold, resolveHost, type Plan } from '../../src/balancer/index.js';
import { planMigrations } from '../support/plan.js';
import { GIB, cpu, cpuRule, fleet, guest, host, memoryRule } from './fleet.js';

function moves(plan: Plan): string[] {
  return plan.migrations.map(({ guest: moved, target_host }) => `${moved.name} -> ${target_host.name}`);
}

function reasons(plan: Plan): string[] {
  return plan.rejected.map(({ guest: its, host: at, reason }) => `${its ?? '*'}@${at ?? '*'}: ${reason}`);
}

describe('the numbers of the documents', () => {
  const documentFleet = (a15: number, onecloud02: number) => [
    host('733b10fa-bd33-4503-836d-2ccd225bf12f', { name: 'a15', metrics: cpu(a15) }),
    host('6fc10297-eb20-4a96-86a8-4b65260d6016', { name: 'test-66-onecloud02', metrics: cpu(onecloud02) }),
  ];

  it('finds no target for a guest that is too big for every host, and says so to the sixth digit', () => {
    const snapshot = fleet(
      [...documentFleet(62.305391, 66.53), host('test-69', { name: 'test-69-onecloud01', metrics: cpu(55.313408) })],
      [
        guest('g', '6fc10297-eb20-4a96-86a8-4b65260d6016', {
          name: 'cpu-test-vm',
          vcpu_count: 24,
          vmem_size: 1024,
          metrics: { 'cpu.usage_active': 99.46995 },
        }),
      ],
    );
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['6fc10297-eb20-4a96-86a8-4b65260d6016'] });
    expect(plan.outcome).toBe('find_result_fail');
    expect(plan.notes).toBe(
      'find result to migrate: not found target for guest cpu-test-vm: ' +
        '[host:test-69-onecloud01:current(55.313408) + guest:cpu-test-vm:score(59.681970) >= threshold(60.000000), ' +
        'host:a15:current(62.305391) + guest:cpu-test-vm:score(59.681970) >= threshold(60.000000)]',
    );
  });

  it('moves aisenzhe from a15 to test-66-onecloud02 with the scores of the document', () => {
    const snapshot = fleet(documentFleet(62.305391, 22.65071999099409), [
      guest('a3107d1f-c46e-43cf-8aa8-55743d1533b1', '733b10fa-bd33-4503-836d-2ccd225bf12f', {
        name: 'aisenzhe',
        metrics: { 'cpu.usage_active': 53.846966666666674 },
      }),
    ]);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['733b10fa-bd33-4503-836d-2ccd225bf12f'] });
    expect(plan).toMatchObject({
      outcome: 'migrate',
      cost: 8192 + 1024,
      sources: [{ name: 'a15', current: 62.305391, predicted: 62.305391 - 10.769393333333335 }],
      migrations: [
        {
          guest: {
            host: 'a15',
            host_id: '733b10fa-bd33-4503-836d-2ccd225bf12f',
            id: 'a3107d1f-c46e-43cf-8aa8-55743d1533b1',
            name: 'aisenzhe',
            score: 10.769393333333335,
            vcpu_count: 8,
            vmem_size: 8192,
          },
          target_host: {
            id: '6fc10297-eb20-4a96-86a8-4b65260d6016',
            name: 'test-66-onecloud02',
            score: 22.65071999099409,
            predicted: 22.65071999099409 + 10.769393333333335,
          },
        },
      ],
    });
  });
});

describe('the threshold', () => {
  it.each([
    ['cpu.usage_active', 60.1, 60, true],
    ['cpu.usage_active', 60, 60, false],
    ['cpu.usage_active', 59.9, 60, false],
    ['mem.available', 9, 10, true],
    ['mem.available', 10, 10, false],
    ['mem.available', 11, 10, false],
  ] as const)('%s at %d against %d fires: %s', (metric, reading, threshold, fires) => {
    expect(isOverThreshold(metric, reading, threshold)).toBe(fires);
  });

  it('needs nothing where every alerting host is back within its threshold', () => {
    const snapshot = fleet([host('a', { metrics: cpu(50) }), host('b')], [guest('g', 'a')]);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['a'] });
    expect(plan).toMatchObject({ outcome: 'not_needed', migrations: [], cost: 0, rejected: [{ host: 'a' }] });
    expect(plan.notes).toBe('nothing to do: a is at 50 % (threshold 60 %)');
  });

  it('does not call a source cleared that ends on the threshold itself', () => {
    const snapshot = fleet([host('a', { metrics: cpu(70) }), host('b', { metrics: cpu(10) })], [guest('g', 'a')]);
    expect(planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['a'] }).outcome).toBe('partial');
  });

  it('does not fill a target up to the threshold itself', () => {
    const snapshot = fleet([host('a', { metrics: cpu(65) }), host('b', { metrics: cpu(50) })], [guest('g', 'a')]);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['a'] });
    expect(plan.outcome).toBe('find_result_fail');
    expect(reasons(plan)).toContain('g@b: over_threshold');
  });

  it("weighs a guest by the target's own CPUs", () => {
    const small = host('small', { cpu_count: 8, metrics: cpu(20) });
    const big = host('big', { cpu_count: 80, metrics: cpu(50) });
    const snapshot = fleet([host('a', { metrics: cpu(65) }), small, big], [guest('g', 'a')]);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['a'] });
    expect(moves(plan)).toEqual(['g -> big']);
    expect(plan.migrations[0]?.target_host.predicted).toBe(55);
    expect(reasons(plan)).toContain('g@small: over_threshold');
  });
});

describe('who is never a target', () => {
  const odd = [
    host('disabled', { enabled: false, metrics: cpu(1) }),
    host('offline', { status: 'offline', metrics: cpu(1) }),
    host('maintained', { maintenance: true, metrics: cpu(1) }),
    host('esxi', { host_type: 'esxi', metrics: cpu(1) }),
    host('arm', { cpu_architecture: 'aarch64', metrics: cpu(1) }),
    host('silent', { metrics: { 'mem.available': 100 * GIB } }),
    host('refused', { metrics: cpu(1) }),
    host('rule-source', { metrics: cpu(1) }),
    host('alerting', { metrics: cpu(1) }),
  ];
  const request = {
    snapshot: fleet([host('a', { metrics: cpu(65) }), ...odd], [guest('g', 'a')]),
    rule: cpuRule(60, { source: { hosts: ['a', 'rule-source'], guests: [] } }),
    sourceIds: ['a', 'alerting'],
    exclusions: [{ hostId: 'refused', reason: 'cloud_refused' as const, text: 'no shared storage' }],
  };

  it('gives each its own reason', () => {
    const plan = planMigrations(request);
    expect(plan.outcome).toBe('find_result_fail');
    expect(reasons(plan).sort()).toEqual(
      [
        '*@a: alerting',
        '*@alerting: alerting',
        '*@disabled: disabled',
        '*@maintained: maintenance',
        '*@offline: not_online',
        '*@refused: cloud_refused',
        '*@rule-source: rule_source',
        '*@silent: no_reading',
        'g@arm: other_architecture',
        'g@esxi: other_host_type',
      ].sort(),
    );
    expect(plan.rejected.find(({ host: at }) => at === 'refused')?.text).toBe('host:refused: no shared storage');
    expect(plan.notes).toContain('host:disabled: disabled');
  });

  it('knows a restricted target by id or by name', () => {
    const hosts = [host('a', { metrics: cpu(65) }), host('b', { metrics: cpu(1) }), host('c', { name: 'named' })];
    const snapshot = fleet(hosts, [guest('g', 'a', { vcpu_count: 7 })]);
    const rule = cpuRule(60, { target: { hosts: ['named'] } });
    const plan = planMigrations({ snapshot, rule, sourceIds: ['a'] });
    expect(moves(plan)).toEqual(['g -> named']);
    expect(reasons(plan)).toContain('*@b: not_a_rule_target');
  });

  it('refuses single pairs from outside', () => {
    const hosts = [host('a', { metrics: cpu(65) }), host('b', { metrics: cpu(1) }), host('c', { metrics: cpu(2) })];
    const refusals = [{ guestId: 'g', hostId: 'b', reason: 'cloud_refused' as const, text: 'CPU flags differ' }];
    const snapshot = fleet(hosts, [guest('g', 'a')]);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['a'], exclusions: refusals });
    expect(moves(plan)).toEqual(['g -> c']);
    expect(plan.rejected).toContainEqual({
      guest: 'g',
      host: 'b',
      reason: 'cloud_refused',
      text: 'host:b: CPU flags differ',
    });
  });
});

describe('who is never a candidate', () => {
  it('gives each its own reason', () => {
    const snapshot = fleet(
      [host('a', { metrics: cpu(65) }), host('b', { metrics: cpu(1) })],
      [
        guest('stopped', 'a', { status: 'ready' }),
        guest('silent', 'a', { metrics: {} }),
        guest('idle', 'a', { metrics: { 'cpu.usage_active': 0 } }),
        guest('pinned', 'a', { immovable: 'a passed-through GPU' }),
        guest('other', 'a'),
        guest('cooling', 'a'),
      ],
    );
    const rule = cpuRule(60, { source: { hosts: [], guests: ['stopped', 'silent', 'idle', 'pinned', 'cooling'] } });
    const refusals = [{ guestId: 'cooling', reason: 'immovable' as const, text: 'moved five minutes ago' }];
    const plan = planMigrations({ snapshot, rule, sourceIds: ['a'], exclusions: refusals });
    expect(plan.outcome).toBe('find_result_fail');
    expect(reasons(plan)).toEqual([
      'cooling@*: immovable',
      'pinned@*: immovable',
      'idle@*: score_zero',
      'other@*: not_a_rule_guest',
      'silent@*: no_reading',
      'stopped@*: not_running',
      '*@a: source',
    ]);
    expect(plan.notes).toContain('guest:cooling: moved five minutes ago');
  });
});

describe('the guards', () => {
  it('keeps 1 GiB of memory on the target of a CPU plan, over all that is booked there', () => {
    const guests = ['g1', 'g2'].map((id) => guest(id, 'a'));
    const hosts = [host('a', { metrics: cpu(75) }), host('b', { metrics: cpu(10, 17 * GIB) })];
    const both = planMigrations({ snapshot: fleet(hosts, guests), rule: cpuRule(60), sourceIds: ['a'] });
    expect(both.outcome).toBe('migrate');
    hosts[1] = host('b', { metrics: cpu(10, 17 * GIB - 1) });
    const one = planMigrations({ snapshot: fleet(hosts, guests), rule: cpuRule(60), sourceIds: ['a'] });
    expect(one.outcome).toBe('partial');
    expect(moves(one)).toHaveLength(1);
    expect(one.rejected.find(({ reason }) => reason === 'memory_floor')?.text).toContain('host:b:after the plan');
  });

  it('without a memory reading counts what the guests of the target were given', () => {
    const target = host('b', { mem_size: 16 * 1024, metrics: { 'cpu.usage_active': 10 } });
    const roomy = fleet(
      [host('a', { metrics: cpu(65) }), target],
      [guest('g', 'a'), guest('tenant', 'b', { status: 'ready', vmem_size: 7 * 1024 })],
    );
    expect(planMigrations({ snapshot: roomy, rule: cpuRule(60), sourceIds: ['a'] }).outcome).toBe('migrate');
    const full = fleet(roomy.hosts, [guest('g', 'a'), guest('tenant', 'b', { vmem_size: 7 * 1024 + 1 })]);
    const plan = planMigrations({ snapshot: full, rule: cpuRule(60), sourceIds: ['a'] });
    expect(plan.rejected).toContainEqual({
      guest: 'g',
      host: 'b',
      reason: 'memory_floor',
      text: 'host:b:available(9662627840.000000) - guest:g:memory(8589934592.000000) < floor(1073741824.000000)',
    });
  });

  it('keeps the target of a memory plan at or under 95 % of its CPUs', () => {
    const source = host('a', { metrics: cpu(10, 10 * GIB) });
    const onTheCeiling = fleet([source, host('b', { metrics: cpu(85) })], [guest('g', 'a')]);
    const rule = memoryRule(16 * GIB);
    expect(planMigrations({ snapshot: onTheCeiling, rule, sourceIds: ['a'] }).outcome).toBe('migrate');
    const over = fleet([source, host('b', { metrics: cpu(85.1) })], [guest('g', 'a')]);
    const plan = planMigrations({ snapshot: over, rule, sourceIds: ['a'] });
    expect(plan.rejected.at(-1)?.text).toBe('host:b:cpu(85.100000) + guest:g:cpu(10.000000) > ceiling(95.000000)');
  });

  it('does not guess the CPU reading of a guest or a target of a memory plan', () => {
    const source = host('a', { metrics: cpu(10, 10 * GIB) });
    const silent = host('b', { metrics: { 'mem.available': 100 * GIB } });
    const rule = memoryRule(16 * GIB);
    const noTarget = planMigrations({ snapshot: fleet([source, silent], [guest('g', 'a')]), rule, sourceIds: ['a'] });
    expect(reasons(noTarget)).toContain('*@b: no_reading');
    const mute = fleet([source, host('c')], [guest('g', 'a', { metrics: {} })]);
    expect(reasons(planMigrations({ snapshot: mute, rule, sourceIds: ['a'] }))).toContain('g@*: no_reading');
  });
});

describe('memory plans', () => {
  it('moves by vmem_size until more than the threshold is available, and keeps more than that on the target', () => {
    const hosts = [host('a', { metrics: cpu(10, 10 * GIB) }), host('b', { metrics: cpu(10, 24 * GIB + 1) })];
    const snapshot = fleet(hosts, [guest('g', 'a')]);
    const plan = planMigrations({ snapshot, rule: memoryRule(16 * GIB), sourceIds: ['a'] });
    expect(plan).toMatchObject({
      outcome: 'migrate',
      sources: [{ current: 10 * GIB, predicted: 18 * GIB }],
      migrations: [{ guest: { score: 8 * GIB }, target_host: { score: 24 * GIB + 1, predicted: 16 * GIB + 1 } }],
    });
  });

  it('writes its refusals with the signs of memory', () => {
    const hosts = [host('a', { metrics: cpu(10, 10 * GIB) }), host('b', { metrics: cpu(10, 24 * GIB) })];
    const plan = planMigrations({
      snapshot: fleet(hosts, [guest('g', 'a')]),
      rule: memoryRule(16 * GIB),
      sourceIds: ['a'],
    });
    expect(plan.notes).toBe(
      'find result to migrate: not found target for guest g: ' +
        '[host:b:current(25769803776.000000) - guest:g:score(8589934592.000000) <= threshold(17179869184.000000)]',
    );
  });
});

describe('several alerting hosts', () => {
  it('makes one plan in which nothing is booked twice', () => {
    const hosts = [
      host('a', { metrics: cpu(65) }),
      host('b', { metrics: cpu(65) }),
      host('c', { metrics: cpu(45) }),
      host('d', { metrics: cpu(48) }),
    ];
    const snapshot = fleet(hosts, [guest('ga', 'a'), guest('gb', 'b')]);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['b', 'a'] });
    expect(plan.outcome).toBe('migrate');
    expect(new Set(plan.migrations.map(({ target_host }) => target_host.name))).toEqual(new Set(['c', 'd']));
    expect(plan.sources.map(({ name, predicted }) => [name, predicted])).toEqual([
      ['b', 55],
      ['a', 55],
    ]);
  });

  it('is partial where a source has no reading, and never guesses it', () => {
    const hosts = [host('a', { metrics: cpu(65) }), host('mute', { metrics: {} }), host('c', { metrics: cpu(45) })];
    const snapshot = fleet(hosts, [guest('ga', 'a'), guest('gm', 'mute')]);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['a', 'mute'] });
    expect(plan.outcome).toBe('partial');
    expect(moves(plan)).toEqual(['ga -> c']);
    expect(plan.sources[1]).toEqual({ id: 'mute', name: 'mute' });
    expect(plan.notes).toContain('host mute has no reading of cpu.usage_active');
  });

  it('fails by name where no source has a reading', () => {
    const snapshot = fleet([host('mute', { metrics: {} }), host('c')], [guest('gm', 'mute')]);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['mute'] });
    expect(plan.outcome).toBe('find_result_fail');
    expect(plan.notes).toBe('find result to migrate: host mute has no reading of cpu.usage_active');
  });

  it('joins the sentences of several guests', () => {
    const hosts = [host('a', { metrics: cpu(65) }), host('b', { metrics: cpu(59) })];
    const snapshot = fleet(hosts, [guest('g1', 'a'), guest('g2', 'a')]);
    const { notes } = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['a'] });
    expect(notes).toMatch(/guest g1: \[host:b:.*\]; not found target for guest g2: \[host:b:.*\]$/);
  });

  it('throws for a source that the snapshot does not have', () => {
    const request = { snapshot: fleet([host('a')], []), rule: cpuRule(60), sourceIds: ['gone'] };
    expect(() => planMigrations(request)).toThrow('the snapshot has no host with the id "gone"');
  });
});

describe('rejections of a large fleet', () => {
  it('stay bounded: samples with counts, the nearest first', () => {
    const hosts = Array.from({ length: 3000 }, (_, at) => host(`h${at}`, { metrics: cpu(51 + at / 1000) }));
    const guests = ['g1', 'g2'].map((id) => guest(id, 'a'));
    const snapshot = fleet([host('a', { metrics: cpu(65) }), ...hosts], guests);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: ['a'] });
    const full = plan.rejected.filter(({ reason }) => reason === 'over_threshold');
    expect(full).toHaveLength(26);
    expect(full[0]?.text).toBe('host:h0:current(51.000000) + guest:g1:score(10.000000) >= threshold(60.000000)');
    expect(full[25]?.text).toBe('and 2975 more hosts');
    expect(plan.notes).toContain('and 2980 more hosts');
  });
});

describe('references', () => {
  const snapshot = fleet([host('a', { name: 'x' }), host('b', { name: 'x' }), host('x2', { name: 'y' })], []);
  it('are an id first, then a name, and ambiguous where several bear it', () => {
    expect(resolveHost(snapshot, 'a')).toMatchObject({ kind: 'found', entry: { id: 'a' } });
    expect(resolveHost(snapshot, 'y')).toMatchObject({ kind: 'found', entry: { id: 'x2' } });
    expect(resolveHost(snapshot, 'x')).toMatchObject({ kind: 'ambiguous', entries: [{ id: 'a' }, { id: 'b' }] });
    expect(resolveHost(snapshot, 'z')).toEqual({ kind: 'unknown' });
  });
});

describe('a rule that keeps guests in their place', () => {
  const at = (id: string, az: string, aggregates: string, usage: number) =>
    host(id, { metrics: cpu(usage), tags: { az, aggregates } });
  const hosts = [
    at('a', 'az1', 'ssd,gpu', 65),
    at('same', 'az1', 'gpu,ssd', 30),
    at('zone', 'az2', 'gpu,ssd', 1),
    at('aggregate', 'az1', 'ssd', 2),
  ];
  const snapshot = fleet(hosts, [guest('g', 'a')]);

  it.each([
    [{}, []],
    [{ sameZone: true }, ['g@zone: other_zone']],
    [{ sameAggregate: true }, ['g@aggregate: other_aggregate']],
    [{ sameZone: true, sameAggregate: true }, ['g@aggregate: other_aggregate', 'g@zone: other_zone']],
  ])('with %o refuses %j, and goes to none of these', (keys, refused) => {
    const rule = cpuRule(60, { target: { hosts: [], ...keys } });
    const plan = planMigrations({ snapshot, rule, sourceIds: ['a'] });
    expect(plan.outcome).toBe('migrate');
    const elsewhere = reasons(plan).filter((text) => text.includes('other_'));
    expect(elsewhere.sort()).toEqual(refused);
    expect(refused.map((text) => text.replace(/@(.*):.*/, ' -> $1'))).not.toContain(moves(plan)[0]);
  });

  it('moves nothing where only other places have room', () => {
    const elsewhere = fleet([hosts[0]!, hosts[2]!], [guest('g', 'a')]);
    const rule = cpuRule(60, { target: { hosts: [], sameZone: true } });
    const plan = planMigrations({ snapshot: elsewhere, rule, sourceIds: ['a'] });
    expect(plan.outcome).toBe('find_result_fail');
    expect(plan.notes).toContain('host:zone: availability zone az2, not az1');
  });
});
