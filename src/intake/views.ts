import type { BatchStop, MigrationRecord } from '../journal/journal.js';
import type { OperatorPause, RecommendedPlan } from '../journal/memory.js';

/** The batch that runs now, with the progress of its moves. */
export interface BatchView {
  id: string;
  sender: string;
  accepted_at: string;
  /** What it is doing: asking the fleet, planning, or moving guests. */
  step: 'asking' | 'planning' | 'migrating';
  rules: string[];
  /** A person has stopped it. */
  stopped?: BatchStop;
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
  | {
      outcome: 'refused';
      reason: 'busy' | 'paused' | 'stopped' | 'changed' | 'approved' | 'superseded' | 'expired';
      reasons: string[];
    }
  /** 404. */
  | { outcome: 'unknown' }
  /** 503. */
  | { outcome: 'unavailable'; reason: 'shutting_down' | 'journal'; text: string };

/** What a person asked for and cannot have now. */
export interface Unavailable {
  outcome: 'unavailable';
  reason: 'shutting_down' | 'journal';
  text: string;
}

/** How the service stands. */
export interface StatusView {
  /** Null while nobody has paused it. */
  paused: OperatorPause | null;
  batch: BatchView | null;
  /** Plans that wait for an approval. */
  plans_waiting: number;
  /** Rules that take alerts, and those that are disabled. */
  rules: { enabled: number; disabled: number };
}

/** What came of pausing: 200. */
export type PauseAnswer = { outcome: 'paused'; paused: OperatorPause } | Unavailable;

/** What came of resuming: 200. */
export type ResumeAnswer = { outcome: 'resumed'; was_paused: boolean } | Unavailable;

/** What came of stopping the running batch. */
export type StopAnswer =
  /** 202: it begins nothing more; `guest to host` each. */
  | { outcome: 'stopping'; batch: string; abort: boolean; left_out: string[]; under_way: string[] }
  /** 409. */
  | { outcome: 'refused'; reason: 'no_batch'; reasons: string[] }
  | Unavailable;
