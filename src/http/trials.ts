import type { Response, Router } from 'express';
import { HttpProblem } from './errors.js';
import { takesJson } from './json-routes.js';
import type { Backend } from './ports.js';

/** Hosts that one trial is about. */
const MOST_HOSTS = 1000;

const isName = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '' && value.length <= 200;
const NAME = { expected: 'a text of 1 to 200 characters', test: isName };

/**
 * What only looks, under `/api`: a rule is tried, a test alert is sent. With `go` the latter moves like any other alert.
 * @param router - has let in nobody without a valid token.
 */
export function addTrialRoutes(router: Router, backend: Pick<Backend, 'operator' | 'testAlert'>): void {
  const hosts = {
    expected: `a list of 1 to ${MOST_HOSTS} ids, names or addresses of hosts`,
    test: (value: unknown) =>
      Array.isArray(value) && value.length > 0 && value.length <= MOST_HOSTS && value.every(isName),
  };
  takesJson(router, '/api/try', { rule: NAME, hosts }, async (body, _request, response) => {
    const asked = body as { rule: string; hosts: string[] };
    const words = [...new Set(asked.hosts)].map((host) => [host]);
    const answer = await backend.operator.tryRule(asked.rule, words);
    send(response, answer, 'plan' in answer ? answer.plan : answer);
  });

  takesJson(
    router,
    '/api/test-alert',
    {
      rule: NAME,
      host: NAME,
      go: { expected: 'true or false', test: (value) => typeof value === 'boolean', optional: true },
    },
    async (body, _request, response) => {
      const { rule, host, go = false } = body as { rule: string; host: string; go?: boolean };
      const answer = await backend.testAlert({ rule, host, go });
      send(response, answer, answer);
    },
  );
}

function send(response: Response, answer: { outcome: string; text?: string }, body: object): void {
  if (answer.outcome === 'unknown') throw new HttpProblem('not_found', { message: answer.text ?? '' });
  response.status(answer.outcome === 'unavailable' ? 503 : 200).json(body);
}
