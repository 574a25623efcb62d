import type { LoadsBefore, Memory } from './memory.js';

/** What an event says has happened. The first six are the words of the documents that the project follows. */
export const EVENT_ACTIONS = [
  'create',
  'find_result_fail',
  'migrating',
  'migrate_success',
  'migrate_fail',
  'migrate_error',
  'not_needed',
  'metrics_fail',
  'dropped',
  'ignored',
  'flapping',
  'recommended',
  'approved',
  'limited',
  'foreign_move',
  'paused',
  'verified',
  'recommend_mode',
] as const;
export type EventAction = (typeof EVENT_ACTIONS)[number];

/** The notes of a migration's events. Scores: the guest's on its source, and the target's reading before the move. */
export interface MigrationNotes {
  guest: {
    host: string;
    host_id: string;
    id: string;
    name: string;
    /** % of the source's CPUs, or bytes. */
    score: number;
    vcpu_count: number;
    /** MiB. */
    vmem_size: number;
  };
  target_host: {
    id: string;
    name: string;
    /** Reading before the move: % or bytes. */
    score: number;
  };
  /** Why it failed; only on migrate_fail and migrate_error. */
  reason?: string;
}

/** One row of the journal: the columns of the documents, and the batch that ties rows together. */
export interface JournalEvent {
  /** Rises by one with every event. */
  id: number;
  /** ISO 8601. */
  ops_time: string;
  /** The rule's name, or the alert's where no rule took it. */
  obj_id: string;
  obj_type: 'migrationalert';
  obj_name: string;
  /** The sender, or `system` for what automigrate did by itself. */
  user: string;
  tenant: 'system';
  action: EventAction;
  notes: string | MigrationNotes | Record<string, unknown>;
  /** The batch it belongs to. */
  batch?: string;
  /** Why a plan is as it is, as `automigrate plan --json` has it: on the first event that follows from the plan. */
  explanation?: Record<string, unknown>;
}

/** An event before the journal gives it id and columns that are always alike. */
export type NewEvent = Pick<JournalEvent, 'obj_name' | 'user' | 'action' | 'notes' | 'batch' | 'explanation'>;

/** Where one move of a batch stands. `asking` is written before the cloud is asked: from then on it is never asked again. */
export type MigrationPhase = 'planned' | 'asking' | 'moving' | 'succeeded' | 'failed' | 'error' | 'given_up';

/** One move of a batch, as kept for a restart. */
export interface MigrationRecord {
  rule: string;
  notes: MigrationNotes;
  phase: MigrationPhase;
  /** What the rule allows the cloud to do for it. */
  options?: { withLocalDisks?: boolean };
  /** What the cloud calls the job. */
  handle?: string;
  /** ISO 8601: when the cloud was asked. */
  asked_at?: string;
  /** Ended without the cloud ever having answered the request: it may still act on it, so the guest is not asked for elsewhere. */
  unanswered?: true;
}

/** What one rule has to do in a batch. */
export interface BatchPart {
  rule: string;
  /** For each alerting host the words under which the alert may name it, best first. */
  hosts: string[][];
  done: boolean;
  /** Whether moves that failed have been planned anew; that is done once. */
  retried?: boolean;
  /** Of the plan whose moves have not begun yet: goes with the first that does. */
  explanation?: Record<string, unknown>;
  /** The loads that its moves were planned on. */
  loads?: LoadsBefore;
}

/** One batch, as kept for a restart. It is written when the alerts are accepted and removed when it has ended. */
export interface BatchRecord {
  id: string;
  sender: string;
  /** ISO 8601. */
  accepted_at: string;
  /** The rules whose alerts came, each with the words that name an alerting host, best first; in order. */
  parts: BatchPart[];
  migrations: MigrationRecord[];
}

/** How a batch ended, as kept for whoever asks what became of it. */
export interface BatchEnding {
  id: string;
  sender: string;
  /** ISO 8601. */
  accepted_at: string;
  /** ISO 8601. */
  ended_at: string;
  rules: string[];
  /** How many guests arrived. */
  succeeded: number;
  /** How many moves came to nothing, whatever the reason. */
  failed: number;
  /** What broke it off; only if it did not come to its end by itself. */
  fault?: string;
}

/** Which events to read. */
export interface EventFilter {
  rule?: string;
  action?: EventAction;
  batch?: string;
  /** ms since the epoch; events at or after it. */
  since?: number;
  /** The newest so many. */
  limit?: number;
}

/** What is written together or not at all. */
export interface JournalChange {
  events?: NewEvent[];
  /** The running batch from now on; `null` when it has ended. */
  batch?: BatchRecord | null;
  /** The end of the running batch. */
  ended?: BatchEnding;
  /** What the memory becomes; must be pure. */
  memory?: (before: Memory) => Memory;
}

/** Thrown when a change could not be kept; nothing of it stands in the journal then. */
export class JournalError extends Error {
  constructor(file: string, cause: unknown) {
    super(`journal: cannot write ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'JournalError';
  }
}

/** The memory of the service: events for people, the running batch for restarts. */
export interface Journal {
  /**
   * Resolves with the events once all of the change would survive the end of the process.
   * @throws JournalError if it could not be kept.
   */
  commit(change: JournalChange): Promise<JournalEvent[]>;
  /** Oldest first. */
  events(filter?: EventFilter): Promise<JournalEvent[]>;
  /** The batch that was running when the process ended, if one was. */
  openBatch(): BatchRecord | undefined;
  /** The batches that ended last, oldest first. */
  endedBatches(): BatchEnding[];
  /** What the service remembers besides; nobody can change what is handed out. */
  memory(): Memory;
}
