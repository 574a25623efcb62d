import type { MetricName } from '../fleet/fleet.js';

/** How a plan came out: see DESIGN of the plan contract in the README. */
export type PlanOutcome = 'migrate' | 'partial' | 'find_result_fail' | 'not_needed';

/** Why a guest, a host, or a guest on a host was refused. */
export type RejectionReason =
  | 'over_threshold'
  | 'memory_floor'
  | 'cpu_ceiling'
  | 'source'
  | 'alerting'
  | 'rule_source'
  | 'not_a_rule_target'
  | 'disabled'
  | 'not_online'
  | 'maintenance'
  | 'other_host_type'
  | 'other_architecture'
  | 'other_zone'
  | 'other_aggregate'
  | 'no_reading'
  | 'not_running'
  | 'not_a_rule_guest'
  | 'score_zero'
  | 'immovable'
  | 'cloud_refused';

/** One refusal: of a pair, or of a guest (`host` absent) or of a host (`guest` absent) altogether. Names, not ids. */
export interface Rejection {
  guest?: string;
  host?: string;
  reason: RejectionReason;
  /** The reason with its numbers. */
  text: string;
}

export interface PlannedSource {
  id: string;
  name: string;
  /** % or bytes; absent if the source has no reading. */
  current?: number;
  /** After the plan, %, or bytes. */
  predicted?: number;
}

export interface PlannedMigration {
  guest: {
    id: string;
    name: string;
    /** Name of the source. */
    host: string;
    host_id: string;
    vcpu_count: number;
    /** MiB. */
    vmem_size: number;
    /** On its source: % of the host's CPUs, or bytes. */
    score: number;
  };
  target_host: {
    id: string;
    name: string;
    /** Its reading before the plan: % or bytes. */
    score: number;
    /** Its reading after the whole plan: % or bytes. */
    predicted: number;
  };
}

/** The answer of the balancer; `automigrate plan --json` prints it as it is. */
export interface Plan {
  outcome: PlanOutcome;
  rule: string;
  metric: MetricName;
  /** % or bytes. */
  threshold: number;
  sources: PlannedSource[];
  migrations: PlannedMigration[];
  /** Sum over the moves of vmem_size in MiB + 1024. */
  cost: number;
  /** One sentence. */
  notes: string;
  rejected: Rejection[];
}
