/** What an event says has happened. The first six are the words of the documents that the project follows. */
export const EVENT_ACTIONS = [
  'create',
  'find_result_fail',
  'migrating',
  'migrate_success',
  'migrate_fail',
  'migrate_error',
  'partial',
  'not_needed',
  'metrics_fail',
  'decision_fail',
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

/** The notes of an event of one migration; undefined for all others. */
export function migrationOf({ notes }: Pick<JournalEvent, 'notes'>): MigrationNotes | undefined {
  return typeof notes === 'object' && 'guest' in notes && 'target_host' in notes
    ? (notes as MigrationNotes)
    : undefined;
}
