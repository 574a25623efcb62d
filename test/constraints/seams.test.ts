import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/balancer/index.js';
import { approvedPlan, cloudRefusals } from '../../src/constraints/index.js';
import { fleet, guest, host } from '../support/fleet.js';
import { planMigrations } from '../support/plan.js';
import { rule } from '../support/service.js';

const moves = ({ migrations }: Plan) => migrations.map((each) => `${each.guest.name} to ${each.target_host.name}`);
const reasons = ({ rejected }: Plan) =>
  rejected.map(({ guest: who, host: where, reason }) => `${who ?? '*'} ${where ?? '*'} ${reason}`);

describe('guests that are to be kept apart, where one of them has only one place', () => {
  /** Each of g1 and g2 brings 12 points; 20 have to go. The first would take the only place of the second. */
  const snapshot = fleet(
    [host('a', 80), host('t1', 20), host('t2', 25)],
    [guest('g1', 'a', 60), guest('g2', 'a', 60), guest('x', 't1', 5), guest('y', 't2', 5)],
  );
  const keys = { keepApart: [['g1', 'g2']], pinned: { g2: ['t1'] } };

  it('are both moved, and the plan is proven', () => {
    const plan = planMigrations({ snapshot, rule: rule(keys), sourceIds: ['id-a'] });
    expect(moves(plan).sort()).toEqual(['g1 to t2', 'g2 to t1']);
    expect(plan).toMatchObject({ outcome: 'migrate', optimal: true, gap: 0 });
  });

  it('are not moved both where both have the same place alone, and the plan says so as proven', () => {
    const pinned = { g1: ['t1'], g2: ['t1'] };
    const plan = planMigrations({ snapshot, rule: rule({ ...keys, pinned }), sourceIds: ['id-a'] });
    expect(plan).toMatchObject({ outcome: 'partial', optimal: true });
    expect(plan.migrations).toHaveLength(1);
    const left = moves(plan)[0]?.startsWith('g1') ? 'g2' : 'g1';
    expect(reasons(plan)).toContain(`${left} t1 kept_apart`);
  });

  it('stay away from where another of them is on its way', () => {
    const elsewhere = fleet(snapshot.hosts, [...snapshot.guests, guest('g3', 't2', 5)]);
    const apart = rule({ keepApart: [['g1', 'g3']], ignore: { guests: ['g2'] } });
    const free = planMigrations({ snapshot: elsewhere, rule: apart, sourceIds: ['id-a'] });
    expect(moves(free)).toEqual(['g1 to t1']);
    const underWay = [{ guestId: 'id-g3', sourceId: 'id-t2', targetId: 'id-t1' }];
    const plan = planMigrations({ snapshot: elsewhere, rule: apart, sourceIds: ['id-a'], underWay });
    expect(plan.outcome).toBe('find_result_fail');
    expect(plan.notes).toContain('guest g1 is kept apart from g3, which is on its way there');
  });
});

describe('what is on its way', () => {
  const snapshot = fleet([host('a', 70), host('b', 40), host('c', 45)], [guest('g', 'a', 60), guest('m', 'c', 75)]);

  it('counts as load of its target', () => {
    expect(moves(planMigrations({ snapshot, rule: rule(), sourceIds: ['id-a'] }))).toEqual(['g to b']);
    const underWay = [{ guestId: 'id-m', sourceId: 'id-c', targetId: 'id-b' }];
    const plan = planMigrations({ snapshot, rule: rule(), sourceIds: ['id-a'], underWay });
    expect(moves(plan)).toEqual(['g to c']);
    expect(plan.rejected.find(({ host: where }) => where === 'b')?.text).toContain('host:b:with what is on its way');
  });

  it('is not moved again', () => {
    const underWay = [{ guestId: 'id-g', sourceId: 'id-a', targetId: 'id-b' }];
    const plan = planMigrations({ snapshot, rule: rule(), sourceIds: ['id-a'], underWay });
    expect(plan.notes).toContain('guest:g: on its way to host b');
  });
});

describe('alerting hosts that are not to be relieved', () => {
  it('are no targets, and keep their guests', () => {
    const snapshot = fleet(
      [host('a', 70), host('b', 65), host('c', 45)],
      [guest('g', 'a', 60), guest('h', 'b', 60, { vmem_size: 512 })],
    );
    const plan = planMigrations({ snapshot, rule: rule(), sourceIds: ['id-a'], otherAlertingIds: ['id-b'] });
    expect(moves(plan)).toEqual(['g to c']);
    expect(plan.sources.map(({ name }) => name)).toEqual(['a']);
    expect(plan.rejected.find(({ host: where }) => where === 'b')).toMatchObject({
      reason: 'alerting',
      text: 'host:b: alerting itself, and left alone for now',
    });
  });
});

