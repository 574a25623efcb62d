import type { MetricName } from '../fleet/fleet.js';

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
  /** Its source did not alert: it was relieved before it would. */
  preventive?: true;
  /** Why it failed, or that it came late; only on how a move has ended. */
  reason?: string;
  /** Whether the failure says something against this guest on this host alone, or against the host whoever comes. */
  concerns?: 'pair' | 'target';
  /** A person had it cancelled: says nothing against guest or host. */
  cancelled?: true;
}

/** Notes that say it in one sentence, beside what else they hold. */
export interface TextNotes {
  text: string;
}

/** The notes of what was counted in a storm. */
export interface CountedNotes extends TextNotes {
  /** How many more events of this kind there were. */
  count: number;
}

/** The notes of moves that are left out: a budget is spent, or the rule no longer allows them. */
export interface LimitedNotes extends TextNotes {
  left_out: MigrationNotes[];
}

/** The notes of moves that somebody else has made, for which a rule pauses. */
export interface ForeignMoveNotes extends TextNotes {
  moves: { guest: string; from: string; to: string }[];
  /** ISO 8601. */
  paused_until: string;
}

/** The notes of a plan that waits for an approval. */
export interface RecommendedNotes {
  plan: string;
  outcome: 'migrate' | 'partial';
  /** MiB. */
  cost: number;
  /** ISO 8601. */
  expires_at: string;
  migrations: MigrationNotes[];
  /** Why the rule only recommends, where it is not the rule that says so. */
  why?: string;
}

/** The notes of a plan that was approved. */
export interface ApprovedNotes {
  plan: string;
  /** The running batch, where the plan is to be carried out when that has ended. */
  waits_for?: string;
  /** It has waited for that, and is carried out now. */
  waited?: true;
  /** Names of the guests whose moves alone were approved; absent: all. */
  moves?: string[];
  /** Names of guests that stay. */
  no_longer_needed?: string[];
}

/** How a prediction came out on one host. */
export interface VerifiedLoad {
  id: string;
  name: string;
  role: 'source' | 'target';
  /** % or bytes. */
  before: number;
  predicted: number;
  /** Absent without a reading. */
  actual?: number;
  /** Actual - predicted: % points of CPU, or bytes. */
  error?: number;
  /** What of the error is no mistake: the guests there use that much more or less than they did, % points of CPU. */
  changed_use?: number;
  /** By how much the prediction counts as off: points of CPU %, or % of the host's memory. */
  off_by?: number;
  /** Another move has touched the host meanwhile: it says nothing about this prediction. */
  superseded?: true;
}

/** The notes of `verified`. */
export interface Verified {
  batch: string;
  metric: MetricName;
  hosts: VerifiedLoad[];
  /** The largest error of a host that counts; absent if none does. */
  off_by?: number;
  outcome: 'as_predicted' | 'off' | 'superseded' | 'no_reading';
}

/** Which notes an event has, by its action. A string is a sentence for people. */
export interface NotesOf {
  /** The rule as its file has it. */
  create: Record<string, unknown>;
  /** The rule as its file has it now. */
  changed: Record<string, unknown>;
  deleted: string;
  find_result_fail: string;
  partial: string;
  not_needed: string;
  metrics_fail: string;
  decision_fail: string;
  migrating: MigrationNotes;
  migrate_success: MigrationNotes;
  migrate_fail: MigrationNotes;
  /** A sentence where a whole batch broke off. */
  migrate_error: MigrationNotes | string;
  dropped: string | CountedNotes;
  ignored: string | CountedNotes;
  flapping: string | CountedNotes;
  /** More than the sentence where a person has paused the service. */
  paused: string | CountedNotes | (TextNotes & Record<string, unknown>);
  resumed: string | TextNotes;
  stopped: string | (TextNotes & Record<string, unknown>);
  recommended: RecommendedNotes;
  approved: ApprovedNotes;
  dismissed: string | { plan: string; reason: string };
  limited: LimitedNotes;
  foreign_move: ForeignMoveNotes;
  verified: Verified;
  recommend_mode: string;
}
