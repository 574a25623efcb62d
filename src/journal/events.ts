import type { MigrationNotes, NotesOf } from './notes.js';

export type { MigrationNotes } from './notes.js';

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
  'dismissed',
  'limited',
  'stopped',
  'foreign_move',
  'paused',
  'resumed',
  'verified',
  'recommend_mode',
  'changed',
  'deleted',
] as const;
export type EventAction = (typeof EVENT_ACTIONS)[number];

/** What has happened, with the notes that go with it. */
export type EventContent = { [Action in EventAction]: { action: Action; notes: NotesOf[Action] } }[EventAction];

interface Columns {
  /** Rises by one with every event. */
  id: number;
  /** ISO 8601. */
  ops_time: string;
  /** The rule's name, or the alert's where no rule took it. */
  obj_id: string;
  obj_type: 'migrationalert';
  obj_name: string;
  /** The sender, who did it, or `system` for what automigrate did by itself. */
  user: string;
  tenant: 'system';
  /** The batch it belongs to. */
  batch?: string;
  /** Where people see the alerts that led to it, at the sender. */
  links?: string[];
  /** Why a plan is as it is, as `automigrate plan --json` has it: on the first event that follows from the plan. */
  explanation?: Record<string, unknown>;
}

/** One row of the journal: the columns of the documents, and the batch that ties rows together. */
export type JournalEvent = Columns & EventContent;

/** A row with one sentence for people: the same on the page, in the terminal and in logs. */
export type EventWithText = JournalEvent & { text: string };

/** An event before the journal gives it id and columns that are always alike. */
export type NewEvent = Pick<Columns, 'obj_name' | 'user' | 'batch' | 'links' | 'explanation'> & EventContent;

/** The notes of an event of one migration; undefined for all others. */
export function migrationOf({ notes }: { notes: unknown }): MigrationNotes | undefined {
  return typeof notes === 'object' && notes !== null && 'guest' in notes && 'target_host' in notes
    ? (notes as MigrationNotes)
    : undefined;
}
