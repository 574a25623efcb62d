import { describe, expect, it } from 'vitest';
import { stateOf } from '../../src/decide/recommended-plan.js';
import type { RecommendedPlan } from '../../src/journal/memory.js';

const HOUR = 3_600_000;
const made = Date.parse('2026-11-21T05:00:00Z');
const plan = {
  state: 'open',
  created_at: new Date(made).toISOString(),
  expires_at: new Date(made + 24 * HOUR).toISOString(),
} as RecommendedPlan;

describe('a plan that waits for an approval', () => {
  it.each([
    ['open', 'when it was made', 0],
    ['open', 'an hour later', HOUR],
    ['expired', 'a day later', 24 * HOUR],
    ['expired', 'seen by a clock that is right again, when the one that dated it was ahead', -HOUR],
  ])('is %s %s', (state, _when, after) => {
    expect(stateOf(plan, made + after)).toBe(state);
  });

  it('stays what a person has made of it', () => {
    expect(stateOf({ ...plan, state: 'approved' }, made - HOUR)).toBe('approved');
  });
});
