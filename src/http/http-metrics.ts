import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Sender } from '../alerts/alert.js';
import { SENDERS } from '../alerts/alert.js';

/** What the HTTP surface counts. */
export interface HttpMetrics {
  /** A webhook was answered; `outcome` is that of the answer, or the code of the refusal. */
  webhook(sender: Sender, outcome: string): void;
  /** Somebody knocked without a valid credential. */
  authFailure(door: Sender | 'api'): void;
  /** A request was answered 429: it came too fast, or after too many failed attempts. */
  turnedAway(why: 'rate' | 'failures'): void;
}

/**
 * Registers the counters of the HTTP surface.
 * @param registry - the one whose text `/metrics` gives out.
 */
export function httpMetrics(registry: Registry): HttpMetrics {
  const webhooks = new Counter({
    name: 'automigrate_webhooks_total',
    help: 'Webhooks answered, by sender and outcome',
    labelNames: ['sender', 'outcome'] as const,
    registers: [registry],
  });
  const authFailures = new Counter({
    name: 'automigrate_auth_failures_total',
    help: 'Requests without a valid credential, by the door they knocked at',
    labelNames: ['door'] as const,
    registers: [registry],
  });
  const turnedAway = new Counter({
    name: 'automigrate_requests_turned_away_total',
    help: 'Requests answered 429, by why: rate (RATE_LIMIT) or failures (attempts without a valid credential)',
    labelNames: ['why'] as const,
    registers: [registry],
  });
  for (const sender of SENDERS) {
    for (const outcome of ['accepted', 'ignored', 'dropped', 'unavailable', 'unauthorized', 'bad_request']) {
      webhooks.inc({ sender, outcome }, 0);
    }
  }
  for (const door of [...SENDERS, 'api']) authFailures.inc({ door }, 0);
  for (const why of ['rate', 'failures']) turnedAway.inc({ why }, 0);
  return {
    webhook: (sender, outcome) => webhooks.inc({ sender, outcome }),
    authFailure: (door) => authFailures.inc({ door }),
    turnedAway: (why) => turnedAway.inc({ why }),
  };
}
