import type { MetricName } from '../fleet/fleet.js';

/** Who sent an alert: also the last part of the webhook's path. */
export const SENDERS = ['monitor', 'grafana', 'alertmanager'] as const;
export type Sender = (typeof SENDERS)[number];

/** The one shape that alerts of all senders take. One alert is about one host. */
export interface Alert {
  sender: Sender;
  /** `alertname`, legacy `ruleName` or the monitor service's strategy name, entities decoded. */
  name: string;
  /** `test` is a test button or a verification message: it never leads to anything. */
  state: 'firing' | 'resolved' | 'test';
  /** All labels (or tags); the host is looked for in these. For the monitor's text form `host` holds the host name. */
  labels: Record<string, string>;
  /** The metric and value that the alert tells, where it does: for the record only, they are asked for again. */
  metric?: MetricName;
  value?: number;
  /** When it began to fire, as the sender wrote it. */
  startsAt?: string;
  /** The sender's own mark of the alert, the same each time that it fires. */
  fingerprint?: string;
  /** Where people see it at the sender: an http or https URL. */
  link?: string;
  /** The same text means the same occurrence of the same alert, whoever delivers it again. */
  key: string;
}

/** A body that could not be understood: `field` is its path in the body. */
export interface AlertProblem {
  field: string;
  message: string;
}

/** More alerts than this in one body are refused: a body of 1 MiB holds fewer real ones. */
export const MAX_ALERTS = 2000;
