import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { NoticeCounts } from '../notices/outbox.js';
import type { NoticeTarget } from '../notices/targets.js';

/**
 * Registers what becomes of notices, for each target from the start.
 * @param waiting - how many wait, by name of the target.
 */
export function noticeMetrics(
  registry: Registry,
  targets: readonly NoticeTarget[],
  waiting: () => Record<string, number>,
): NoticeCounts {
  const notices = new Counter({
    name: 'automigrate_notices_total',
    help: 'Notices that people outside were to be told, by target and result: sent, failed (refused, or tried for too long), dropped (too many were waiting)',
    labelNames: ['target', 'result'] as const,
    registers: [registry],
  });
  for (const { name: target } of targets) {
    for (const result of ['sent', 'failed', 'dropped']) notices.inc({ target, result }, 0);
  }
  new Gauge({
    name: 'automigrate_notices_waiting',
    help: 'Notices that are still to be sent, by target',
    labelNames: ['target'] as const,
    registers: [registry],
    collect() {
      for (const [target, count] of Object.entries(waiting())) this.set({ target }, count);
    },
  });
  return {
    sent: (target, count) => notices.inc({ target, result: 'sent' }, count),
    failed: (target, count) => notices.inc({ target, result: 'failed' }, count),
    dropped: (target, count) => notices.inc({ target, result: 'dropped' }, count),
  };
}
