import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildProblem } from '../../src/balancer/model/build-problem.js';
import { byId, fleetIndex } from '../../src/balancer/model/fleet-index.js';
import { type Problem, evaluate } from '../../src/balancer/model/problem.js';
import { searchManySources } from '../../src/balancer/search/many-sources.js';
import { startLimits } from '../../src/balancer/search/search-limits.js';
import { constraintsFor } from '../../src/constraints/index.js';
import { type Tightness, makeCase } from '../bench/cases.js';
import { greedy, judge, movesOf } from '../bench/many-sources.js';
import { type Optimum, mipSolver } from '../bench/mip.js';
import { type PlanRequest, planMigrations } from '../support/plan.js';
import { requestArbitrary } from './arbitrary.js';
import { cpu, cpuRule, fleet, guest, host } from './fleet.js';
import { brokenRules } from './checker.js';

interface Crowd {
  hosts: number;
  sources: number;
  tightness: Tightness;
  isCpu: boolean;
}

function crowd(seed: number, { hosts, sources, tightness, isCpu }: Crowd): PlanRequest {
  const metric = isCpu ? 'cpu.usage_active' : 'mem.available';
  const usual = { guestsPerHost: 8, odd: false, restrictTargets: false, restrictGuests: false };
  return makeCase(seed, { ...usual, hosts, sources, metric, tightness });
}

function problemOf(request: PlanRequest): Problem {
  const index = fleetIndex(request.snapshot);
  const alerting = index.hosts.filter(({ id }) => request.sourceIds.includes(id)).sort(byId);
  return buildProblem(index, request.rule, alerting, constraintsFor({ ...request, further: [] }));
}

describe('many alerting hosts, against a MIP solver', () => {
  let solve: (request: PlanRequest) => Optimum;
  beforeAll(async () => {
    solve = await mipSolver({ timeLimitS: 20, partial: false });
  });

  it('clears what can be cleared for at most 1 % more in all, and never claims more than is true', () => {
    let price = 0;
    let least = 0;
    let missed = 0;
    let feasible = 0;
    for (let seed = 1; seed <= 24; seed++) {
      const tightness = seed % 2 === 0 ? 'fair' : 'roomy';
      const request = crowd(seed, { hosts: 16, sources: 8, tightness, isCpu: seed % 3 > 0 });
      const optimum = solve(request);
      if (!optimum.proven) continue;
      const plan = planMigrations(request);
      expect(brokenRules(request, plan)).toEqual([]);
      if (!optimum.feasible) {
        expect(plan.outcome).not.toBe('migrate');
        continue;
      }
      feasible++;
      if (plan.outcome !== 'migrate') {
        missed++;
        continue;
      }
      price += plan.cost;
      least += optimum.price;
      expect(plan.cost * (1 - plan.gap)).toBeLessThanOrEqual(optimum.price + 1e-6);
      if (plan.optimal) expect(plan.cost).toBe(optimum.price);
    }
    expect(feasible).toBeGreaterThan(12);
    expect(missed).toBe(0);
    expect(price).toBeLessThanOrEqual(least * 1.01);
  });

  it('makes sound plans of small hostile fleets too, and never calls one proven that is not', () => {
    fc.assert(
      fc.property(requestArbitrary({ hosts: 6, guests: 12, sources: 3, isExact: true }), (request) => {
        const optimum = solve(request);
        fc.pre(optimum.proven);
        const problem = problemOf(request);
        fc.pre(problem.items.length > 0 && problem.targets.usable.length > 0);
        const { evaluation, optimal, gap } = searchManySources(problem, startLimits(), false);
        expect(evaluation.cleared && !optimum.feasible).toBe(false);
        if (!evaluation.cleared || !optimum.feasible) return;
        expect(evaluation.price * (1 - gap)).toBeLessThanOrEqual(optimum.price + 1e-6);
        if (optimal) expect(evaluation.price).toBe(optimum.price);
      }),
      { numRuns: 100 },
    );
  });
});

