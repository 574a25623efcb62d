import type { Request, Router } from 'express';
import { requireJson } from './body.js';
import { HttpProblem, onlyMethods } from './errors.js';
import type { Backend } from './ports.js';

/**
 * The recommended plans, under `/api`: to be read, and to be approved.
 * @param router - has let in nobody without a valid token.
 */
export function addPlanRoutes(
  router: Router,
  backend: Pick<Backend, 'plans' | 'operator'>,
  userOf: (request: Request) => string,
): void {
  router
    .route('/api/plans')
    .get((_request, response) => {
      response.json({ plans: backend.plans() });
    })
    .all(onlyMethods('GET, HEAD'));
  router
    .route('/api/plans/:id/approve')
    // A form of another site can send no JSON.
    .post(requireJson, async (request, response) => {
      const answer = await backend.operator.approve(request.params.id, userOf(request));
      switch (answer.outcome) {
        case 'accepted':
          response.status(202).json(answer);
          return;
        case 'refused':
          response.status(409).json(answer);
          return;
        case 'unavailable':
          response.status(503).json(answer);
          return;
        case 'unknown':
          throw new HttpProblem('not_found', { message: 'there is no plan with this id' });
      }
    })
    .all(onlyMethods('POST'));
}
