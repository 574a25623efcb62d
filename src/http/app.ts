import express from 'express';
import type { Express, RequestHandler } from 'express';
import helmet from 'helmet';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.js';
import type { ApiOptions } from './api.js';
import { apiRoutes } from './api.js';
import { checkSecrets } from './auth.js';
import type { Secrets } from './auth.js';
import { BODY_LIMIT, BodyReader } from './body.js';
import { answerProblems, notFound, onlyMethods } from './errors.js';
import { DEFAULT_RATE_LIMIT, createGuard, limitRate } from './guard.js';
import { healthRoutes } from './health-routes.js';
import { requestLog } from './request-log.js';
import { httpMetrics } from './http-metrics.js';
import { openapi } from './openapi.js';
import { openPage } from './page.js';
import type { Backend } from './ports.js';
import type { OwnSite } from './own-site.js';
import { requireOwnSite } from './own-site.js';
import { addWebhookRoutes } from './webhooks.js';

export interface AppOptions {
  backend: Backend;
  /** With none at all everything is open: the caller must then listen on loopback only. */
  secrets: Secrets;
  log: Logger;
  /** Where the HTTP surface counts; the one whose text `backend.metrics()` gives out. */
  registry: Registry;
  clock: Pick<Clock, 'now' | 'sleep'>;
  /** The message key of the monitor service's robot, if it has its own. */
  messageKey?: string;
  /** Bytes; by default 1 MiB. */
  bodyLimit?: number;
  /** Bytes of all bodies that are being read; by default 64 MiB. */
  bodiesLimit?: number;
  /** Under what names it may be called besides `localhost` and addresses; by default none. */
  site?: OwnSite;
  /** How long browsers may only come by HTTPS, s; by default this is not said. */
  hsts?: number;
  /** Express's `trust proxy`: whose word on the client's address to take. By default nobody's. */
  trustProxy?: number | string;
  /** Requests that one client may make in a second, 0 for any number; by default 3000. */
  rateLimit?: number;
  /** Ends the connections of whoever follows what happens, so that the server can close; by default never. */
  ending?: AbortSignal;
  /** How the stream of events is bounded, where that is not the usual. */
  streamLimits?: ApiOptions['streamLimits'];
}

/**
 * The whole HTTP surface: webhooks, health, read-only API and page.
 * @throws Error if a secret is empty.
 */
export function createApp(options: AppOptions): Express {
  const { backend, secrets, log, registry, clock, messageKey, bodyLimit = BODY_LIMIT } = options;
  checkSecrets(secrets);
  const metrics = httpMetrics(registry);
  const now = (): number => clock.now();

  const page = openPage();
  const guard = createGuard({ clock, log, metrics });

  const app = express();
  app.set('trust proxy', options.trustProxy ?? false);
  app.disable('x-powered-by');
  // Nobody asks twice for what changes by the second.
  app.set('etag', false);
  app.use(
    inTurn(
      requestLog({ log, now }),
      requireOwnSite(options.site ?? { names: [] }, log),
      limitRate(options.rateLimit ?? DEFAULT_RATE_LIMIT, { log, metrics }),
    ),
  );
  const bodies = new BodyReader(bodyLimit, options.bodiesLimit);
  addWebhookRoutes(app, { backend, secrets, metrics, guard, now, bodies, messageKey });
  // Its headers are for browsers; webhooks, which senders of alerts read, do without.
  app.use(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: page.policy },
      // Never for subdomains: they are other people's.
      strictTransportSecurity: options.hsts === undefined ? false : { maxAge: options.hsts, includeSubDomains: false },
    }),
  );
  app.use(healthRoutes(backend, registry));
  app.use(
    apiRoutes({
      backend,
      secrets,
      guard,
      clock,
      ending: options.ending ?? new AbortController().signal,
      streamLimits: options.streamLimits,
    }),
  );
  app
    .route('/openapi.json')
    .get((_request, response) => void response.json(openapi))
    .all(onlyMethods('GET, HEAD'));
  // The page finds out by its address what to show.
  for (const path of ['/', '/manual', '/manual/:chapter', '/openapi']) {
    app.route(path).get(page.html).all(onlyMethods('GET, HEAD'));
  }
  app.route('/manual.json').get(page.manual).all(onlyMethods('GET, HEAD'));
  app.use(notFound);
  app.use(answerProblems);
  return app;
}

/** Handlers as one layer of the router: every webhook of a storm goes through them, and each layer costs as much as a handler. */
function inTurn(...handlers: readonly RequestHandler[]): RequestHandler {
  return (request, response, done) => {
    const from = (index: number): void => {
      const handler = handlers[index];
      if (!handler) done();
      else void handler(request, response, (error?: unknown) => (error === undefined ? from(index + 1) : done(error)));
    };
    from(0);
  };
}
