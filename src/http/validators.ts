import { checkExact, checkSchema, validationResult } from 'express-validator';
import type { ParamSchema } from 'express-validator';
import type { Request } from 'express';
import type { AlertProblem } from '../alerts/alert.js';
import { MAX_PROBLEMS } from '../alerts/layout.js';
import { EVENT_ACTIONS } from '../journal/events.js';
import { HttpProblem } from './errors.js';

const is = (expected: string, test: (value: unknown) => boolean): ParamSchema => ({
  custom: { options: (value: unknown) => test(value), errorMessage: `expected ${expected}` },
});

const word = { ...is('a text of at most 200 characters', (value) => isShort(value)), optional: true };
const eventId = {
  ...is('the id of an event', (value) => isShort(value) && /^\d{1,15}$/.test(value)),
  optional: true,
};
const eventsQuery = checkExact(
  checkSchema(
    {
      rule: word,
      batch: word,
      action: {
        ...is(`one of ${EVENT_ACTIONS.join(', ')}`, (value) => EVENT_ACTIONS.some((action) => action === value)),
        optional: true,
      },
      since: word,
      until: word,
      host: word,
      guest: word,
      before: eventId,
      after: eventId,
      limit: {
        ...is(
          'a whole number from 1 to 10000',
          (value) => isShort(value) && /^[1-9]\d{0,4}$/.test(value) && +value <= 10_000,
        ),
        optional: true,
      },
    },
    ['query'],
  ),
  { locations: ['query'], message: 'unknown parameter' },
);

/** Refuses a query of `/api/events` that has a faulty or an unknown parameter. */
export async function validateEventsQuery(request: Request): Promise<void> {
  await eventsQuery.run(request);
  const result = validationResult(request);
  if (result.isEmpty()) return;
  const problems = result.array().flatMap((error): AlertProblem[] => {
    const message = String(error.msg);
    if (error.type === 'unknown_fields') return error.fields.map(({ path }) => ({ field: path, message }));
    return error.type === 'field' ? [{ field: error.path, message }] : [];
  });
  throw new HttpProblem('invalid_query', { problems: problems.slice(0, MAX_PROBLEMS) });
}

function isShort(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 200;
}
