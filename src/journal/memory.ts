import type { MetricName } from '../fleet/fleet.js';
import type { MigrationNotes } from './events.js';

/** The loads that a plan was made on, so that what was predicted can be compared with what came. */
export interface LoadsBefore {
  metric: MetricName;
  /** The sources and targets of the plan. */
  hosts: {
    id: string;
    name: string;
    role: 'source' | 'target';
    /** Reading: % or bytes. */
    before: number;
    /** Bytes, where the rule's threshold is a share of the host's memory. */
    threshold?: number;
    /** What its guests accounted for: % of its CPUs; absent for memory. */
    guests?: number;
    cpu_count: number;
    /** MiB. */
    mem_size: number;
  }[];
}

/** One host of a verification. */
export interface PredictedLoad {
  id: string;
  name: string;
  role: 'source' | 'target';
  /** % or bytes. */
  before: number;
  predicted: number;
  /** What its guests should account for then: % of its CPUs; absent for memory. */
  guests?: number;
  /** MiB. */
  mem_size: number;
}

/** A look at what a batch has brought, still to be taken. */
export interface PendingVerification {
  batch: string;
  rule: string;
  metric: MetricName;
  /** The window to average over, ms. */
  period_ms: number;
  /** ms since the epoch: when the last move ended. */
  moved_at: number;
  /** ms since the epoch: when the metrics have settled. */
  due_at: number;
  /** Looks that came to nothing. */
  attempts: number;
  hosts: PredictedLoad[];
}

/** What experience says about a rule. */
export interface RuleState {
  /** Predictions in a row that were off. */
  misses: number;
  /** The rule only recommends, as long as it stands as it stood then. */
  recommend?: { since: string; fingerprint: string; why: string };
  /** ms since the epoch: the rule does nothing between the two. The first is absent in journals of old. */
  paused_at?: number;
  paused_until?: number;
}

/** A plan that waits for an approval, or did. */
export interface RecommendedPlan {
  id: string;
  rule: string;
  sender: string;
  /** The batch in which it was made. */
  batch: string;
  /** For each alerting host the words that name it. */
  hosts: string[][];
  /** ISO 8601. */
  created_at: string;
  expires_at: string;
  state: 'open' | 'waiting' | 'approved' | 'dismissed' | 'superseded';
  /** The batch that carried it out, or the plan that took its place. */
  by?: string;
  /** Who has approved it, when (ISO 8601), and the ids of the guests that alone are to move; also while it is waiting. */
  approved?: { by: string; at: string; moves?: string[] };
  dismissed?: { by: string; at: string; reason: string };
  outcome: 'migrate' | 'partial';
  /** MiB. */
  cost: number;
  notes: string;
  migrations: MigrationNotes[];
  /** Why these moves and no others: one sentence. Absent, as what follows, in plans of old. */
  why?: string;
  /** Why it waits for an approval, where it is not the rule that says so. */
  recommended_because?: string;
  /** % or bytes. */
  threshold?: number;
  loads?: LoadsBefore;
}

/** A person's word that nothing is to begin. */
export interface OperatorPause {
  /** Who. */
  by: string;
  reason: string;
  /** ISO 8601. */
  since: string;
  /** ISO 8601; absent: until somebody resumes. */
  until?: string;
}

/** A move that was given up although the cloud may still make it; followed until the cloud says that it is over. */
export interface GivenUpMove {
  batch: string;
  rule: string;
  notes: MigrationNotes;
  /** What the rule allows the cloud to do for it. */
  options?: { withLocalDisks?: boolean };
  /** What the cloud calls the job. */
  handle?: string;
  /** It is to be cancelled if it still moves; otherwise it may still arrive. */
  cancel: boolean;
  /** ISO 8601: when it was given up. */
  since: string;
}

/** An alert that is to be looked at again: when its time has come, or when the batch has ended that it was dropped for. */
export interface KeptLook {
  rule: string;
  sender: string;
  /** The words that name its host, best first. */
  host: string[];
  because: 'lagging' | 'dropped';
  /** ms since the epoch: when it was put off, and until when; the second is absent where it waits for the end of a batch. */
  since: number;
  due_at?: number;
}

/** What the service has to remember beside events and the running batch. Small: every write of the journal holds it. */
export interface Memory {
  verifications: PendingVerification[];
  /** By rule. */
  standings: Record<string, RuleState>;
  /** Oldest first. */
  plans: RecommendedPlan[];
  /** Absent while nobody has paused the service. */
  paused?: OperatorPause;
  /** Moves that may still come about; no other move of the same guest is asked for. */
  underWay: GivenUpMove[];
  /** How many guests the fleet had when a plan was last made; absent before. */
  guests?: number;
  /** Oldest first. */
  laterLooks: KeptLook[];
}

/** Plans that are kept; the oldest go first, those that are no longer open before the others. */
export const MOST_PLANS = 50;
const MOST_VERIFICATIONS = 100;

export const emptyMemory = (): Memory => ({
  verifications: [],
  standings: {},
  plans: [],
  underWay: [],
  laterLooks: [],
});

/** The memory cut to what a journal may hold. */
export function bounded(memory: Memory): Memory {
  const plans = [...memory.plans];
  while (plans.length > MOST_PLANS) {
    const ended = plans.findIndex(({ state }) => state !== 'open');
    plans.splice(Math.max(0, ended), 1);
  }
  const standings = Object.fromEntries(
    Object.entries(memory.standings).filter(
      ([, { misses, recommend, paused_until }]) => misses > 0 || recommend !== undefined || paused_until !== undefined,
    ),
  );
  return { ...memory, verifications: memory.verifications.slice(-MOST_VERIFICATIONS), standings, plans };
}

/** The same memory, which nobody can change any more. */
export function frozen(memory: Memory): Memory {
  freeze(memory);
  return memory;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) freeze(inner);
}