describe('what may be given out', () => {
  it('a guest never goes where there are fewer CPUs than it has vCPUs', () => {
    const snapshot = fleet(
      [host('a', 70), host('small', 1, { cpu_count: 4 }), host('large', 40)],
      [guest('g', 'a', 60)],
    );
    const plan = planMigrations({ snapshot, rule: rule(), sourceIds: ['id-a'] });
    expect(moves(plan)).toEqual(['g to large']);
    const alone = planMigrations({ snapshot, rule: rule({ ignore: { hosts: ['large'] } }), sourceIds: ['id-a'] });
    expect(alone.rejected.map(({ reason }) => reason)).toContain('over_threshold');
    const idle = fleet(snapshot.hosts, [guest('g', 'a', 60), guest('w', 'a', 15, { vcpu_count: 40, vmem_size: 64 })]);
    const wide = planMigrations({
      snapshot: idle,
      rule: rule({ ignore: { guests: ['g'], hosts: ['large'] } }),
      sourceIds: ['id-a'],
    });
    expect(wide.notes).toContain('guest w');
    expect(wide.migrations).toEqual([]);
  });

  it('a host of 0 CPUs is neither source nor target', () => {
    const none = fleet([host('a', 70, { cpu_count: 0 }), host('b', 20)], [guest('g', 'a', 60)]);
    const source = planMigrations({ snapshot: none, rule: rule(), sourceIds: ['id-a'] });
    expect(source).toMatchObject({ outcome: 'find_result_fail', migrations: [] });
    expect(source.sources[0]).toMatchObject({ current: 70, predicted: 70 });
    expect(source.notes).toContain('guest:g: on a host of 0 CPUs');
    const target = fleet([host('a', 70), host('b', 20, { cpu_count: 0 })], [guest('g', 'a', 60)]);
    const plan = planMigrations({ snapshot: target, rule: rule(), sourceIds: ['id-a'] });
    expect(plan.migrations).toEqual([]);
    expect(reasons(plan)).toContain('* b no_cpus');
  });

  /** b has given out 60 of its 64 GiB and uses few of them; c is fuller. */
  const lent = fleet(
    [host('a', 80), host('b', 20, { mem_size: 65536 }), host('c', 30)],
    [
      guest('g', 'a', 60, { vmem_size: 40960 }),
      guest('h', 'a', 60, { vmem_size: 40960 }),
      guest('idle', 'b', 1, { vmem_size: 61440 }),
      guest('z', 'c', 5),
    ],
  );

  it('is not looked at unless the rule says how much', () => {
    const plan = planMigrations({ snapshot: lent, rule: rule(), sourceIds: ['id-a'] });
    expect(moves(plan)).toContain('g to b');
  });

  it('is kept to in memory, and told with its numbers', () => {
    const plan = planMigrations({ snapshot: lent, rule: rule({ allocation: { memory: 1 } }), sourceIds: ['id-a'] });
    expect(moves(plan)).toEqual(['g to c', 'h to c']);
    expect(plan.rejected.find(({ reason }) => reason === 'memory_allocation')?.text).toBe(
      'host:b: may give out 4 GiB more (1 × 64 GiB in all), guest g has 40 GiB',
    );
  });

  it('is kept to by several guests together', () => {
    const one = fleet(
      lent.hosts.map((each) => (each.name === 'b' ? { ...each, mem_size: 61440 + 50000 } : each)),
      lent.guests,
    );
    const plan = planMigrations({
      snapshot: one,
      rule: rule({ allocation: { memory: 1 }, ignore: { hosts: ['c'] } }),
      sourceIds: ['id-a'],
    });
    expect(plan).toMatchObject({ outcome: 'partial', optimal: true });
    expect(plan.migrations).toHaveLength(1);
    expect(plan.explanation.missing?.nearest?.missing[0]?.reason).toBe('memory_allocation');
  });

  it('is kept to in vCPUs', () => {
    const snapshot = fleet(
      [host('a', 70), host('b', 10, { cpu_count: 40 }), host('c', 40)],
      [guest('g', 'a', 60), guest('many', 'b', 1, { vcpu_count: 76 })],
    );
    expect(moves(planMigrations({ snapshot, rule: rule(), sourceIds: ['id-a'] }))).toEqual(['g to b']);
    const plan = planMigrations({ snapshot, rule: rule({ allocation: { cpu: 2 } }), sourceIds: ['id-a'] });
    expect(moves(plan)).toEqual(['g to c']);
    expect(plan.rejected.find(({ reason }) => reason === 'cpu_allocation')?.text).toContain(
      'may give out 4 vCPUs more',
    );
  });
});

describe('an approved plan', () => {
  const snapshot = fleet([host('a', 70), host('b', 20), host('c', 25)], [guest('g', 'a', 60), guest('h', 'a', 60)]);

  it('lets nothing but its moves happen', () => {
    const further = [approvedPlan([{ guestId: 'id-h', targetId: 'id-c' }])];
    expect(moves(planMigrations({ snapshot, rule: rule(), sourceIds: ['id-a'], further }))).toEqual(['h to c']);
  });
});

describe('refusals of the cloud', () => {
  const snapshot = fleet([host('a', 70), host('b', 20), host('c', 25)], [guest('g', 'a', 60), guest('h', 'a', 60)]);
  const planned = (holdsFor: 'move' | 'guest' | 'host') =>
    planMigrations({
      snapshot,
      rule: rule(),
      sourceIds: ['id-a'],
      exclusions: cloudRefusals([{ guestId: 'id-g', hostId: 'id-b', holdsFor, text: 'no' }]),
    });

  it('rule out as much as they hold for', () => {
    expect(reasons(planned('move'))).toContain('g b cloud_refused');
    expect(reasons(planned('guest'))).toContain('g * cloud_refused');
    expect(reasons(planned('host'))).toContain('* b cloud_refused');
  });
});
