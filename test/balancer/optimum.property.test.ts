import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Plan } from '../../src/balancer/index.js';
import { type PlanRequest, planMigrations } from '../support/plan.js';
import type { Host } from '../../src/fleet/fleet.js';
import { type Optimum, mipSolver } from '../bench/mip.js';
import { requestArbitrary } from './arbitrary.js';
import { sourcesOver } from './checker.js';
import { bestOfAll } from './every-plan.js';

let solve: (request: PlanRequest) => Optimum;

beforeAll(async () => {
  solve = await mipSolver({ timeLimitS: 20, partial: true });
});

function isAllCleared(plan: Plan): boolean {
  return plan.explanation.sources.every(({ cleared }) => cleared);
}

/** The excess that a plan removes: % or MiB, as the solver counts it. */
function removedBy(plan: Plan): number {
  const unit = plan.metric === 'cpu.usage_active' ? 1 : 1024 * 1024;
  return plan.explanation.sources.reduce((sum, { removed }) => sum + removed / unit, 0);
}

describe('against a MIP solver on small fleets', () => {
  it('clears what can be cleared, at most 1 % dearer; else removes the most, at most 1 % dearer', () => {
    fc.assert(
      fc.property(requestArbitrary({ hosts: 6, guests: 12, sources: 3, isExact: true }), (request) => {
        const optimum = solve(request);
        fc.pre(optimum.proven);
        const plan = planMigrations(request);
        if (sourcesOver(request).length === 0) return;
        expect(isAllCleared(plan)).toBe(optimum.feasible);
        if (optimum.feasible) {
          expect(plan.cost).toBeGreaterThanOrEqual(optimum.price);
          expect(plan.cost).toBeLessThanOrEqual(optimum.price * 1.01);
          if (plan.optimal) expect(plan.cost).toBe(optimum.price);
          else expect(plan.cost * (1 - plan.gap)).toBeLessThanOrEqual(optimum.price + 1e-6);
        } else {
          // The solver counts a little more for what is cleared than for what ends on the threshold itself.
          expect(removedBy(plan)).toBeGreaterThanOrEqual(optimum.removed - 1e-2);
          if (removedBy(plan) <= optimum.removed) expect(plan.cost).toBeLessThanOrEqual(optimum.price * 1.01);
        }
      }),
      { numRuns: 150 },
    );
  }, 120_000);
});

describe('against every plan there is, on tiny fleets', () => {
  it('takes the least price, then the fewest moves, then the lowest highest load', () => {
    fc.assert(
      fc.property(requestArbitrary({ hosts: 4, guests: 8, sources: 2 }), (request) => {
        const plan = planMigrations(request);
        const best = bestOfAll(request);
        if (sourcesOver(request).length === 0) return;
        expect(isAllCleared(plan)).toBe(best !== undefined);
        if (!best) return;
        const isCpu = plan.metric === 'cpu.usage_active';
        const peaks = plan.migrations.map(({ target_host: { predicted } }) => (isCpu ? predicted : -predicted));
        expect([plan.cost, plan.migrations.length]).toEqual(best.slice(0, 2));
        expect(Math.max(...peaks)).toBeCloseTo(best[2], 6);
        expect(plan.optimal).toBe(true);
      }),
      { numRuns: 500 },
    );
  }, 120_000);
});

describe('an empty usable host more', () => {
  it('never makes the plan dearer', () => {
    fc.assert(
      fc.property(requestArbitrary({ hosts: 6, guests: 14, sources: 2 }), (request) => {
        const before = planMigrations(request);
        fc.pre(before.outcome === 'migrate');
        const empty: Host = {
          id: 'h-empty',
          name: 'empty',
          status: 'online',
          enabled: true,
          host_type: 'hypervisor',
          cpu_architecture: 'x86_64',
          cpu_count: 64,
          mem_size: 524288,
          metrics: { 'cpu.usage_active': 0, 'mem.available': 524288 * 1024 * 1024 },
        };
        const snapshot = { ...request.snapshot, hosts: [...request.snapshot.hosts, empty] };
        const after = planMigrations({ ...request, snapshot });
        expect(after.outcome).toBe('migrate');
        expect(after.cost).toBeLessThanOrEqual(before.cost);
      }),
      { numRuns: 300 },
    );
  }, 120_000);
});
