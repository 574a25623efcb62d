import type { Alert } from '../alerts/alert.js';
import type { WebhookAnswer } from '../alerts/answer.js';
import type { BatchEnding, EventFilter, JournalEvent, MigrationRecord } from '../journal/journal.js';
import type { RuleFile } from '../rules/rule.js';
import type { Snapshot } from '../fleet/fleet.js';

/** The batch that runs now, with the progress of its moves. */
export interface BatchView {
  id: string;
  sender: string;
  accepted_at: string;
  /** What it is doing: asking the fleet, planning, or moving guests. */
  step: 'asking' | 'planning' | 'migrating';
  rules: string[];
  migrations: (MigrationRecord & {
    /** %, where the cloud tells it. */
    progress?: number;
    /** The cloud's own word for where the guest is. */
    status?: string;
  })[];
}

/** What stands behind the HTTP surface. */
export interface Backend {
  /** Takes the alerts of one body. Resolves before any slow work, with what to answer. */
  handleAlerts(alerts: Alert[]): Promise<WebhookAnswer>;
  rules(): { rules: RuleFile[]; problems: string[] };
  events(filter: EventFilter): Promise<JournalEvent[]>;
  batch(): BatchView | null;
  /** The batches that ended last, oldest first. */
  endedBatches(): BatchEnding[];
  /** Asks cloud and metric store now. */
  fleet(signal?: AbortSignal): Promise<Snapshot>;
  /** Problems that keep the service from doing its work; none means ready. */
  readiness(): Promise<string[]>;
  /** Prometheus text format. */
  metrics(): Promise<string>;
}
