import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlanRequest, planMigrations } from '../support/plan.js';
import { requestArbitrary } from './arbitrary.js';
import { brokenRules } from './checker.js';

const course = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 12 });

/** Any request with a headroom, and guests of which most have a history. */
const steadyRequest: fc.Arbitrary<PlanRequest> = requestArbitrary({ hosts: 8, guests: 16, sources: 3 }).chain(
  (request) =>
    fc
      .record({
        headroom: fc.integer({ min: 1, max: 20 }),
        courses: fc.array(course, {
          minLength: request.snapshot.guests.length,
          maxLength: request.snapshot.guests.length,
        }),
      })
      .map(({ headroom, courses }) => ({
        ...request,
        rule: { ...request.rule, headroom },
        snapshot: {
          ...request.snapshot,
          guests: request.snapshot.guests.map((guest, index) => ({
            ...guest,
            history: { 'cpu.usage_active': courses[index]! },
          })),
        },
      })),
);

function bare({ rule, ...request }: PlanRequest): PlanRequest {
  return { ...request, rule: { ...rule, headroom: 0 } };
}

describe('with headroom and history, on any fleet', () => {
  it('no plan breaks a rule, and a plan is found wherever a guest fits', () => {
    fc.assert(
      fc.property(steadyRequest, (request) => {
        expect(brokenRules(request, planMigrations(request))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('what can be cleared without headroom is cleared with it too', () => {
    fc.assert(
      fc.property(steadyRequest, (request) => {
        expect(planMigrations(request).outcome).toBe(planMigrations(bare(request)).outcome);
      }),
      { numRuns: 1000 },
    );
  });
});
