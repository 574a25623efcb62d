import { Router } from 'express';
import type { Request, RequestHandler, Response } from 'express';
import type { FleetDetail, FleetView } from '../decide/fleet-view.js';
import type { EventFilter } from '../journal/journal.js';
import type { EventAction } from '../journal/events.js';
import type { Clock } from '../common/clock.js';
import { parseDuration } from '../common/units.js';
import { apiUser } from './api-users.js';
import { admitToApi, isApiClosed } from './auth.js';
import type { Secrets } from './auth.js';
import { HttpProblem, onlyMethods } from './errors.js';
import type { Guard } from './guard.js';
import { addOperatorRoutes } from './operator-routes.js';
import { addPlanRoutes } from './plan-routes.js';
import { addTrialRoutes } from './trials.js';
import type { Backend } from './ports.js';
import type { STREAM_LIMITS } from './stream.js';
import { addStream } from './stream.js';
import { validateEventsQuery } from './validators.js';

/** So many events are told unless the query says otherwise. */
export const DEFAULT_EVENT_LIMIT = 100;

export interface ApiOptions {
  backend: Pick<
    Backend,
    | 'rules'
    | 'events'
    | 'batch'
    | 'endedBatches'
    | 'operator'
    | 'fleet'
    | 'fleetHealth'
    | 'readiness'
    | 'host'
    | 'testAlert'
  >;
  secrets: Secrets;
  guard: Guard;
  clock: Pick<Clock, 'now' | 'sleep'>;
  /** Ends what would go on for ever. */
  ending: AbortSignal;
  streamLimits?: Partial<typeof STREAM_LIMITS> | undefined;
}

/** The API under `/api`: what is read, and what people can do. */
export function apiRoutes({ backend, secrets, guard, clock, ending, streamLimits }: ApiOptions): Router {
  const router = Router();
  router.use('/api', (request, response, next) => {
    // Basic would make browsers ask by themselves, over the page's own question.
    // Whoever asks for a token that cannot exist would be led astray.
    if (isApiClosed(secrets)) throw new HttpProblem('api_closed');
    const admission = admitToApi(secrets, request.headers);
    if (!admission.allowed) return guard.refuse(request, response, 'api', admission.why, 'Bearer');
    response.set('Cache-Control', 'no-store');
    next();
    return undefined;
  });

  const get = (path: string, handler: RequestHandler): void => {
    router.route(path).get(handler).all(onlyMethods('GET, HEAD'));
  };
  get('/api/rules', async (_request, response) => {
    response.json({ ...backend.rules(), standings: await backend.operator.rules() });
  });
  get('/api/batch', (_request, response) => {
    response.json({ batch: backend.batch() });
  });
  get('/api/batches', (_request, response) => {
    response.json({ batches: backend.endedBatches() });
  });
  get('/api/events', async (request, response) => {
    await validateEventsQuery(request);
    response.json({ events: await backend.events(eventFilter(request, clock.now())) });
  });
  get('/api/fleet', async (request, response) => {
    const detail = fleetDetail(request.query.detail);
    sendFleet(request, response, await backend.fleet(detail));
  });
  get('/api/hosts/:id', async (request, response) => {
    const view = await backend.host(String(request.params.id));
    if (!view) throw new HttpProblem('not_found', { message: 'the cloud lists no such host' });
    response.json(view);
  });
  addStream(router, { backend, clock, ending, limits: streamLimits });
  const userOf = (request: Request) => apiUser(secrets.apiTokens, request.headers);
  addOperatorRoutes(router, backend, userOf);
  addTrialRoutes(router, backend);
  addPlanRoutes(router, backend.operator, userOf);
  return router;
}

/** The filter of a query that {@link validateEventsQuery} has let through. */
function eventFilter(request: Request, now: number): EventFilter {
  const { rule, action, batch, since, until, host, guest, before, after, limit } = request.query as Partial<
    Record<string, string>
  >;
  return {
    ...(rule === undefined ? {} : { rule }),
    ...(action === undefined ? {} : { action: action as EventAction }),
    ...(batch === undefined ? {} : { batch }),
    ...(since === undefined ? {} : { since: parseMoment('since', since, now) }),
    ...(until === undefined ? {} : { until: parseMoment('until', until, now) }),
    ...(host === undefined ? {} : { host }),
    ...(guest === undefined ? {} : { guest }),
    ...(before === undefined ? {} : { before: Number(before) }),
    ...(after === undefined ? {} : { after: Number(after) }),
    limit: limit === undefined ? DEFAULT_EVENT_LIMIT : Number(limit),
  };
}

/**
 * Reads a moment: an ISO 8601 date or time, or how long ago it was (`90m`).
 * @returns ms since the epoch.
 * @throws HttpProblem `invalid_query`.
 */
function parseMoment(field: string, text: string, now: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return now - ago;
  // An unescaped "+" of a time zone arrives as a space.
  const iso = text.replace(' ', '+');
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(iso)
    ? Date.parse(iso)
    : Number.NaN;
  if (Number.isNaN(at)) {
    const message = 'expected an ISO 8601 time or a duration such as "1h"';
    throw new HttpProblem('invalid_query', { problems: [{ field, message }] });
  }
  return at;
}

function fleetDetail(value: unknown): FleetDetail {
  if (value === undefined || value === 'guests') return 'guests';
  if (value === 'summary') return 'summary';
  throw new HttpProblem('invalid_query', {
    problems: [{ field: 'detail', message: 'expected "guests" or "summary"' }],
  });
}

/** A fleet may be tens of megabytes: it is written out, packed and named once, elsewhere. */
function sendFleet(request: Request, response: Response, { json, gzip, etag, takenAt }: FleetView): void {
  response.set({
    // Whoever asks again within seconds gets the same, and whoever has it already is told so.
    'Cache-Control': 'private, no-cache',
    ETag: etag,
    'Last-Modified': new Date(takenAt).toUTCString(),
    Vary: 'Accept-Encoding',
  });
  if (request.get('if-none-match') === etag) {
    response.status(304).end();
    return;
  }
  const packed = request.acceptsEncodings('gzip') === 'gzip';
  if (packed) response.set('Content-Encoding', 'gzip');
  response.type('json').send(Buffer.from(packed ? gzip : json));
}
