import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RiskTerms } from '../../../src/balancer/index.js';
import type { Guest, Host } from '../../../src/fleet/fleet.js';
import { fleet, guest, host } from '../../support/fleet.js';
import { type PlanRequest, planMigrations } from '../../support/plan.js';
import { requestArbitrary } from '../arbitrary.js';
import { brokenRules } from '../checker.js';

const RULE = {
  name: 'r',
  metric: 'cpu.usage_active' as const,
  threshold: 80,
  source: { hosts: [], guests: [] },
  target: { hosts: [] },
};

function plan(hosts: Host[], guests: Guest[], risk: Partial<RiskTerms> = {}, sourceIds = ['id-a']) {
  const terms = { worth: 130, preventiveIds: [], ...risk };
  return planMigrations({ snapshot: fleet(hosts, guests), rule: RULE, sourceIds, risk: terms });
}

const movesOf = ({ migrations }: ReturnType<typeof plan>) =>
  migrations.map(({ guest: { name }, target_host: { name: to }, preventive }) => {
    return `${name}→${to}${preventive ? ', preventive' : ''}`;
  });

const always = (usage: number) => Array.from({ length: 12 }, () => usage);

/** A guest of 8 vCPUs on hosts of 40 CPUs: each 5 % of its own are a point there. */
const withCourse = (name: string, on: string, course: number[], over: Partial<Guest> = {}) =>
  guest(name, on, course.at(-1), { history: { 'cpu.usage_active': course }, ...over });

describe('a plan by risk', () => {
  it('lets a guest in a passing spike stay, and takes one that is busy all the time', () => {
    const spike = withCourse('spike', 'a', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 50]);
    const steady = withCourse('steady', 'a', always(50));
    expect(movesOf(plan([host('a', 84), host('b', 20)], [spike, steady]))).toEqual(['steady→b']);
  });

  it('puts a guest where others are quiet when it is busy', () => {
    const early = [100, 100, 100, 100, 100, 100, 0, 0, 0, 0, 0, 0];
    const late = [0, 0, 0, 0, 0, 0, 100, 100, 100, 100, 100, 100];
    const big = { vcpu_count: 16 };
    const hosts = [host('a', 84), host('b', 60), host('c', 20)];
    const guests = [
      withCourse('g', 'a', late),
      withCourse('same', 'b', late, big),
      withCourse('other', 'c', early, big),
    ];
    expect(movesOf(plan(hosts, guests))).toEqual(['g→c']);
  });

  it('goes deeper where further relief is cheap, and not where it is dear', () => {
    const cheap = Array.from({ length: 6 }, (_, at) => withCourse(`cheap-${at}`, 'a', always(15), { vmem_size: 128 }));
    const dear = Array.from({ length: 6 }, (_, at) => withCourse(`dear-${at}`, 'a', always(15), { vmem_size: 65536 }));
    const hosts = [host('a', 82), host('b', 10)];
    expect(movesOf(plan(hosts, cheap)).length).toBeGreaterThan(3);
    expect(movesOf(plan(hosts, dear))).toHaveLength(1);
    expect(movesOf(plan(hosts, cheap, { worth: 1 }))).toHaveLength(1);
  });

  it('clears an alerting host first of all, whatever that costs', () => {
    const huge = withCourse('huge', 'a', always(50), { vmem_size: 16 * 131072 });
    expect(plan([host('a', 84), host('b', 20, { mem_size: 8 * 262144 })], [huge], { worth: 1 }).migrations).toEqual([]);
    const memory = { metrics: { 'cpu.usage_active': 20, 'mem.available': 4096 * 1024 ** 3 } };
    expect(movesOf(plan([host('a', 84), host('b', 20, memory)], [huge], { worth: 1 }))).toEqual(['huge→b']);
  });

  it('is that of least price where nobody has a history', () => {
    const guests = [guest('small', 'a', 15, { vmem_size: 1024 }), guest('large', 'a', 40, { vmem_size: 8192 })];
    const found = plan([host('a', 82), host('b', 20)], guests);
    expect(movesOf(found)).toEqual(['small→b']);
    expect(found).toMatchObject({ optimal: true });
    expect(found.explanation.loads.every(({ risk }) => risk === undefined)).toBe(true);
  });

  it('tells in words what it expects of each host', () => {
    const steady = Array.from({ length: 8 }, (_, at) => withCourse(`g${at}`, 'a', always(50), { vmem_size: 1024 }));
    const { explanation, sources } = plan([host('a', 84), host('b', 20)], steady);
    expect(sources[0]?.predicted).toBeLessThan(70);
    const [a, b] = explanation.loads;
    expect(a?.risk?.text).toMatch(/^a (less than )?\d+ in \d+ chance to be past 80 % again, before: 2 in 3$/);
    expect(b?.risk?.text).toContain('chance to be past 80 %, before: less than 1 in 100');
    expect(explanation.chosen).toMatch(/hosts to be expected past 80 %, before: 0\.66/);
  });
});

