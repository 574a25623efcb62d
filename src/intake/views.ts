import type { Plan } from '../balancer/index.js';
import type { PlanState } from '../decide/recommended-plan.js';
import type { MetricName } from '../fleet/fleet.js';
import type { BatchStop, MigrationRecord } from '../journal/journal.js';
import type { WebhookAnswer } from './answer.js';
import type { EventAction } from '../journal/events.js';
import type { ProcessMode } from '../verification/rule-mode.js';
import type { OperatorPause, RecommendedPlan } from '../journal/memory.js';

/** The batch that runs now, with the progress of its moves. */
export interface BatchView {
  id: string;
  sender: string;
  accepted_at: string;
  /** What it is doing: asking the fleet, planning, or moving guests. */
  step: 'asking' | 'planning' | 'migrating';
  rules: string[];
  /** Each host that an alert came for, and whether that joined the batch when it was there already. */
  alerts: { rule: string; host: string; joined: boolean }[];
  /** Where people see its alerts, at the sender. */
  links?: string[];
  /** A person has stopped it. */
  stopped?: BatchStop;
  migrations: (MigrationRecord & {
    /** %, where the cloud tells it. */
    progress?: number;
    /** The cloud's own word for where the guest is. */
    status?: string;
  })[];
}

/** A host that a plan touches: % for CPU, bytes for memory. */
export interface PlannedLoad {
  id: string;
  name: string;
  role: 'source' | 'target';
  before: number;
  after: number;
  threshold: number;
}

/** A plan that waits for an approval, or did; one that is too old is `expired`. */
export interface PlanView extends Omit<RecommendedPlan, 'state' | 'loads' | 'threshold' | 'why'> {
  state: PlanState;
  /** Absent, and `loads` empty, for plans that an older version has left. */
  metric?: MetricName;
  /** Of the moves that were approved, if only some were. */
  loads: PlannedLoad[];
  /** How long its moves will take, s, as measured with this rule's moves; null before there were any. */
  expected_s: number | null;
  /** Why these moves and no others: one sentence. */
  why: string;
}

/** What a person approves of a plan. */
export interface Approval {
  /** The guests that alone are to move, by id; absent: all of the plan. */
  moves?: readonly string[];
  /** At once, or, where a batch runs, as soon as that has ended. */
  when: 'now' | 'free';
}

/** Why a plan is not carried out, or not dismissed. */
export type PlanRefusal =
  'busy' | 'paused' | 'stopped' | 'changed' | 'approved' | 'dismissed' | 'superseded' | 'expired';

/** 409: nothing is moved, and the plan stays what it was. */
export interface PlanRefused {
  outcome: 'refused';
  reason: PlanRefusal;
  reasons: string[];
}

/** What came of an approval. */
export type ApprovalAnswer =
  /** 202: the plan is carried out; guests whose move is no longer needed stay. `loads`: by what is carried out, on fresh readings. */
  | {
      outcome: 'accepted';
      plan: string;
      batch: string;
      rules: string[];
      loads: PlannedLoad[];
      /** MiB. */
      cost: number;
      no_longer_needed?: string[];
    }
  /** 202: it is carried out when the running batch has ended, if it still holds. */
  | { outcome: 'waiting'; plan: string; batch: string }
  | PlanRefused
  /** 400: guests that the plan does not move. */
  | { outcome: 'invalid'; problems: { field: string; message: string }[] }
  /** 404. */
  | { outcome: 'unknown' }
  | Unavailable;

/** What came of dismissing a plan: 200, 409, 404, 503. */
export type DismissalAnswer =
  { outcome: 'dismissed'; plan: string } | PlanRefused | { outcome: 'unknown' } | Unavailable;

/** 503: what a person asked for and cannot have now. */
export interface Unavailable {
  outcome: 'unavailable';
  reason: 'shutting_down' | 'journal';
  text: string;
}

/** How the service stands. */
export interface StatusView {
  mode: ProcessMode;
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
  | {
      outcome: 'stopping';
      batch: string;
      abort: boolean;
      left_out: string[];
      under_way: string[];
      /** Plans that waited for its end and do not any more: open again. */
      no_longer_waiting?: string[];
    }
  /** 409. */
  | { outcome: 'refused'; reason: 'no_batch'; reasons: string[] }
  | Unavailable;

/** How a rule stands. */
export interface RuleStatus {
  name: string;
  enabled: boolean;
  mode: 'auto' | 'recommend';
  /** Why it only recommends, where it is not the rule that says so. */
  why?: string;
  /** It does nothing until then, since somebody else has moved its guests. */
  paused?: { until: string; why: string };
  /** Whether it may act at this minute, and if not why. */
  window: { open: boolean; why?: string };
  /** Migrations that it has started within the last hour, and how many it may; null: any number. */
  budget: { hour: { used: number; limit: number | null } };
  /** What it has come to last; absent where nothing is known of that. */
  last?: { at: string; action: EventAction; text: string; batch?: string };
}

/** A plan as `automigrate plan --json` has it, and what an alert would lead to now. */
export interface TryView extends Plan {
  /** `reasons`: why not more, and what else is to be said. */
  would: {
    outcome: 'move' | 'recommend' | 'nothing';
    reasons: string[];
    /** What keeps an alert from being looked at at all. */
    held_by?: 'paused' | 'rule_disabled' | 'outside_window' | 'busy';
  };
  /** The batch that runs meanwhile. */
  batch?: string;
}

/** What came of trying a rule: 200, or 404 with the rule or host that is not known. */
export type TryAnswer = { outcome: 'tried'; plan: TryView } | { outcome: 'unknown'; text: string } | Unavailable;

/** What came of a test alert: 200, 404. */
export type TestAlertAnswer =
  | {
      /** `tried` without `go`: then nothing has been taken on. */
      outcome: 'tried' | WebhookAnswer['outcome'];
      /** The body of the webhook. */
      alert: Record<string, unknown>;
      /** What the door has answered, or, without `go`, would. */
      answer: WebhookAnswer | { outcome: 'accepted'; rules: string[]; hosts: string[] };
      plan?: TryView;
      batch?: string;
    }
  | { outcome: 'unknown'; text: string }
  | Unavailable;
