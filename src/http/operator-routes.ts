import type { Request, Response, Router } from 'express';
import type { Operator } from '../intake/operator.js';
import type { StatusView } from '../intake/views.js';
import { parseDuration } from '../common/units.js';
import { VERSION } from '../common/version.js';
import { takesJson } from './json-routes.js';
import { onlyMethods } from './errors.js';
import type { Backend } from './ports.js';

/** A pause of more than this would outlive the one who asked for it; and longer timers fire at once. */
const LONGEST_PAUSE_MS = 24 * 86_400_000;

const duration = (value: unknown): boolean => {
  const ms = typeof value === 'string' ? (parseDuration(value) ?? 0) : 0;
  return ms >= 1000 && ms <= LONGEST_PAUSE_MS;
};

/** A reason as people write it. */
export const REASON = {
  expected: 'a text of 1 to 500 characters',
  test: (value: unknown) => typeof value === 'string' && value.trim() !== '' && value.length <= 500,
};

/** What {@link statusOf} is told by. */
export type StatusSource = Pick<Backend, 'operator' | 'fleetHealth' | 'readiness'>;

/**
 * How the service stands, as `/api/status` and the stream tell it.
 * @param budget - of the operator; apart, for it is read from the journal.
 */
export async function statusOf(backend: StatusSource, budget: Awaited<ReturnType<Operator['budget']>>) {
  const inTheWay = await backend.readiness();
  const status = backend.operator.status();
  const problems = [...inTheWay, ...idleRules(status.rules)];
  const standing = { ready: inTheWay.length === 0, problems, ...backend.fleetHealth(), budget };
  return { version: VERSION, ...status, ...standing };
}

/** A receiver that no alert can lead to anything is ready for alerts, and of no use. */
function idleRules({ enabled, disabled }: StatusView['rules']): string[] {
  if (enabled > 0) return [];
  return [`${disabled === 0 ? 'there is no rule' : 'every rule is disabled'}: no alert leads to anything`];
}

/** What `/api/status` answers. */
export type StatusAnswer = Awaited<ReturnType<typeof statusOf>>;

/**
 * What a person can do to the whole service, under `/api`: see how it stands, pause it, resume it, stop what runs.
 * @param router - has let in nobody without a valid token.
 * @param userOf - who asks.
 */
export function addOperatorRoutes(router: Router, backend: StatusSource, userOf: (request: Request) => string): void {
  const { operator } = backend;
  router
    .route('/api/status')
    .get(async (_request, response) => void response.json(await statusOf(backend, await operator.budget())))
    .all(onlyMethods('GET, HEAD'));

  takesJson(
    router,
    '/api/pause',
    {
      reason: REASON,
      for: { expected: 'a duration from "1s" to "24d"', test: duration, optional: true },
    },
    async (body, request, response) => {
      const { reason, for: lasting } = body as { reason: string; for?: string };
      const forMs = lasting === undefined ? undefined : parseDuration(lasting);
      const asked = { reason: reason.trim(), ...(forMs !== undefined && { forMs }) };
      send(response, 200, await operator.pause(asked, userOf(request)));
    },
  );

  takesJson(router, '/api/resume', {}, async (_body, request, response) =>
    send(response, 200, await operator.resume(userOf(request))),
  );

  takesJson(
    router,
    '/api/batch/stop',
    { abort: { expected: 'true or false', test: (value) => typeof value === 'boolean', optional: true } },
    async ({ abort }, request, response) =>
      send(response, 202, await operator.stopBatch({ abort: abort === true }, userOf(request))),
  );
}

/** @param done - the status where it was done. */
function send(response: Response, done: number, answer: { outcome: string }): void {
  const status = { refused: 409, unavailable: 503 }[answer.outcome] ?? done;
  response.status(status).json(answer);
}
