import type { Request } from 'express';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SENDERS } from '../../src/alerts/alert.js';
import type { HttpProblem } from '../../src/http/errors.js';
import { isValidBody, validateBody } from '../../src/http/validators.js';
import { fixture } from '../alerts/fixtures.js';

const REAL = {
  alertmanager: 'alertmanager-firing-v0.34',
  grafana: 'grafana-legacy-alerting',
  monitor: 'cloudpods-firing-zh',
} as const;

describe.each(SENDERS)('a body of %s', (sender) => {
  const real = fixture(REAL[sender]);
  const field = fc.constantFrom('alerts', 'evalMatches', 'matches', 'Msg', 'state', 'ruleName', 'name', 'tags');
  const entry = fc.dictionary(fc.constantFrom('status', 'labels', 'startsAt', 'tags', 'metric'), fc.jsonValue());
  const body = fc
    .tuple(field, fc.oneof(fc.jsonValue(), fc.array(entry)))
    .map(([name, value]): unknown => ({ ...real, [name]: value }));

  test('is let through at once exactly where express-validator finds no fault', async () => {
    const seen = { taken: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.oneof(body, fc.constant<unknown>(real), fc.jsonValue()), async (parsed) => {
        const request = Object.assign(Object.create(null) as Request, { body: parsed });
        const refusal = await validateBody(sender, request).then(
          () => undefined,
          (error: unknown) => error,
        );
        expect(isValidBody(sender, parsed)).toBe(refusal === undefined);
        if (refusal === undefined) seen.taken += 1;
        else expect((refusal as HttpProblem).problems?.length).toBeGreaterThan(0);
        if (refusal !== undefined) seen.refused += 1;
      }),
      { numRuns: 300 },
    );
    expect(seen.taken).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
  });
});