describe('many alerting hosts, against a plain greedy', () => {
  it('clears all that the greedy clears, for no more', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.nat({ max: 1e6 }),
          sources: fc.integer({ min: 7, max: 40 }),
          targets: fc.integer({ min: 4, max: 60 }),
          tightness: fc.constantFrom<Tightness>('roomy', 'fair', 'tight', 'scarce'),
          isCpu: fc.boolean(),
        }),
        ({ seed, sources, targets, tightness, isCpu }) => {
          const request = crowd(seed, { hosts: sources + targets, sources, tightness, isCpu });
          const simple = judge(request, greedy(request));
          const plan = planMigrations(request);
          const ours = judge(request, movesOf(request, plan));
          expect(ours.broken).toBe(0);
          if (simple.cleared < sources) return;
          expect(ours.cleared).toBe(sources);
          expect(ours.price).toBeLessThanOrEqual(simple.price);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('many alerting hosts', () => {
  const request = crowd(5, { hosts: 120, sources: 40, tightness: 'scarce', isCpu: true });

  it('gives a complete plan at once where there is no time, and a better one with more', () => {
    const early = planMigrations({ ...request, limits: { now: () => 0, deadlineMs: 0 } });
    const late = planMigrations(request);
    const [first, best] = [early, late].map((plan) => judge(request, movesOf(request, plan)));
    expect(first!.broken + best!.broken).toBe(0);
    expect(first!.cleared).toBeGreaterThan(0);
    const removed = (plan: typeof early) =>
      plan.explanation.sources.reduce((sum, source) => sum + Math.max(0, source.removed), 0);
    expect(removed(late)).toBeGreaterThan(removed(early));
  });

  it('gives the same plan whatever order fleet and alerts come in, and with a clock that stands still', () => {
    const { snapshot, sourceIds } = request;
    const turned = { ...snapshot, hosts: [...snapshot.hosts].reverse(), guests: [...snapshot.guests].reverse() };
    const moves = (plan: ReturnType<typeof planMigrations>) =>
      plan.migrations.map(({ guest: { id }, target_host }) => `${id} -> ${target_host.id}`).sort();
    const plan = moves(planMigrations(request));
    expect(moves(planMigrations({ ...request, snapshot: turned, sourceIds: [...sourceIds].reverse() }))).toEqual(plan);
    expect(moves(planMigrations({ ...request, limits: { now: () => 0, deadlineMs: 40 } }))).toEqual(plan);
  });

  it('keeps guests apart, and takes no more of a capacity than a target has', () => {
    const problem = problemOf(crowd(9, { hosts: 60, sources: 20, tightness: 'roomy', isCpu: true }));
    const groups = [0, 1, 2].map((rest) => problem.items.map((_, item) => item).filter((item) => item % 3 === rest));
    const demand = Float64Array.from(problem.items, ({ guests }) => guests[0]!.vcpu_count);
    const room = new Float64Array(problem.targets.hosts.length).fill(16);
    const tied: Problem = { ...problem, apart: groups, capacities: [{ counts: 'together', demand, room }] };
    const { moves, evaluation } = searchManySources(tied, startLimits(), false);
    expect(evaluation.cleared).toBe(true);
    const on = new Map<number, number[]>();
    for (const { item, target } of moves) on.set(target, [...(on.get(target) ?? []), item]);
    for (const items of on.values()) {
      expect(new Set(items.map((item) => item % 3)).size).toBe(items.length);
      expect(items.reduce((sum, item) => sum + demand[item]!, 0)).toBeLessThanOrEqual(16);
    }
    // Without the ties some of it goes together: so they were what kept it apart.
    const free = searchManySources(problem, startLimits(), false);
    expect(free.evaluation.price).toBeLessThanOrEqual(evaluation.price);
    expect(evaluate(tied, moves)).toEqual(evaluation);
  });

  it('plans for more guests than a call takes arguments', () => {
    const sources = Array.from({ length: 130 }, (_, at) => host(`s${at}`, { metrics: cpu(65), cpu_count: 1000 }));
    const guests = sources.flatMap(({ id }) =>
      Array.from({ length: 1000 }, (_, at) => guest(`${id}-${at}`, id, { vcpu_count: 100 })),
    );
    const targets = Array.from({ length: 200 }, (_, at) => host(`t${at}`, { metrics: cpu(10), cpu_count: 1000 }));
    const snapshot = fleet([...sources, ...targets], guests);
    const plan = planMigrations({ snapshot, rule: cpuRule(60), sourceIds: sources.map(({ id }) => id) });
    expect(plan.outcome).toBe('migrate');
  });
});