describe('a host that does not alert', () => {
  const hosts = [host('a', 84), host('b', 79), host('c', 10)];
  const guests = [
    withCourse('g', 'a', always(50), { vmem_size: 1024 }),
    ...Array.from({ length: 4 }, (_, at) => withCourse(`b${at}`, 'b', always(90), { vmem_size: 1024 })),
  ];

  it('is relieved too where that prevents more than it costs, after the others', () => {
    const found = plan(hosts, guests, { preventiveIds: ['id-b', 'id-c'] });
    expect(movesOf(found).slice(0, 2)).toEqual(['g→c', 'b0→c, preventive']);
    expect(found).toMatchObject({ outcome: 'migrate', prevented: [{ name: 'b', current: 79 }] });
    expect(found.notes).toMatch(
      /^1 guest to move: a goes .*; \d guests? more before their hosts alert: b goes from 79 %/,
    );
  });

  it('is left alone where the rule does not ask for it', () => {
    expect(movesOf(plan(hosts, guests))).toEqual(['g→c']);
  });

  it('is left alone where no host is to be relieved', () => {
    expect(plan(hosts, guests, { preventiveIds: ['id-b'] }, ['id-c'])).toMatchObject({
      outcome: 'not_needed',
      migrations: [],
    });
  });

  it('is left alone where its guests are too large for what they would prevent', () => {
    const large = guests.map((each) => (each.host_id === 'id-b' ? { ...each, vmem_size: 65536 } : each));
    expect(movesOf(plan(hosts, large, { preventiveIds: ['id-b'], worth: 20 }))).toEqual(['g→c']);
  });
});

const course = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 15 });

/** Any request by risk, with guests of which most have a history. */
const riskyRequest: fc.Arbitrary<PlanRequest> = requestArbitrary({ hosts: 8, guests: 16, sources: 3 }).chain(
  (request) => {
    const { hosts, guests } = request.snapshot;
    const others = hosts.map(({ id }) => id).filter((id) => !request.sourceIds.includes(id));
    return fc
      .record({
        worth: fc.integer({ min: 1, max: 500 }),
        preventiveIds: fc.subarray(others),
        courses: fc.array(course, { minLength: guests.length, maxLength: guests.length }),
      })
      .map(({ worth, preventiveIds, courses }) => ({
        ...request,
        risk: { worth, preventiveIds },
        snapshot: {
          ...request.snapshot,
          guests: guests.map((each, at) => ({ ...each, history: { 'cpu.usage_active': courses[at]! } })),
        },
      }));
  },
);

describe('on any fleet', () => {
  it('no plan by risk breaks a rule, and alerting hosts are cleared wherever the plan of least price clears them', () => {
    fc.assert(
      fc.property(riskyRequest, ({ risk, ...request }) => {
        const found = planMigrations({ ...request, ...(risk && { risk }) });
        expect(brokenRules({ ...request, ...(risk && { risk }) }, found)).toEqual([]);
        const bare = planMigrations(request);
        if (found.outcome !== bare.outcome)
          expect([bare.outcome, found.outcome]).toEqual(['find_result_fail', 'partial']);
      }),
      { numRuns: 500 },
    );
  });

  it('neither the order of hosts nor that of guests changes it', () => {
    fc.assert(
      fc.property(riskyRequest, (request) => {
        const { hosts, guests } = request.snapshot;
        const turned = { ...request.snapshot, hosts: [...hosts].reverse(), guests: [...guests].reverse() };
        expect(movesOf(planMigrations({ ...request, snapshot: turned }))).toEqual(movesOf(planMigrations(request)));
      }),
      { numRuns: 100 },
    );
  });
});
