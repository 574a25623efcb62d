import { z } from 'zod';
import { SENDERS } from '../alerts/alert.js';
import type { Sender } from '../alerts/alert.js';
import { BODIES } from '../alerts/bodies.js';
import { VERSION } from '../common/version.js';
import { METRIC_NAMES } from '../fleet/fleet.js';
import { EVENT_ACTIONS } from '../journal/events.js';
import { ruleFileSchema } from '../rules/rule.js';
import { DEFAULT_EVENT_LIMIT } from './api.js';
import * as schema from './openapi-schemas.js';

const json = (content: object): object => ({ 'application/json': { schema: content } });
const answer = (description: string, content: object): object => ({ description, content: json(content) });
const refusal = (description: string): object => answer(description, schema.ref('Refusal'));
const internal = { 500: refusal('Nobody foresaw this; the log says what it was') };

const SIGNATURES = {
  monitor: [{ monitorSignature: [] }],
  grafana: [{ grafanaSignature: [] }],
  alertmanager: [],
} as const;
/** The bodies of a sender, from the descriptions that they are checked by. Further fields are let through. */
function bodyOf(sender: Sender): object {
  const [first = {}, ...others] = BODIES[sender].layouts.map(({ document }) => document);
  return others.length > 0 ? { anyOf: [first, ...others] } : first;
}

const tooMany = refusal(
  'Too many requests, or attempts without a valid credential; Retry-After says when to come again',
);

const misdirected = refusal('The Host is not one of ours; ALLOWED_HOSTS lists them');
const crossSite = refusal('A page of another site');

const webhook = (sender: Sender) => ({
  summary: `Takes the alerts of ${sender}`,
  security: [...SIGNATURES[sender], { bearer: [] }, { basic: [] }, {}],
  requestBody: { required: true, content: json(bodyOf(sender)) },
  responses: {
    200: answer('Nothing to do, or another batch runs; never to be sent again', {
      oneOf: [schema.ref('Ignored'), schema.ref('Dropped')],
    }),
    202: answer('A batch has been taken on and stands in the journal', schema.ref('Accepted')),
    400: refusal('Not JSON, with the position; or not what the sender sends, with the faulty fields'),
    401: refusal('No valid credential'),
    403: crossSite,
    405: refusal('Another method'),
    ...(sender === 'monitor' && { 409: refusal('This signed body was taken before, within a day') }),
    413: refusal('Larger than the limit, 1 MiB by default'),
    415: refusal('Not JSON in UTF-8'),
    421: misdirected,
    429: tooMany,
    503: answer('Going down, the journal cannot be written, or too many bodies are being read', {
      oneOf: [schema.ref('Unavailable'), schema.ref('Refusal')],
    }),
    ...internal,
  },
});

const webhooks = Object.fromEntries(
  SENDERS.map((sender) => [
    `/webhooks/${sender}`,
    { post: webhook(sender), ...(sender === 'grafana' && { put: webhook(sender) }) },
  ]),
);

const read = (summary: string, ok: object, more: object = {}, responses: object = {}): object => ({
  get: {
    summary,
    security: [{ bearer: [] }, { basic: [] }, {}],
    ...more,
    responses: {
      200: ok,
      401: refusal('No valid credential'),
      403: refusal('Secrets are set, but no API_TOKEN: nobody can come in'),
      405: refusal('Only GET'),
      421: misdirected,
      429: tooMany,
      ...responses,
      ...internal,
    },
  },
});
/** What is asked under any name: whether the process lives. */
const probe = (summary: string, ok: object, responses: object = {}): object => ({
  get: { summary, security: [{}], responses: { 200: ok, 405: refusal('Only GET'), ...responses, ...internal } },
});
const open = (summary: string, ok: object): object => probe(summary, ok, { 421: misdirected, 429: tooMany });
const page = (summary: string, more: object = {}): object => {
  const html = { description: 'The page', content: { 'text/html': { schema: { type: 'string' } } } };
  const { get } = open(summary, html) as { get: object };
  return { get: { ...get, ...more } };
};
const write = (summary: string, body: object, done: object, parameters: object[] = []): object => ({
  post: {
    summary,
    ...(parameters.length > 0 && { parameters }),
    security: [{ bearer: [] }, { basic: [] }, {}],
    requestBody: { required: true, content: json(body) },
    responses: {
      ...done,
      400: refusal('Not JSON, or not what this route takes, with the faulty fields'),
      401: refusal('No valid credential'),
      403: refusal('A page of another site; or secrets are set, but no API_TOKEN'),
      405: refusal('Only POST'),
      413: refusal('Larger than 64 KiB'),
      415: refusal('Not JSON in UTF-8'),
      421: misdirected,
      429: tooMany,
      503: answer('Going down, or the journal cannot be written', schema.ref('Unavailable')),
      ...internal,
    },
  },
});
const planId = [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }];
const parameter = (name: string, content: object, description: string): object => ({
  name,
  in: 'query',
  required: false,
  schema: content,
  description,
});

