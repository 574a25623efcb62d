import { MAX_ALERTS, tooMany } from './alert.js';
import type { Alert, AlertProblem, ParsedAlerts, Sender } from './alert.js';
import { withoutRepeats } from './dedupe.js';
import { isRecord, labelsOf, occurrenceKey, sortedLabels, textOf } from './labels.js';

/**
 * Reads a notification of Alertmanager (its webhook version "4").
 * @param body - the parsed JSON, whatever it is.
 * @returns one alert per entry of `alerts`, firing and resolved ones, each occurrence once; or every fault with its field.
 */
export function parseAlertmanager(body: unknown): ParsedAlerts {
  return parseAlertList(body, 'alertmanager');
}

/**
 * Reads the `alerts` that Alertmanager and Grafana's unified alerting have in common.
 * @param amend - what the sender says of an alert besides, from its entry.
 */
export function parseAlertList(
  body: unknown,
  sender: Sender,
  amend: (alert: Alert, entry: Record<string, unknown>) => Alert = (alert) => alert,
): ParsedAlerts {
  if (!isRecord(body)) return { ok: false, problems: [{ field: 'body', message: 'expected an object' }] };
  // Go writes an empty list as null.
  const list = body.alerts === null ? [] : body.alerts;
  if (!Array.isArray(list)) return { ok: false, problems: [{ field: 'alerts', message: 'expected an array' }] };

  if (list.length > MAX_ALERTS) return { ok: false, problems: [tooMany('alerts')] };

  const alerts: Alert[] = [];
  const problems: AlertProblem[] = [];
  list.forEach((entry: unknown, index) => {
    const field = `alerts[${index}]`;
    if (!isRecord(entry)) {
      problems.push({ field, message: 'expected an object' });
    } else if (entry.status !== 'firing' && entry.status !== 'resolved') {
      problems.push({ field: `${field}.status`, message: 'expected "firing" or "resolved"' });
    } else {
      alerts.push(amend(readAlert(entry, entry.status, sender), entry));
    }
  });
  return problems.length > 0 ? { ok: false, problems } : { ok: true, alerts: withoutRepeats(alerts) };
}

function readAlert(entry: Record<string, unknown>, status: 'firing' | 'resolved', sender: Sender): Alert {
  const labels = labelsOf(entry.labels);
  const startsAt = textOf(entry, 'startsAt');
  const fingerprint = textOf(entry, 'fingerprint');
  return {
    sender,
    name: textOf(labels, 'alertname') ?? '',
    state: status,
    labels,
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    key: occurrenceKey([sender, fingerprint ?? sortedLabels(labels), startsAt ?? '']),
  };
}
