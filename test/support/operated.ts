import { pino } from 'pino';
import { Registry } from 'prom-client';
import request from 'supertest';
import { createApp } from '../../src/http/app.js';
import type { Backend } from '../../src/http/ports.js';
import type { Service } from '../../src/app/service.js';
import type { Clock } from '../../src/common/clock.js';
import type { Journal } from '../../src/journal/journal.js';
import { build, type Setup } from './service.js';

/** Tokens of two people, and one that has no name. */
export const TOKENS = ['alice:alice-secret-0123', 'bob:bob-secret-01234567', 'nameless-secret-0123'];

/** A service behind its real HTTP surface, asked by whoever has a token. */
export function surface(service: Service, { journal, clock }: { journal: Journal; clock: Clock }) {
  const registry = new Registry();
  const backend: Backend = {
    handleAlerts: (alerts) => service.handleAlerts(alerts),
    rules: () => ({ rules: [], problems: [] }),
    events: (filter) => journal.events(filter),
    batch: () => service.batch(),
    endedBatches: () => journal.endedBatches(),
    testAlert: (test) => service.testAlert(test),
    operator: service.operator,
    fleet: () => Promise.reject(new Error('not asked for')),
    fleetHealth: () => {
      const since = new Date(clock.now()).toISOString();
      return { cloud: { up: true, since }, metrics: { up: true, since } };
    },
    host: () => Promise.reject(new Error('not asked for')),
    readiness: () => Promise.resolve([]),
    metrics: () => registry.metrics(),
  };
  const secrets = { monitor: [], grafana: [], webhookTokens: ['webhook-secret-01234'], apiTokens: TOKENS };
  const http = request(createApp({ backend, registry, secrets, log: pino({ level: 'silent' }), clock }));
  const bearer = (token: string) => `Bearer ${token}`;
  return {
    get: (path: string) => http.get(path).set('Authorization', bearer('nameless-secret-0123')),
    post: (path: string, body: object = {}, token = 'alice-secret-0123') =>
      http.post(path).set('Authorization', bearer(token)).send(body),
    /** An alert as Alertmanager sends it. */
    alert: (host: string, name = 'test-cpu') =>
      http
        .post('/webhooks/alertmanager')
        .set('Authorization', bearer('webhook-secret-01234'))
        .send({ alerts: [{ status: 'firing', labels: { alertname: name, host }, fingerprint: `${host}-${name}` }] }),
    http,
  };
}

/** A service over the simulated cloud, behind HTTP. */
export async function operated(setup: Setup = {}) {
  const world = await build(setup);
  return { ...world, ...surface(world.service, world) };
}
