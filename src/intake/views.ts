import type { MigrationRecord } from '../journal/journal.js';
import type { RecommendedPlan } from '../journal/memory.js';

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
