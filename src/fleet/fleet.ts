/** The metrics that a rule can watch. `cpu.usage_active` is in %, `mem.available` in bytes. */
export const METRIC_NAMES = ['cpu.usage_active', 'mem.available'] as const;
export type MetricName = (typeof METRIC_NAMES)[number];

/** Readings by metric name: % for `cpu.usage_active`, bytes for `mem.available`. A missing reading is an absent key. */
export type MetricReadings = Partial<Record<MetricName, number>>;

/** By metric name, the means of the last slots of {@link HISTORY_SLOT_MS} each, oldest first, the last one ending now. */
export type MetricHistory = Partial<Record<MetricName, readonly number[]>>;

/** Length of a slot of a history, ms. */
export const HISTORY_SLOT_MS = 300_000;

/** A host as the cloud lists it. */
export interface HostRecord {
  id: string;
  name: string;
  /** Addresses under which an alert may name the host, besides id and name. */
  addresses?: string[];
  /** Only `online` hosts are targets. */
  status: string;
  enabled: boolean;
  /** The hypervisor's kind: a guest only moves between hosts of one kind. */
  host_type: string;
  cpu_architecture: string;
  /** Logical CPUs. */
  cpu_count: number;
  /** MiB. */
  mem_size: number;
  /** Under maintenance: never a target. */
  maintenance?: boolean;
  /** Free-form labels of the cloud (availability zone, aggregate, tags). */
  tags?: Record<string, string>;
}

/** A guest as the cloud lists it. */
export interface GuestRecord {
  id: string;
  name: string;
  /** The host it is on. */
  host_id: string;
  /** Only `running` guests may move. */
  status: string;
  vcpu_count: number;
  /** MiB. */
  vmem_size: number;
  /** What it holds of its host's memory now, MiB; absent where the cloud does not tell. Less than its size where a guest is ballooned or has touched little. */
  mem_held?: number;
  /** Why the cloud itself would refuse to move it live (a passed-through device, a local disk); absent if it may move. */
  immovable?: string;
  tags?: Record<string, string>;
}

/** A host with its readings: `cpu.usage_active` in % of the host's CPUs, `mem.available` in bytes. */
export interface Host extends HostRecord {
  metrics: MetricReadings;
  history?: MetricHistory;
}

/** A guest with its reading: `cpu.usage_active` in % of its own vCPUs. */
export interface Guest extends GuestRecord {
  metrics: MetricReadings;
  history?: MetricHistory;
}

/** The whole fleet at one moment: what the balancer works on, and the file that `automigrate plan` reads. */
export interface Snapshot {
  /** ISO 8601. */
  taken_at: string;
  hosts: Host[];
  guests: Guest[];
}

/** Hosts and guests without readings. */
export interface Inventory {
  hosts: HostRecord[];
  guests: GuestRecord[];
}

/** One value at one moment. */
export interface Sample {
  /** ms since the epoch. */
  at: number;
  /** % or bytes. */
  value: number;
}

/** What a metric store knows of one host's or guest's metric. */
export interface Reading {
  /** Mean over the period that was asked for: % or bytes. */
  value: number;
  /** When the newest sample behind it was taken, ms since the epoch. */
  at: number;
  /** The samples over the history that was asked for, oldest first; absent where only the present is known. */
  samples?: Sample[];
  /** What the value is the mean of, ms, where that is not the period that was asked for; 0 for the present moment. */
  coversMs?: number;
  /** What one of the samples covers, ms, where that is more than a scrape: a mean over a step of a query. */
  sampleSpanMs?: number;
}

/** What the balancer asks a metric store for. */
export interface MetricsQuery {
  hosts: readonly HostRecord[];
  guests: readonly GuestRecord[];
  /** The window to average over, ms. */
  periodMs: number;
  /** How far back samples are wanted besides the mean, ms; none by default. Only for stores without {@link Metrics.history}. */
  historyMs?: number;
  /** The same for guests, where they are looked at further back than hosts, ms. */
  guestHistoryMs?: number;
}

/** The hosts and guests whose course is wanted, and how far back, ms; guests as far as hosts where nothing is said. */
export type HistoryQuery = Pick<MetricsQuery, 'hosts' | 'guests' | 'guestHistoryMs'> & { historyMs: number };

/** Readings by host id and by guest id, then by metric name. Ids without a reading are absent. */
export interface FleetReadings {
  hosts: Map<string, Partial<Record<MetricName, Reading>>>;
  guests: Map<string, Partial<Record<MetricName, Reading>>>;
}

/**
 * Samples by host id and by guest id, then by metric name: oldest first, each dated at the end of what it is the mean of. Those of
 * guests may be as coarse as {@link HISTORY_SLOT_MS}.
 */
export interface FleetHistory {
  /** What one sample of a host is the mean of, ms. */
  hostSpanMs: number;
  hosts: Map<string, Partial<Record<MetricName, Sample[]>>>;
  guests: Map<string, Partial<Record<MetricName, Sample[]>>>;
}

/** What a system has answered when it was only asked whether it is there. */
export interface Pong {
  /** Its own clock then, ms since the epoch, to the second; absent where it does not tell. */
  clockAt?: number;
}

/** An alert as a store that raises alerts itself has it. */
export interface AlertingRule {
  name: string;
  /** PromQL. */
  query: string;
  /** How long the query must hold before the alert is sent, ms. */
  forMs: number;
  labels: Readonly<Record<string, string>>;
}

