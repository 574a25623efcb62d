import type { Alert, Sender } from './alert.js';
import { withoutRepeats } from './dedupe.js';
import { labelsOf, occurrenceKey, sortedLabels, textOf } from './labels.js';
import type { BodyOf, ParsedAlerts } from './layout.js';
import { ifAny, isOf, layout, misfit, object, oneOf, orNothing, text } from './layout.js';
import { linkIn } from './link.js';

const url = ifAny({ type: 'string', description: 'Kept with the alert where it is an http or https URL' });

/** An entry of `alerts`, which Alertmanager and Grafana's unified alerting have in common. */
export const ALERT = {
  status: oneOf('"firing" or "resolved"', ['firing', 'resolved']),
  labels: orNothing(object),
  startsAt: orNothing(text),
  fingerprint: orNothing(text),
  generatorURL: url,
} as const;

/** What they have in common besides. */
export const NOTIFICATION = {
  truncatedAlerts: ifAny({ type: 'integer', description: 'So many alerts the sender has left out' }),
} as const;

/** Alertmanager's webhook, version "4". */
export const ALERTMANAGER = layout('Webhook version 4', NOTIFICATION, {
  name: 'alerts',
  isRequired: true,
  entry: ALERT,
});

/**
 * Reads a notification of Alertmanager.
 * @param body - the parsed JSON, whatever it is.
 * @returns one alert per entry of `alerts`, firing and resolved ones, each occurrence once.
 */
export function parseAlertmanager(body: unknown): ParsedAlerts {
  return isOf(ALERTMANAGER, body) ? readAlerts(body, 'alertmanager') : misfit(ALERTMANAGER, body);
}

type Notification = Pick<BodyOf<typeof ALERTMANAGER>, 'truncatedAlerts'>;
type Entry = NonNullable<BodyOf<typeof ALERTMANAGER>['alerts']>[number];

/**
 * Reads the alerts of a notification that is of its layout.
 * @param amend - what the sender says of an alert besides, from its entry.
 */
export function readAlerts<One extends Entry>(
  { alerts, truncatedAlerts }: Notification & { alerts?: One[] | null },
  sender: Sender,
  amend: (alert: Alert, entry: One) => Alert = (alert) => alert,
): ParsedAlerts {
  const read = (alerts ?? []).map((entry) => amend(readAlert(entry, sender), entry));
  const truncated = Number.isSafeInteger(truncatedAlerts) ? Number(truncatedAlerts) : 0;
  return { ok: true, alerts: withoutRepeats(read), ...(truncated > 0 && { truncated }) };
}

function readAlert(entry: Entry, sender: Sender): Alert {
  const labels = labelsOf(entry.labels);
  const startsAt = textOf(entry, 'startsAt');
  const fingerprint = textOf(entry, 'fingerprint');
  return {
    sender,
    name: textOf(labels, 'alertname') ?? '',
    state: entry.status,
    labels,
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...linkIn(entry.generatorURL),
    key: occurrenceKey([sender, fingerprint ?? sortedLabels(labels), startsAt ?? '']),
  };
}
