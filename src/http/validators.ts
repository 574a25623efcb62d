import { checkExact, checkSchema, validationResult } from 'express-validator';
import type { ParamSchema, Result, ValidationError } from 'express-validator';
import type { Request } from 'express';
import { MAX_ALERTS } from '../alerts/alert.js';
import type { AlertProblem, Sender } from '../alerts/alert.js';
import { LEGACY_STATES, isLegacyGrafana } from '../alerts/grafana-legacy.js';
import { isRecord } from '../alerts/labels.js';
import { isTemplateConfig } from '../alerts/monitor-template.js';
import { EVENT_ACTIONS } from '../journal/journal.js';
import { HttpProblem } from './errors.js';

/** So many faulty fields are told at once. */
const MAX_PROBLEMS = 20;

const is = (expected: string, test: (value: unknown) => boolean): ParamSchema => ({
  custom: { options: (value: unknown) => test(value), errorMessage: `expected ${expected}` },
});
// Go writes whatever is empty as null.
const absent = (value: unknown): boolean => value === undefined || value === null;
const text = is('a string', (value) => typeof value === 'string' && value !== '');
const maybeText = is('a string', (value) => absent(value) || typeof value === 'string');
const object = is('an object', isRecord);
const maybeObject = is('an object', (value) => absent(value) || isRecord(value));
const list = is(
  `an array of at most ${MAX_ALERTS}`,
  (value) => value === null || (Array.isArray(value) && value.length <= MAX_ALERTS),
);
const maybeList = is(
  `an array of at most ${MAX_ALERTS}`,
  (value) => absent(value) || (Array.isArray(value) && value.length <= MAX_ALERTS),
);

/** Each layout in steps: the entries of a list are only looked at once the list is known to be one, and not too long. */
const LAYOUTS = {
  alerts: [
    checkSchema({ alerts: list }, ['body']),
    checkSchema({ 'alerts.*': object }, ['body']),
    checkSchema(
      {
        'alerts.*.status': is('"firing" or "resolved"', (value) => value === 'firing' || value === 'resolved'),
        'alerts.*.labels': maybeObject,
        'alerts.*.startsAt': maybeText,
        'alerts.*.fingerprint': maybeText,
      },
      ['body'],
    ),
  ],
  legacy: [
    checkSchema(
      {
        ruleName: text,
        state: is(`one of ${LEGACY_STATES.join(', ')}`, (value) => LEGACY_STATES.some((state) => state === value)),
        tags: maybeObject,
        evalMatches: maybeList,
      },
      ['body'],
    ),
    checkSchema({ 'evalMatches.*': object }, ['body']),
    checkSchema({ 'evalMatches.*.tags': maybeObject, 'evalMatches.*.metric': maybeText }, ['body']),
  ],
  template: [
    checkSchema({ name: maybeText, title: maybeText, matches: maybeList }, ['body']),
    checkSchema({ 'matches.*': object }, ['body']),
    checkSchema({ 'matches.*.tags': maybeObject, 'matches.*.metric': maybeText }, ['body']),
  ],
  message: [checkSchema({ Msg: maybeText }, ['body'])],
} as const;

/**
 * Checks the types of a body's fields before a parser reads it.
 * @param request - its `body` is the parsed JSON object.
 * @throws HttpProblem `invalid_body` that names the faulty fields.
 */
export async function validateBody(sender: Sender, request: Request): Promise<void> {
  for (const step of LAYOUTS[layoutOf(sender, request.body)]) {
    await step.run(request);
    throwIfFaulty('invalid_body', validationResult(request));
  }
}

function layoutOf(sender: Sender, body: unknown): keyof typeof LAYOUTS {
  switch (sender) {
    case 'alertmanager':
      return 'alerts';
    case 'grafana':
      return isLegacyGrafana(body) ? 'legacy' : 'alerts';
    case 'monitor':
      return isTemplateConfig(body) ? 'template' : 'message';
  }
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
  throwIfFaulty('invalid_query', validationResult(request));
}

function isShort(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 200;
}

function throwIfFaulty(code: 'invalid_body' | 'invalid_query', result: Result<ValidationError>): void {
  if (result.isEmpty()) return;
  const problems = result.array().flatMap((error): AlertProblem[] => {
    const message = String(error.msg);
    if (error.type === 'unknown_fields') return error.fields.map(({ path }) => ({ field: path, message }));
    return error.type === 'field' ? [{ field: error.path, message }] : [];
  });
  throw new HttpProblem(code, { problems: problems.slice(0, MAX_PROBLEMS) });
}
