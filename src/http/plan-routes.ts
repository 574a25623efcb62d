import type { Request, Response, Router } from 'express';
import type { Operator } from '../intake/operator.js';
import { HttpProblem, onlyMethods } from './errors.js';
import { takesJson } from './json-routes.js';
import { REASON } from './operator-routes.js';

/** More than any plan moves. */
const MOST_MOVES = 10_000;

const guestIds = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.length <= MOST_MOVES &&
  value.every((id) => typeof id === 'string' && id !== '');

/**
 * The recommended plans, under `/api`: to be read, approved and dismissed.
 * @param router - has let in nobody without a valid token.
 * @param userOf - who asks.
 */
export function addPlanRoutes(
  router: Router,
  operator: Pick<Operator, 'plans' | 'approve' | 'dismiss'>,
  userOf: (request: Request) => string,
): void {
  router
    .route('/api/plans')
    .get(async (_request, response) => void response.json({ plans: await operator.plans() }))
    .all(onlyMethods('GET, HEAD'));

  takesJson(
    router,
    '/api/plans/:id/approve',
    {
      moves: { expected: 'a list of ids of guests, at least one', test: guestIds, optional: true },
      when: { expected: '"now" or "free"', test: (value) => value === 'now' || value === 'free', optional: true },
    },
    async (body, request, response) => {
      const { moves, when = 'now' } = body as { moves?: string[]; when?: 'now' | 'free' };
      const approval = { when, ...(moves && { moves: [...new Set(moves)] }) };
      const answer = await operator.approve(idOf(request), approval, userOf(request));
      if (answer.outcome === 'invalid') throw new HttpProblem('invalid_body', { problems: answer.problems });
      send(response, 202, answer);
    },
  );

  takesJson(router, '/api/plans/:id/dismiss', { reason: REASON }, async (body, request, response) => {
    const { reason } = body as { reason: string };
    send(response, 200, await operator.dismiss(idOf(request), reason.trim(), userOf(request)));
  });
}

function idOf({ params: { id } }: Request): string {
  return typeof id === 'string' ? id : '';
}

/** @param done - the status where it was done. */
function send(response: Response, done: number, answer: { outcome: string }): void {
  if (answer.outcome === 'unknown') throw new HttpProblem('not_found', { message: 'there is no plan with this id' });
  const status = { refused: 409, unavailable: 503 }[answer.outcome] ?? done;
  response.status(status).json(answer);
}