/** The description of the whole HTTP surface (OpenAPI 3.1). */
export const openapi = {
  openapi: '3.1.0',
  info: {
    title: 'automigrate',
    version: VERSION,
    description: 'Turns monitoring alerts about virtual machine hosts into live migrations.',
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  paths: {
    ...webhooks,
    '/healthz': probe('Whether the process is alive', answer('It is', schema.states('alive'))),
    '/readyz': probe('Whether the service can do its work', answer('It can', schema.states('ready', 'paused')), {
      503: answer('It cannot', schema.ref('NotReady')),
    }),
    '/metrics': open('Counters for Prometheus', {
      description: 'Prometheus text format',
      content: { 'text/plain': { schema: { type: 'string' } } },
    }),
    '/api/rules': read(
      'The rules in force, and how each stands',
      answer('Rules, and what is wrong with rule files', schema.ref('Rules')),
    ),
    '/api/events': read(
      'The newest events that fit, oldest first',
      answer('Events', schema.ref('Events')),
      {
        parameters: [
          parameter('rule', { type: 'string' }, 'The name of a rule'),
          parameter('action', { enum: EVENT_ACTIONS }, 'What happened'),
          parameter('batch', { type: 'string' }, 'The batch they belong to'),
          parameter('since', { type: 'string' }, 'ISO 8601 time, or how long ago it was, such as 1h30m'),
          parameter('until', { type: 'string' }, 'As since; the last moment'),
          parameter('host', { type: 'string' }, 'Id or name of a host that they are about'),
          parameter('guest', { type: 'string' }, 'Id or name of a guest that they are about'),
          parameter('before', { type: 'integer' }, 'Only those with a lower id, so that one can go on to older ones'),
          parameter(
            'after',
            { type: 'integer' },
            'Only those with a higher id, and of these the oldest, so that one can go on to newer ones',
          ),
          parameter(
            'limit',
            { type: 'integer', minimum: 1, maximum: 10_000, default: DEFAULT_EVENT_LIMIT },
            'At most so many',
          ),
        ],
      },
      { 400: refusal('A faulty or unknown parameter') },
    ),
    '/api/batch': read('What runs now', answer('The batch, or null', schema.ref('Batch'))),
    '/api/batches': read('How the last batches ended', answer('Batches, oldest first', schema.ref('Batches'))),
    '/api/plans': read('The recommended plans, oldest first', answer('Plans', schema.ref('Plans'))),
    '/api/plans/{id}/approve': write(
      'Carries out a recommended plan, or some of its moves, if it still holds on fresh readings',
      {
        type: 'object',
        properties: {
          moves: {
            type: 'array',
            minItems: 1,
            items: { type: 'string' },
            description: 'Ids of guests; by default all',
          },
          when: { enum: ['now', 'free'], default: 'now', description: 'free: when the running batch has ended' },
        },
      },
      {
        202: answer('It is carried out as a batch, or waits for the end of the one that runs', {
          oneOf: [schema.ref('Approved'), schema.ref('WaitingPlan')],
        }),
        404: refusal('No such plan'),
        409: answer('Nothing is moved, with the reasons', schema.ref('NotDone')),
      },
      planId,
    ),
    '/api/plans/{id}/dismiss': write(
      'Says that a recommended plan, also one that waits, is not to be carried out',
      { type: 'object', required: ['reason'], properties: { reason: { type: 'string' } } },
      {
        200: answer('It is dismissed', schema.ref('Dismissed')),
        404: refusal('No such plan'),
        409: answer('It is too late for that', schema.ref('NotDone')),
      },
      planId,
    ),
    '/api/status': read('Whether it is paused, what runs, what waits', answer('How it stands', schema.ref('Status'))),
    '/api/try': write(
      'Plans for a rule as if hosts alerted now, on fresh readings; moves and records nothing',
      {
        type: 'object',
        required: ['rule', 'hosts'],
        properties: {
          rule: { type: 'string' },
          hosts: { type: 'array', minItems: 1, items: { type: 'string' }, description: 'Ids, names or addresses' },
        },
      },
      {
        200: answer('The plan, as automigrate plan --json has it, and what would come of it', schema.ref('Trial')),
        404: refusal('No such rule or host; the message names it'),
        502: refusal('The cloud cannot be asked; the message is its own'),
      },
    ),
    '/api/test-alert': write(
      'Makes the webhook of an alert for a rule and a host and reads it as if it had come in; moves nothing without go',
      {
        type: 'object',
        required: ['rule', 'host'],
        properties: {
          rule: { type: 'string' },
          host: { type: 'string' },
          go: { type: 'boolean', default: false, description: 'Take the alert on like any other' },
        },
      },
      {
        200: answer('The webhook, what the door has answered or would, and the plan', schema.ref('TestAlert')),
        404: refusal('No such rule or host; the message names it'),
        502: refusal('The cloud cannot be asked; the message is its own'),
      },
    ),
    '/api/pause': write(
      'Takes no more alerts and begins nothing more; what is under way is followed to its end',
      { type: 'object', required: ['reason'], properties: { reason: { type: 'string' }, for: { type: 'string' } } },
      { 200: answer('It is paused', schema.ref('Paused')) },
    ),
    '/api/resume': write(
      'Ends the pause',
      { type: 'object' },
      { 200: answer('It is not paused any more', schema.ref('Resumed')) },
    ),
    '/api/batch/stop': write(
      'Has the running batch begin nothing more; with abort what is under way is cancelled too',
      { type: 'object', properties: { abort: { type: 'boolean', default: false } } },
      {
        202: answer('It begins nothing more', schema.ref('Stopping')),
        409: answer('No batch is running', schema.ref('NotDone')),
      },
    ),
    '/api/fleet': read(
      'Hosts and guests with their readings, at most some seconds old; `detail=summary` counts the guests of each host instead',
      answer('The fleet', { oneOf: [schema.ref('Snapshot'), schema.ref('FleetSummary')] }),
      {
        parameters: [
          { name: 'detail', in: 'query', schema: { type: 'string', enum: ['guests', 'summary'], default: 'guests' } },
        ],
      },
      { 502: refusal('The cloud or the metric store cannot be asked; the message is its own') },
    ),
    '/api/hosts/{id}': read(
      'A host, by id or name, with its guests and the course of its readings over six hours',
      answer('The host', schema.ref('HostView')),
      { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] },
      {
        404: refusal('The cloud lists no such host'),
        502: refusal('The cloud or the metric store cannot be asked; the message is its own'),
      },
    ),
    '/api/stream': read(
      'What happens, as it happens: `status` as in /api/status, `journal` with an event as in /api/events, `reset` where too much was missed',
      {
        description: 'Server-sent events; a comment at least every 15 s',
        content: { 'text/event-stream': { schema: { type: 'string' } } },
      },
      {
        parameters: [
          {
            name: 'Last-Event-ID',
            in: 'header',
            schema: { type: 'integer' },
            description: 'The last event that is there already; without it what comes from now on',
          },
        ],
      },
      { 400: refusal('A Last-Event-ID that no event has'), 503: refusal('Too many follow already') },
    ),
    '/openapi.json': open('This document', answer('OpenAPI 3.1', { type: 'object' })),
    '/': page('The page that shows what /api tells, and through which people act'),
    '/manual': page('The manual of this version'),
    '/manual/{chapter}': page('A chapter of it', {
      parameters: [{ name: 'chapter', in: 'path', required: true, schema: { type: 'string' } }],
    }),
    '/manual.json': open('The chapters that the page shows', answer('The manual', { type: 'object' })),
    '/openapi': page('This document, for people'),
  },
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer' },
      basic: { type: 'http', scheme: 'basic', description: 'The token as password, with any user name' },
      monitorSignature: {
        type: 'apiKey',
        in: 'header',
        name: 'X-Auth-Token',
        description: 'Hex HMAC-SHA256 of the raw body',
      },
      grafanaSignature: {
        type: 'apiKey',
        in: 'header',
        name: 'X-Grafana-Alerting-Signature',
        description:
          'Hex HMAC-SHA256 of the raw body, or of `<unix seconds>:<raw body>` with a timestamp header of at most 5 minutes ago',
      },
    },
    schemas: {
      ...schema.components,
      RuleFile: z.toJSONSchema(ruleFileSchema, { io: 'input' }),
      Readings: {
        type: 'object',
        description: '% for cpu.usage_active, bytes for mem.available; a missing reading is an absent key',
        properties: Object.fromEntries(METRIC_NAMES.map((name) => [name, { type: 'number' }])),
      },
    },
  },
};
