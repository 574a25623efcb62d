import { pino } from 'pino';
import { Registry } from 'prom-client';
import request from 'supertest';
import type TestAgent from 'supertest/lib/agent.js';
import type { Alert } from '../../src/alerts/alert.js';
import type { WebhookAnswer } from '../../src/intake/answer.js';
import type { HostView } from '../../src/decide/host-view.js';
import { fleetView, type FleetDetail, type FleetView } from '../../src/decide/fleet-view.js';
import type { Snapshot } from '../../src/fleet/fleet.js';
import type { FleetHealth } from '../../src/fleet/fleet-health.js';
import { createApp } from '../../src/http/app.js';
import type { AppOptions } from '../../src/http/app.js';
import type { Secrets } from '../../src/http/auth.js';
import type { BatchEnding, EventFilter } from '../../src/journal/journal.js';
import type { EventWithText } from '../../src/journal/events.js';
import type { Backend } from '../../src/http/ports.js';
import type { Operator } from '../../src/intake/operator.js';
import type {
  ApprovalAnswer,
  BatchView,
  DismissalAnswer,
  PauseAnswer,
  PlanView,
  ResumeAnswer,
  RuleStatus,
  StatusView,
  StopAnswer,
  TestAlertAnswer,
  TryAnswer,
} from '../../src/intake/views.js';

import { guest, host } from '../support/fleet.js';

export const NOW = Date.parse('2026-11-21T05:06:00Z');

export const accepted: WebhookAnswer = { outcome: 'accepted', batch: 'b1', rules: ['test-cpu'], hosts: ['a15'] };

/** A plan that is carried out. */
export const approvedAs = (batch: string): ApprovalAnswer => {
  return { outcome: 'accepted', plan: 'p1', batch, rules: ['test-cpu'], loads: [], cost: 9216 };
};

/** What stands behind the surface: it keeps what it is given and answers what it is told to. */
export class MemoryBackend implements Backend {
  readonly received: Alert[][] = [];
  readonly filters: EventFilter[] = [];
  answer: () => WebhookAnswer = () => accepted;
  problems: string[] = [];
  running: BatchView | null = null;
  waiting: () => PlanView[] = () => [];
  approval: () => ApprovalAnswer = () => approvedAs('b1');
  dismissal: () => DismissalAnswer = () => ({ outcome: 'dismissed', plan: 'p1' });
  recorded: EventWithText[] = [];
  ended: BatchEnding[] = [];
  snapshot: () => Promise<Snapshot> = () =>
    Promise.resolve({ taken_at: '2026-11-21T05:06:00Z', hosts: [], guests: [] });

  readonly registry: Registry;
  constructor(registry: Registry) {
    this.registry = registry;
  }

  /** How many alerts each body was said to lack. */
  readonly truncated: (number | undefined)[] = [];
  handleAlerts(alerts: Alert[], truncated?: number): Promise<WebhookAnswer> {
    this.received.push(alerts);
    this.truncated.push(truncated);
    return Promise.resolve().then(() => this.answer());
  }
  rules(): ReturnType<Backend['rules']> {
    return { rules: [{ name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60 }], problems: ['b.json: no'] };
  }
  events(filter: EventFilter): Promise<EventWithText[]> {
    this.filters.push(filter);
    return Promise.resolve(this.recorded);
  }
  batch(): BatchView | null {
    return this.running;
  }
  endedBatches(): ReturnType<Backend['endedBatches']> {
    return this.ended;
  }
  standing: StatusView = {
    mode: 'auto',
    paused: null,
    batch: null,
    plans_waiting: 0,
    rules: { enabled: 1, disabled: 0 },
  };
  standings: RuleStatus[] = [];
  trial: () => TryAnswer = () => ({ outcome: 'unknown', text: 'there is no rule x' });
  tested: () => TestAlertAnswer = () => ({ outcome: 'unknown', text: 'there is no rule x' });
  testAlert: Backend['testAlert'] = (...asked) => this.#act(['test-alert', ...asked], () => this.tested());
  /** What people have asked for, and who; and what they are answered. */
  readonly did: unknown[][] = [];
  paused: () => PauseAnswer = () => ({ outcome: 'unavailable', reason: 'journal', text: 't' });
  resumed: () => ResumeAnswer = () => ({ outcome: 'resumed', was_paused: true });
  stopped: () => StopAnswer = () => ({ outcome: 'refused', reason: 'no_batch', reasons: ['no batch is running'] });
  readonly operator: Operator = {
    status: () => this.standing,
    pause: (...asked) => this.#act(['pause', ...asked], () => this.paused()),
    resume: (...asked) => this.#act(['resume', ...asked], () => this.resumed()),
    stopBatch: (...asked) => this.#act(['stop', ...asked], () => this.stopped()),
    budget: () => Promise.resolve({ hour: { used: 2, limit: 100 }, day: { used: 3, limit: null } }),
    rules: () => Promise.resolve(this.standings),
    tryRule: (...asked) => this.#act(['try', ...asked], () => this.trial()),
    plans: () => Promise.resolve().then(() => this.waiting()),
    approve: (...asked) => this.#act(['approve', ...asked], () => this.approval()),
    dismiss: (...asked) => this.#act(['dismiss', ...asked], () => this.dismissal()),
  };
  #act<Answer>(did: unknown[], answer: () => Answer): Promise<Answer> {
    this.did.push(did);
    return Promise.resolve().then(answer);
  }
  async fleet(detail: FleetDetail): Promise<FleetView> {
    return fleetView(await this.snapshot(), detail);
  }
  health: FleetHealth = {
    cloud: { up: true, since: '2026-11-21T05:00:00Z' },
    metrics: { up: false, since: '2026-11-21T05:05:00Z', text: 'prometheus: query: HTTP 401' },
  };
  fleetHealth(): FleetHealth {
    return this.health;
  }
  looked: (id: string) => Promise<HostView | undefined> = () =>
    Promise.resolve({
      taken_at: '2026-11-21T05:06:00Z',
      host: host('a15', 62),
      guests: [guest('g1', 'a15', 50)],
      course: { 'cpu.usage_active': [[NOW, 62]] },
    });
  host(id: string): Promise<HostView | undefined> {
    return Promise.resolve().then(() => this.looked(id));
  }
  readiness(): Promise<string[]> {
    return Promise.resolve(this.problems);
  }
  metrics(): Promise<string> {
    return this.registry.metrics();
  }
}

export const noSecrets: Secrets = { monitor: [], grafana: [], webhookTokens: [], apiTokens: [] };

export interface World {
  backend: MemoryBackend;
  http: TestAgent;
  app: ReturnType<typeof createApp>;
  /** The log, line by line. */
  log: Record<string, unknown>[];
  /** A sample of `/metrics`, 0 if there is none. */
  count(sample: string): Promise<number>;
}

/** The whole surface over a backend in memory. */
export function world(more: Partial<Omit<AppOptions, 'secrets'>> & { secrets?: Partial<Secrets> } = {}): World {
  const registry = new Registry();
  const backend = new MemoryBackend(registry);
  const log: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'debug' },
    { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const app = createApp({
    backend,
    registry,
    log: logger,
    clock: { now: () => NOW, sleep: () => Promise.resolve() },
    ...more,
    secrets: { ...noSecrets, ...more.secrets },
  });
  return {
    backend,
    http: request(app),
    app,
    log,
    count: async (sample) => {
      const line = (await registry.metrics()).split('\n').find((text) => text.startsWith(`${sample} `));
      return line === undefined ? 0 : Number(line.split(' ').at(-1));
    },
  };
}
