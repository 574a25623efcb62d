import type { ErrorRequestHandler, Express, Request, RequestHandler, Response } from 'express';
import { SENDERS } from '../alerts/alert.js';
import type { Alert, Sender } from '../alerts/alert.js';
import { BODIES } from '../alerts/bodies.js';
import type { WebhookAnswer } from '../intake/answer.js';
import { bounded } from '../alerts/bound.js';
import { faultsOf } from '../alerts/layout.js';
import { isCloudEvent } from '../alerts/monitor.js';
import { admitBeforeBody, admitBySignature } from './auth.js';
import type { Secrets } from './auth.js';
import type { BodyReader } from './body.js';
import { parseObject, requireJson } from './body.js';
import { HttpProblem, onlyMethods, toProblem } from './errors.js';
import type { Guard } from './guard.js';
import type { HttpMetrics } from './http-metrics.js';
import type { Backend } from './ports.js';
import { ReplayMemory } from './replays.js';

export interface WebhookOptions {
  backend: Pick<Backend, 'handleAlerts'>;
  secrets: Secrets;
  metrics: HttpMetrics;
  guard: Guard;
  /** ms since the epoch. */
  now: () => number;
  bodies: BodyReader;
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

/** Grafana's contact points may be set to PUT. */
const METHODS = { monitor: ['post'], grafana: ['post', 'put'], alertmanager: ['post'] } as const satisfies Record<
  Sender,
  readonly ('post' | 'put')[]
>;

/**
 * `POST /webhooks/<sender>`: type, credential, size, JSON, fields, alerts, in this order. A storm goes through here, and each
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
    const route = app.route(`/webhooks/${sender}`);
    const receiving = receive(sender, options);
    for (const method of METHODS[sender]) route[method](requireJson, receiving, countRefusal);
    route.all(onlyMethods(METHODS[sender].join(', ').toUpperCase()));
  }
}

/** A body that came in, and by what it can be known again if it is sent once more. */
interface Received {
  allowed: true;
  body: Record<string, unknown>;
  hash?: string;
}

function receive(sender: Sender, options: WebhookOptions): RequestHandler {
  const { secrets, guard, bodies, metrics, now } = options;
  const replays = new ReplayMemory();

  const open = (request: Request, response: Response) => {
    const { headers } = request;
    const before = admitBeforeBody(sender, secrets, headers);
    if (before?.allowed === false) return before;
    return bodies.read(request, response, (rawBody): Received | { allowed: false; why: string } => {
      const admission = before ?? admitBySignature(sender, secrets, { headers, rawBody, now: now() });
      if (!admission.allowed) return admission;
      // A signature of Grafana has a time, at the operator's choice; this one is good for ever.
      const isLasting = sender === 'monitor' && admission.by === 'signature';
      return {
        allowed: true,
        body: parseObject(rawBody),
        ...(isLasting && { hash: ReplayMemory.hashOf(rawBody) }),
      };
    });
  };

  return async (request, response) => {
    const received = await open(request, response);
    if (!received.allowed) {
      return guard.refuse(request, response, sender, received.why, 'Bearer, Basic realm="automigrate"');
    }
    const { body, hash } = received;
    request.body = body;
    const answer = await answerTo(sender, request, options, (alerts) => {
      // Without a time in it the same text may well be another alert.
      if (hash === undefined || alerts.some(({ startsAt }) => startsAt === undefined)) return;
      if (replays.isReplay(hash, now())) throw new HttpProblem('replayed');
    });
    if (hash !== undefined && answer.outcome !== 'unavailable') replays.remember(hash, now());
    metrics.webhook(sender, answer.outcome);
    send(response, answer);
  };
}

/** @param refuseReplay - throws where the alerts were taken before. */
async function answerTo(
  sender: Sender,
  request: Request,
  { backend, messageKey }: WebhookOptions,
  refuseReplay: (alerts: readonly Alert[]) => void,
): Promise<WebhookAnswer> {
  const body = request.body as Record<string, unknown>;
  if (sender === 'monitor' && isCloudEvent(body, request.get('x-yunion-event'))) return CLOUD_EVENT;
  const parsed = BODIES[sender].parse(body, messageKey === undefined ? {} : { messageKey });
  if (!parsed.ok) throw new HttpProblem('invalid_body', { problems: await faultsOf(parsed) });
  refuseReplay(parsed.alerts);
  return backend.handleAlerts(parsed.alerts.map(bounded), parsed.truncated);
}

function send(response: Response, answer: WebhookAnswer): void {
  const { outcome } = answer;
  response.locals.log = {
    outcome,
    ...('reason' in answer ? { reason: answer.reason } : {}),
    ...('batch' in answer ? { batch: answer.batch } : {}),
    ...('truncated' in answer ? { truncated: answer.truncated } : {}),
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
