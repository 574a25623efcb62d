import type { Alert } from '../alerts/alert.js';
import { BODIES } from '../alerts/bodies.js';
import { bounded } from '../alerts/bound.js';
import type { WebhookAnswer } from '../intake/answer.js';
import type { Operator } from '../intake/operator.js';
import { matchAlerts } from '../rules/match.js';
import type { MatchedAlert, Rule } from '../rules/rule.js';
import { sortAlerts } from '../intake/sort-alerts.js';
import type { TestAlertAnswer, TryView } from '../intake/views.js';

/** What a test alert is about. */
export interface TestAlert {
  rule: string;
  host: string;
  /** Whether it is taken on like any other; otherwise nothing moves. */
  go: boolean;
}

/** What {@link testAlert} needs. */
export interface TestAlertDeps {
  rules: () => readonly Rule[];
  operator: Pick<Operator, 'tryRule'>;
  /** The door of all alerts. */
  handleAlerts: (alerts: Alert[]) => Promise<WebhookAnswer>;
  /** ms since the epoch. */
  now: () => number;
  newId: () => string;
}

/**
 * Makes the webhook that Alertmanager would send for a rule and a host, reads it as if it had come in, and hands its alert to the
 * door; or, without `go`, says what the door would answer and tries the rule.
 */
export async function testAlert({ rule: name, host, go }: TestAlert, deps: TestAlertDeps): Promise<TestAlertAnswer> {
  const rule = deps.rules().find((each) => each.name === name);
  if (!rule) return { outcome: 'unknown', text: `there is no rule ${name}` };
  const tried = await deps.operator.tryRule(name, [[host]]);
  if (tried.outcome !== 'tried') return tried;
  const body = webhookOf(rule, host, deps);
  const parsed = BODIES.alertmanager.parse(body, {});
  if (!parsed.ok) throw new Error(`a test alert cannot be read: ${JSON.stringify(parsed)}`);
  const alerts = parsed.alerts.map(bounded);
  const { plan } = tried;
  if (!go) {
    const answer = wouldAnswer(matchAlerts(alerts, deps.rules()), plan);
    return { outcome: 'tried', alert: body, answer, plan };
  }
  const answer = await deps.handleAlerts(alerts);
  const batch = 'batch' in answer && { batch: answer.batch };
  return { outcome: answer.outcome, alert: body, answer, plan, ...batch };
}

/** As Alertmanager sends it (webhook version 4): an alert as the rule expects it. */
function webhookOf({ name, match }: Rule, host: string, { now, newId }: TestAlertDeps): Record<string, unknown> {
  const alertname = match.alert ?? name;
  const labels = { ...match.labels, alertname, [match.hostLabel ?? 'host']: host };
  const annotations = { summary: `a test alert for rule ${name}` };
  return {
    version: '4',
    groupKey: `{}:{alertname=${JSON.stringify(alertname)}}`,
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'automigrate',
    groupLabels: { alertname },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: '',
    alerts: [
      {
        status: 'firing',
        labels,
        annotations,
        startsAt: new Date(now()).toISOString(),
        endsAt: '0001-01-01T00:00:00Z',
        generatorURL: '',
        fingerprint: newId(),
      },
    ],
  };
}

/** What the door would answer, were the alert sent now. */
function wouldAnswer(
  matched: readonly MatchedAlert[],
  { would: { held_by: heldBy, reasons }, batch = '' }: TryView,
): Extract<TestAlertAnswer, { alert: unknown }>['answer'] {
  const sorted = sortAlerts(matched, () => false);
  if (sorted.kind === 'nothing') return { outcome: 'ignored', reason: sorted.reason, text: sorted.text };
  const text = reasons.join('; ');
  if (heldBy === 'busy') return { outcome: 'dropped', reason: heldBy, batch, text };
  if (heldBy !== undefined) return { outcome: 'ignored', reason: heldBy, text };
  const { parts } = sorted;
  return {
    outcome: 'accepted',
    rules: parts.map(({ rule }) => rule.name),
    hosts: parts.flatMap(({ hosts }) => hosts.map((words) => words[0] ?? '?')),
  };
}
