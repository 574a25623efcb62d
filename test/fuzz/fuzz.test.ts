import { expect, test } from 'vitest';
import { runFuzz } from './run.js';

test('no body leads to a 5xx, a hang or a look at the fleet, and afterwards the intended alert still works', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const result = await runFuzz({ bodies: 3000, seed, fixtures: 'test/fixtures/webhooks' });
  expect(result.bad, `seed ${seed}`).toEqual([]);
  expect(result.asked, `seed ${seed}`).toBe(0);
  expect(result.intended).toEqual([true, true]);
  // The bodies reach what stands behind the door, not only the door.
  expect(result.outcomes['ignored no_rule']).toBeGreaterThan(500);
  expect(result.outcomes.invalid_body).toBeGreaterThan(50);
  expect(result.outcomes.invalid_json).toBeGreaterThan(50);
  expect(result.outcomes.strange).toBeUndefined();
}, 120_000);
