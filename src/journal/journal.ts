import { errorMessage } from '../common/error-message.js';
import type { EventAction, EventWithText, MigrationNotes, NewEvent } from './events.js';
import type { LoadsBefore, Memory } from './memory.js';

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
  /** How long it had been followed when this was written, ms: by a clock that nobody sets, and only while it was followed. */
  followed_ms?: number;
  /** Ended without the cloud ever having answered the request: it may still act on it, so the guest is not asked for elsewhere. */
  unanswered?: true;
  /** Given up, and the cloud may still make it: see {@link Memory.underWay}. */
  still_under_way?: true;
}

/** Alerts of one part mostly lead to the same place. */
export const MOST_LINKS = 5;

/** What one rule has to do in a batch. */
export interface BatchPart {
  rule: string;
  /** For each alerting host the words under which the alert may name it, best first. */
  hosts: string[][];
  done: boolean;
  /** Where people see its alerts at the sender; at most {@link MOST_LINKS}. */
  links?: string[];
  /** Whether moves that failed have been planned anew; that is done once. */
  retried?: boolean;
  /** A look that was taken again: its alert came earlier. */
  again?: boolean;
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
  /** The plan that it carries out since a person, the sender, has approved it. */
  plan?: string;
  /** A person has stopped it: it begins nothing more. */
  stopped?: BatchStop;
}

/** Who has stopped a batch, and whether what was under way is to be cancelled. */
export interface BatchStop {
  by: string;
  /** ISO 8601. */
  at: string;
  abort: boolean;
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
  /** One, or any of several. */
  action?: EventAction | readonly EventAction[];
  batch?: string;
  /** ms since the epoch; events at or after it. */
  since?: number;
  /** ms since the epoch; events at or before it. */
  until?: number;
  /** Id or name of a host, or guest, that they are about. */
  host?: string;
  guest?: string;
  /** Those with a lower id. */
  before?: number;
  /** Those with a higher id. */
  after?: number;
  /** The newest so many; of those with a higher id than `after`, the oldest. */
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
    super(`journal: cannot write ${file}: ${errorMessage(cause)}`, { cause });
    this.name = 'JournalError';
  }
}

/** Thrown where a journal is to be read and none was ever kept. */
export class NoJournalError extends Error {
  constructor(directory: string) {
    super(`${directory}: holds no journal; DATA_DIR or --data-dir says where it is`);
    this.name = 'NoJournalError';
  }
}

/** The memory of the service: events for people, the running batch for restarts. */
export interface Journal {
  /**
   * Resolves with the events once all of the change would survive the end of the process.
   * @throws JournalError if it could not be kept.
   */
  commit(change: JournalChange): Promise<EventWithText[]>;
  /** Oldest first. */
  events(filter?: EventFilter): Promise<EventWithText[]>;
  /** The batch that was running when the process ended, if one was. */
  openBatch(): BatchRecord | undefined;
  /** The batches that ended last, oldest first. */
  endedBatches(): BatchEnding[];
  /** What the service remembers besides; nobody can change what is handed out. */
  memory(): Memory;
}
