import { body, checkExact, checkSchema, validationResult } from 'express-validator';
import type { ParamSchema, ValidationChain } from 'express-validator';
import type { Request } from 'express';
import { SENDERS } from '../alerts/alert.js';
import type { AlertProblem, Sender } from '../alerts/alert.js';
import { EVENT_ACTIONS } from '../journal/events.js';
import { HttpProblem } from './errors.js';
import { MAX_PROBLEMS, faultsOf } from './layouts.js';

const is = (expected: string, test: (value: unknown) => boolean): ParamSchema => ({
  custom: { options: (value: unknown) => test(value), errorMessage: `expected ${expected}` },
});

/** One walk over the whole body: a chain for each field of each alert costs more than all the rest of an answer. */
const BODY = Object.fromEntries(
  SENDERS.map((sender) => [
    sender,
    body()
      .custom((value) => faultsOf(sender, value).length === 0)
      .withMessage((value) => faultsOf(sender, value)),
  ]),
) as Readonly<Record<Sender, ValidationChain>>;

/**
 * Whether {@link validateBody} would let a body pass, asked by the same check: a run of the library costs as much as parsing
 * the body, and for one without a fault it has nothing to say.
 */
export function isValidBody(sender: Sender, parsed: unknown): boolean {
  return faultsOf(sender, parsed).length === 0;
}

/**
 * Checks the types of a body's fields before a parser reads it.
 * @param request - its `body` is the parsed JSON object.
 * @throws HttpProblem `invalid_body` that names the faulty fields.
 */
export async function validateBody(sender: Sender, request: Request): Promise<void> {
  const result = await BODY[sender].run(request, { dryRun: true });
  if (result.isEmpty()) return;
  throw new HttpProblem('invalid_body', { problems: result.array().flatMap(({ msg }) => msg as AlertProblem[]) });
}

const word = { ...is('a text of at most 200 characters', (value) => isShort(value)), optional: true };
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
