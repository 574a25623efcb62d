import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express';
import { SENDERS } from '../alerts/alert.js';
import type { ParsedAlerts, Sender } from '../alerts/alert.js';
import { parseAlertmanager } from '../alerts/alertmanager.js';
import type { WebhookAnswer } from '../intake/answer.js';
import { bounded } from '../alerts/bound.js';
import { parseGrafana } from '../alerts/grafana.js';
import { isCloudEvent, parseMonitor } from '../alerts/monitor.js';
import { isWebhookAllowed } from './auth.js';
import type { Secrets } from './auth.js';
import { bytesOf, parseObject, rawBody, requireJson } from './body.js';
import { HttpProblem, onlyMethods, toProblem } from './errors.js';
import type { Guard } from './guard.js';
import type { HttpMetrics } from './metrics.js';
import type { Backend } from './ports.js';
import { isValidBody, validateBody } from './validators.js';

export interface WebhookOptions {
  backend: Pick<Backend, 'handleAlerts'>;
  secrets: Secrets;
  metrics: HttpMetrics;
  guard: Guard;
  /** ms since the epoch. */
  now: () => number;
  /** bytes. */
  bodyLimit: number;
  /** The message key of the monitor service's robot, if it has its own. */
  messageKey: string | undefined;
}

const STATUS: Readonly<Record<WebhookAnswer['outcome'], number>> = {
  accepted: 202,
  ignored: 200,
  dropped: 200,
  unavailable: 503,
};

const CLOUD_EVENT: WebhookAnswer = {
  outcome: 'ignored',
  reason: 'cloud_event',
  text: 'this is an event of the cloud, not an alert',
};

/**
 * `POST /webhooks/<sender>`: type, size, credential, JSON, fields, alerts, in this order. A storm goes through here, and each
 * router and handler on the way costs it: so these routes are the application's own, and have few handlers.
 */
export function addWebhookRoutes(app: Express, options: WebhookOptions): void {
  const { metrics } = options;
  for (const sender of SENDERS) {
    const countRefusal: ErrorRequestHandler = (error: unknown, _request, response, next) => {
      const { code } = toProblem(error);
      metrics.webhook(sender, code);
      response.locals.log = { outcome: code };
      next(error);
    };
    app
      .route(`/webhooks/${sender}`)
      .post(requireJson, rawBody(options.bodyLimit), receive(sender, options), countRefusal)
      .all(onlyMethods('POST'));
  }
}

function isAllowed(sender: Sender, request: Request, { secrets, now }: WebhookOptions): boolean {
  return isWebhookAllowed(sender, secrets, { headers: request.headers, rawBody: bytesOf(request), now: now() });
}

function receive(sender: Sender, options: WebhookOptions): RequestHandler {
  return async (request, response) => {
    if (!isAllowed(sender, request, options)) {
      return options.guard.refuse(request, response, sender, 'Bearer, Basic realm="automigrate"');
    }
    const body = parseObject(bytesOf(request));
    request.body = body;
    const answer = await answerTo(sender, body, request, options);
    options.metrics.webhook(sender, answer.outcome);
    send(response, answer);
  };
}

async function answerTo(
  sender: Sender,
  body: Record<string, unknown>,
  request: Request,
  { backend, messageKey }: WebhookOptions,
): Promise<WebhookAnswer> {
  if (sender === 'monitor' && isCloudEvent(body, request.get('x-yunion-event'))) return CLOUD_EVENT;
  if (!isValidBody(sender, body)) await validateBody(sender, request);
  const parsed = parse(sender, body, messageKey);
  if (!parsed.ok) throw new HttpProblem('invalid_body', { problems: parsed.problems });
  return backend.handleAlerts(parsed.alerts.map(bounded));
}

function parse(sender: Sender, body: Record<string, unknown>, messageKey: string | undefined): ParsedAlerts {
  switch (sender) {
    case 'alertmanager':
      return parseAlertmanager(body);
    case 'grafana':
      return parseGrafana(body);
    case 'monitor':
      return parseMonitor(body, messageKey === undefined ? {} : { messageKey });
  }
}

function send(response: Response, answer: WebhookAnswer): void {
  const { outcome } = answer;
  response.locals.log = {
    outcome,
    ...('reason' in answer ? { reason: answer.reason } : {}),
    ...('batch' in answer ? { batch: answer.batch } : {}),
  };
  const text = JSON.stringify(answer);
  // Not by Express's json(): that looks again at what is known here, which counts in a storm.
  response.writeHead(STATUS[outcome], {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(text);
}
