import type { Alert } from '../alerts/alert.js';
import type { WebhookAnswer } from '../intake/answer.js';
import type { Operator } from '../intake/operator.js';
import type { BatchView, TestAlertAnswer } from '../intake/views.js';
import type { BatchEnding, EventFilter } from '../journal/journal.js';
import type { EventWithText } from '../journal/events.js';
import type { RuleFile } from '../rules/rule.js';
import type { FleetHealth } from '../fleet/fleet-health.js';
import type { FleetDetail, FleetView } from '../decide/fleet-view.js';
import type { HostView } from '../decide/host-view.js';

/** What stands behind the HTTP surface. */
export interface Backend {
  /**
   * Takes the alerts of one body. Resolves before any slow work, with what to answer.
   * @param truncated - so many alerts the sender has left out of it.
   */
  handleAlerts(alerts: Alert[], truncated?: number): Promise<WebhookAnswer>;
  rules(): { rules: RuleFile[]; problems: string[] };
  events(filter: EventFilter): Promise<EventWithText[]>;
  batch(): BatchView | null;
  /** The batches that ended last, oldest first. */
  endedBatches(): BatchEnding[];
  /** Makes the webhook of an alert for a rule and a host; without `go` nothing is taken on. */
  testAlert(test: { rule: string; host: string; go: boolean }): Promise<TestAlertAnswer>;
  /** What people can do. */
  operator: Operator;
  /** The fleet, written out: one answer for all who ask within some seconds. */
  fleet(detail: FleetDetail): Promise<FleetView>;
  /** Whether cloud and metric store can be asked, as of the last look. */
  fleetHealth(): FleetHealth;
  /** One host with its guests and its course; undefined if the cloud does not list it. */
  host(id: string): Promise<HostView | undefined>;
  /** Problems that keep the service from doing its work; none means ready. */
  readiness(): Promise<string[]>;
  /** Prometheus text format. */
  metrics(): Promise<string>;
}
