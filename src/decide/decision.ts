import type { Explanation, Plan } from '../balancer/index.js';
import type { MoveUnderWay, RecentMove } from '../constraints/index.js';
import type { EventContent, JournalEvent, MigrationNotes } from '../journal/events.js';
import type { MigrationRecord } from '../journal/journal.js';
import type { LoadsBefore, RuleState } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import type { ProcessMode } from '../verification/rule-mode.js';
import type { MigrationBudget } from './migration-budgets.js';

/** Something to be recorded, in the order in which it was found. */
export type Finding = EventContent;

/** What the journal knows that a decision goes by; read once, by action, before the first step. */
export interface Known {
  /** Guests that arrived lately, oldest first: within the cooldown and the time that readings need to show it. */
  moves: readonly RecentMove[];
  /** Rows of migrations (`migrating` and how they ended) of the last two days, oldest first. */
  attempts: readonly JournalEvent[];
  /** Guests that the cloud was asked to move and has not ended with, whatever became of the batch. */
  underWay: readonly MoveUnderWay[];
  /** What experience says of the rule. */
  ruleState: RuleState | undefined;
}

/** One rule's part of a batch, as plain data: it crosses to a thread of its own. */
export interface DecisionRequest {
  batch: string;
  sender: string;
  rule: Rule;
  /** All rules: what somebody else has moved makes each of them pause that covers it. */
  rules: readonly Rule[];
  /** For each alerting host the words under which the alert may name it, best first. */
  hosts: readonly string[][];
  known: Known;
  /** Moves of this batch so far, of all its rules. */
  migrations: readonly MigrationRecord[];
  /** The loads that an earlier decision of the same part was made on. */
  loads?: LoadsBefore;
  /** The moves that a person has approved: nothing else is planned, and no pause, window or budget holds them up. */
  approved?: { moves: readonly MigrationNotes[]; outcome: 'migrate' | 'partial' };
  /** Only tried: nothing is kept or remembered of it, and the plan comes back whole. */
  trial?: true;
  /** What all rules together may start. */
  budget: MigrationBudget;
  /** How far the whole process may go. */
  mode: ProcessMode;
}

/** A rule that pauses because somebody else moves its guests. */
export interface ForeignPause {
  rule: string;
  moves: { guest: string; from: string; to: string }[];
  /** ms since the epoch. */
  since: number;
  until: number;
}

/** What a plan came to, as far as it outlives the decision. */
export interface DecidedPlan {
  outcome: Plan['outcome'];
  /** % or bytes. */
  threshold: number;
  /** MiB. */
  cost: number;
  /** One sentence. */
  notes: string;
  /** With long lists cut, for the journal. */
  explanation: Explanation;
  loads: LoadsBefore;
  /** All of it; only of a trial. */
  whole?: Plan;
  /** How many guests the fleet has. */
  guests: number;
}

/** What becomes of a plan's moves. */
export type Steering =
  /** They are carried out; `limited` what the budgets left out. */
  | { kind: 'move' }
  /** They wait for an approval; `why` where it is not the rule that says so. */
  | { kind: 'recommend'; why?: string }
  /** An approved plan no longer holds. */
  | { kind: 'changed'; reasons: string[] }
  /** Nothing moves. */
  | { kind: 'nothing' };

/** The answer: plain data again. */
export interface Decision {
  findings: Finding[];
  /** What is to be moved, or to be recommended, in order. */
  migrations: MigrationRecord[];
  steering: Steering;
  /** Absent where it did not come to a plan. */
  plan?: DecidedPlan;
  /** Rules that pause from now on. */
  pauses: ForeignPause[];
  /** Hosts that alert, are not past their threshold by settled readings, and whose mean may only lag. */
  lagging: string[][];
  /** Of the oldest host's reading of the rule's metric that was used, ms; absent where there was none. */
  readingsAgeMs?: number;
}
