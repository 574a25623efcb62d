import type { Alert } from '../alerts/alert.js';
import type { WebhookAnswer } from '../alerts/answer.js';
import type { BatchEnding, EventFilter, JournalEvent, MigrationRecord } from '../journal/journal.js';
import type { RecommendedPlan } from '../journal/memory.js';
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

/** A plan that waits for an approval, or did; an open one that is too old is `expired`. */
export interface PlanView extends Omit<RecommendedPlan, 'state'> {
  state: RecommendedPlan['state'] | 'expired';
}

/** What came of an approval. */
export type ApprovalAnswer =
  /** 202: the plan is carried out; guests whose move is no longer needed stay. */
  | { outcome: 'accepted'; plan: string; batch: string; rules: string[]; no_longer_needed?: string[] }
  /** 409: nothing is moved. */
  | { outcome: 'refused'; reason: 'busy' | 'changed' | 'approved' | 'superseded' | 'expired'; reasons: string[] }
  /** 404. */
  | { outcome: 'unknown' }
  /** 503. */
  | { outcome: 'unavailable'; reason: 'shutting_down' | 'journal'; text: string };

/** What stands behind the HTTP surface. */
export interface Backend {
  /** Takes the alerts of one body. Resolves before any slow work, with what to answer. */
  handleAlerts(alerts: Alert[]): Promise<WebhookAnswer>;
  rules(): { rules: RuleFile[]; problems: string[] };
  events(filter: EventFilter): Promise<JournalEvent[]>;
  batch(): BatchView | null;
  /** The batches that ended last, oldest first. */
  endedBatches(): BatchEnding[];
  /** The plans that are kept, oldest first. */
  plans(): PlanView[];
  /** Carries out a plan if it still holds. Resolves when the fleet has been asked again. */
  approve(plan: string): Promise<ApprovalAnswer>;
  /** Asks cloud and metric store now. */
  fleet(signal?: AbortSignal): Promise<Snapshot>;
  /** Problems that keep the service from doing its work; none means ready. */
  readiness(): Promise<string[]>;
  /** Prometheus text format. */
  metrics(): Promise<string>;
}