/** A metric store. Implementations throw {@link FleetError} when the store does not answer or answers nonsense. */
export interface Metrics {
  readonly name: string;
  /** A sample older than this beyond the period is stale, ms (the usual distance of two samples). */
  readonly scrapeIntervalMs: number;
  /** By what it names hosts and guests, for messages: `the label host_id`. Absent where it knows them by id. */
  readonly namedBy?: Readonly<Record<'host' | 'guest', string>>;
  readings(query: MetricsQuery, signal?: AbortSignal): Promise<FleetReadings>;
  /** The course of the readings, asked apart from them where it is a question of its own: it can be slow, or fail, by itself. */
  history?(query: HistoryQuery, signal?: AbortSignal): Promise<FleetHistory>;
  /** Asks for as little as shows that it can be asked; absent where its readings come from the cloud or from this process. */
  ping?(signal?: AbortSignal): Promise<Pong>;
  /** By which names the store knows machines at present, whether the cloud knows them or not; absent where it cannot be asked. */
  names?(signal?: AbortSignal): Promise<Record<'hosts' | 'guests', string[]>>;
  /** The alerts that it raises itself; absent where it cannot be asked. Rejects where the store has no such list. */
  alertingRules?(signal?: AbortSignal): Promise<AlertingRule[]>;
  /** Ends what it does in the background; absent where it does nothing there. */
  close?(): void;
}

/** What a rule allows a migration that is refused by default. */
export interface MigrationOptions {
  /** Disks that only the source reaches are copied along. */
  withLocalDisks?: boolean;
}

/** One guest to one host. */
export interface MigrationRequest {
  guest: GuestRecord;
  source: { id: string; name: string };
  target: { id: string; name: string };
  options?: MigrationOptions;
}

/** What a refusal or failure is about. */
export interface Concern {
  /**
   * `pair`: this guest and this target do not go together, which says nothing against the guest elsewhere. `target`: the target
   * is at fault, whichever guest comes. Absent if nothing is known.
   */
  concerns?: 'pair' | 'target';
}

/** Where a migration stands, as the cloud tells it. */
export type MigrationState =
  /** On its way; `progress` in % where the cloud tells it, `status` in the cloud's own word. */
  | { phase: 'moving'; status: string; progress?: number }
  /** At rest on a host, whichever it is: the watcher judges whether that is the target. `status` is `running` if it runs. */
  | { phase: 'settled'; status: string; hostId: string }
  /** The cloud says it failed; `hostId` where the guest is now, if known. */
  | ({ phase: 'failed'; status: string; reason: string; hostId?: string } & Concern)
  /** The cloud no longer knows the guest. */
  | { phase: 'vanished' };

/** The answer to a request to move. */
export type MigrationStart =
  /** Taken; `handle` is what the cloud calls the job, kept in the journal and handed back when following. */
  | { accepted: true; handle?: string }
  /** Refused for a reason: nothing moves. */
  | ({ accepted: false; reason: string } & Concern);

/** What the cloud would say to a move; `hosts` are further targets that it would refuse for the same guest, where it knows. */
export type Forecast =
  | { allowed: true }
  | {
      allowed: false;
      reason: string;
      hosts?: readonly string[];
      /** Whether it holds for the one move (the default), for the guest wherever it goes, or for the host whoever comes. */
      holdsFor?: 'move' | 'guest' | 'host';
    };

/** A cloud: inventory and live migration. Implementations throw {@link FleetError} when the cloud cannot be asked. */
export interface Cloud {
  readonly name: string;
  /** The fleet begins anew with each process: where a former one saw the guests says nothing. */
  readonly ephemeral?: boolean;
  /** How long the whole inventory may take, ms, where it comes in many calls; each of them has the limit of every call. */
  readonly inventoryTimeoutMs?: number;
  inventory(signal?: AbortSignal): Promise<Inventory>;
  /** Signs in and asks for as little as shows that it can be asked, however large the fleet; absent where it is in this process. */
  ping?(signal?: AbortSignal): Promise<Pong>;
  /** What an operator should know of how the cloud is set up, a sentence each, asked at the start; absent where nothing is checked. */
  warnings?(signal?: AbortSignal): Promise<string[]>;
  /** Whether the cloud itself would let the guest go there; absent where a cloud cannot be asked. */
  forecast?(request: MigrationRequest, signal?: AbortSignal): Promise<Forecast>;
  /** Asks for the move, once: it is never repeated. A thrown error means that the outcome is unknown. */
  startMigration(request: MigrationRequest, signal?: AbortSignal): Promise<MigrationStart>;
  migrationState(request: MigrationRequest, handle: string | undefined, signal?: AbortSignal): Promise<MigrationState>;
  /**
   * Gives up a migration under way; absent where a cloud cannot. A cloud that can tell whether that has taken throws if not:
   * the migration may go on.
   */
  cancelMigration?(request: MigrationRequest, handle: string | undefined, signal?: AbortSignal): Promise<void>;
  /** Whatever the cloud wants done after a failed migration (for instance a status synchronisation). */
  afterFailure?(request: MigrationRequest, signal?: AbortSignal): Promise<void>;
}

/** A cloud or metric store that cannot be asked. The message names system, call and the answer's own words. */
export class FleetError extends Error {
  /** The system that failed, as operators call it ("simulated", "victoriametrics"). */
  readonly system: string;

  constructor(system: string, message: string, options?: ErrorOptions) {
    super(`${system}: ${message}`, options);
    this.name = 'FleetError';
    this.system = system;
  }
}
