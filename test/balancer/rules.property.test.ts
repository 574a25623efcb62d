import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlanRequest, planMigrations } from '../support/plan.js';
import { requestArbitrary } from './arbitrary.js';
import { brokenRules } from './checker.js';

const anyRequest = requestArbitrary({ hosts: 8, guests: 16, sources: 3 });

/** The same plan however it is compared: the lazy list of rejections read out. */
function written(request: PlanRequest): string {
  return JSON.stringify(planMigrations(request), null, 1);
}

describe('on any fleet', () => {
  it('no plan breaks a rule, and a plan is found wherever a guest fits', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        expect(brokenRules(request, planMigrations(request))).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  }, 120_000);

  it('the generator makes every outcome, so that the property above says something', () => {
    const outcomes = fc.sample(anyRequest, { numRuns: 500, seed: 7 }).map((request) => planMigrations(request).outcome);
    expect(new Set(outcomes)).toEqual(new Set(['migrate', 'partial', 'find_result_fail', 'not_needed']));
    expect(outcomes.filter((outcome) => outcome === 'migrate').length).toBeGreaterThan(50);
  });

  it('the order of hosts and guests changes nothing', () => {
    const shuffled = anyRequest.chain((request) =>
      fc
        .record({
          hosts: fc.shuffledSubarray(request.snapshot.hosts, { minLength: request.snapshot.hosts.length }),
          guests: fc.shuffledSubarray(request.snapshot.guests, { minLength: request.snapshot.guests.length }),
        })
        .map((order) => [request, { ...request, snapshot: { ...request.snapshot, ...order } }] as const),
    );
    fc.assert(
      fc.property(shuffled, ([request, other]) => {
        expect(written(other)).toBe(written(request));
      }),
      { numRuns: 500 },
    );
  }, 120_000);

  it('the order of the alerting hosts changes no move', () => {
    fc.assert(
      fc.property(anyRequest, (request) => {
        const other = planMigrations({ ...request, sourceIds: [...request.sourceIds].reverse() });
        expect(other.migrations).toEqual(planMigrations(request).migrations);
      }),
      { numRuns: 500 },
    );
  }, 120_000);
});
