import type { MetricName } from '../../fleet/fleet.js';
import type { ExclusionReason, RoomReason } from './constraints.js';

/** How a plan came out: see src/manual/en/design.md, "Plan". */
export type PlanOutcome = 'migrate' | 'partial' | 'find_result_fail' | 'not_needed';

/** Why a guest, a host, or a guest on a host was refused. */
export type RejectionReason = ExclusionReason | RoomReason;

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
  /** Bytes; where the rule's threshold is a share of the host's memory. */
  threshold?: number;
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
  /** The source does not alert: it is relieved before it would. */
  preventive?: true;
}

/** The answer of the balancer; `automigrate plan --json` prints it as it is. */
export interface Plan {
  outcome: PlanOutcome;
  rule: string;
  metric: MetricName;
  /** % or bytes. */
  threshold: number;
  sources: PlannedSource[];
  /** Hosts that do not alert and are relieved before they would; absent where there are none. */
  prevented?: PlannedSource[];
  migrations: PlannedMigration[];
  /** Sum over the moves of vmem_size in MiB + 1024. */
  cost: number;
  /** Whether it is proven that nothing clears more, or as much for less. */
  optimal: boolean;
  /** At most this share of the price could be saved (where not all is cleared: of the excess be cleared besides). */
  gap: number;
  /** One sentence. */
  notes: string;
  readonly rejected: Rejection[];
  readonly explanation: Explanation;
}

/** A plan before it is put into words. */
export type PlanCore = Omit<Plan, 'notes' | 'rejected' | 'explanation'>;

/** How many were refused for one reason. */
export interface RefusedGroup {
  reason: RejectionReason;
  count: number;
  /** As in `14 hosts over threshold after the move`. */
  text: string;
  /** Up to three names, the nearest misses first. */
  examples: string[];
}

/** A host of the plan, before and after it: % or bytes. */
export interface LoadChange {
  id: string;
  name: string;
  role: 'source' | 'target';
  before: number;
  after: number;
  /** What a full bar stands for: 100 %, or the host's memory in bytes. */
  full: number;
  /** Absent where nothing is known of the past. */
  risk?: HostRisk;
}

/** How likely a host is to be past its threshold again, 0 to 1. */
export interface HostRisk {
  before: number;
  after: number;
  /** As in `a 1 in 3 chance to be past 80 % again, before: 9 in 10`. */
  text: string;
}

/** A guest and a host that miss each other by the least. */
export interface NearestMiss {
  guest: string;
  host: string;
  /** What room is wanting: % for CPU, bytes for memory. */
  missing: { reason: RejectionReason; amount: number }[];
  text: string;
}

/** What the cheapest other set of guests would be. */
export interface NextBest {
  /** Names of the guests that would move and do not, and the other way round. */
  instead: string[];
  without: string[];
  cost: number;
  moves: number;
  text: string;
}

/** Why the plan is as it is: the answer of an engineer, in parts. All texts are plain sentences. */
export interface Explanation {
  /** What has to go from each source that is past the threshold. */
  sources: {
    id: string;
    name: string;
    current: number;
    excess: number;
    removed: number;
    cleared: boolean;
    text: string;
  }[];
  /** What was chosen, and how sure it is that nothing beats it. */
  chosen: string;
  /** Absent where nothing moves, where nothing else would do, or where not everything is cleared. */
  nextBest?: NextBest;
  /** Hosts that took nothing from anyone, by reason, the largest group first. */
  refusedHosts: RefusedGroup[];
  /** Guests of the sources that may not move, by reason. */
  refusedGuests: RefusedGroup[];
  loads: LoadChange[];
  /** For what is not cleared: what would have to change. */
  missing?: { text: string; nearest?: NearestMiss };
}
