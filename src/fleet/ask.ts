import type { Clock } from '../common/clock.js';
import type {
  Cloud,
  FleetHistory,
  FleetReadings,
  HistoryQuery,
  HostRecord,
  Inventory,
  Metrics,
  Snapshot,
} from './fleet.js';
import { FleetError, HISTORY_SLOT_MS } from './fleet.js';
import type { DiscardedReading } from './snapshot.js';
import { assembleSnapshot, withHistory } from './snapshot.js';
import { withinTime } from './within-time.js';

/** What {@link askFleet} needs. */
export interface AskOptions {
  cloud: Cloud;
  metrics: Metrics;
  clock: Clock;
  /** The window that readings are averaged over, ms. */
  periodMs: number;
  /** Whose course is wanted, and how far back; none by default. */
  history?: CourseWanted | undefined;
  /** The longest that each system may take to answer, ms; a cloud may have a limit of its own for its inventory. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/** Whose course a plan goes by. */
export interface CourseWanted {
  /** How far back, ms. */
  hostsMs: number;
  guestsMs: number;
  /** The hosts that matter, with the guests on them; all by default. */
  concerns?: (host: HostRecord) => boolean;
}

/**
 * Slots of guests that are asked for at most: 6 h of 8,000 guests. Of more guests the course is asked for less far back, or the
 * answer would take longer than an alert can wait.
 */
const MOST_GUEST_SLOTS = 600_000;

/** The fleet at one moment. */
export interface FleetAnswer {
  snapshot: Snapshot;
  /** Readings that were there and were not used. */
  discarded: DiscardedReading[];
  /** What the store answered, samples and all. */
  readings: FleetReadings;
  /** Why the course of the readings is not there though it was asked for, in the words of the store. */
  withoutHistory?: string;
}

/**
 * Asks the cloud for its inventory and the metric store for readings, now. The course of the readings is a question of its own
 * where the store has it: if it fails or takes too long, the readings stand without.
 * @returns the fleet at this moment, and the readings that were not used.
 * @throws FleetError that names the system that did not answer, or answered nonsense.
 */
export async function askFleet(options: AskOptions): Promise<FleetAnswer> {
  const { cloud, metrics, clock, periodMs, history: wanted, timeoutMs } = options;
  const over = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, over.signal]) : over.signal;
  const bounded: Bounded = (what, call) => withinTime({ system: metrics.name, what, timeoutMs, signal }, call);
  try {
    const inventoryMs = cloud.inventoryTimeoutMs ?? timeoutMs;
    const inventoryLimit = { system: cloud.name, what: 'inventory', timeoutMs: inventoryMs, signal };
    const inventory = await withinTime(inventoryLimit, (within) => cloud.inventory(within));
    const { hosts, guests } = inventory;
    const query = wanted && historyQuery(inventory, wanted);
    const asked: Course | Promise<Course> = query ? courseOf(metrics, query, bounded) : {};
    const windows = query && { historyMs: query.historyMs, guestHistoryMs: query.guestHistoryMs };
    const [present, course] = await Promise.all([
      bounded('readings', (within) => metrics.readings({ hosts, guests, periodMs, ...windows }, within)),
      asked,
    ]);
    const readings = course.history ? withHistory(present, course.history) : present;
    const { scrapeIntervalMs } = metrics;
    const limits = { now: clock.now(), maxAgeMs: periodMs + scrapeIntervalMs, maxAheadMs: scrapeIntervalMs };
    const { withoutHistory } = course;
    return {
      ...assembleSnapshot(inventory, readings, limits),
      readings,
      ...(withoutHistory !== undefined && { withoutHistory }),
    };
  } finally {
    // What is still being asked is of no use once the readings have failed.
    over.abort();
  }
}

/** What is asked of a store for the course that is wanted. */
function historyQuery({ hosts, guests }: Inventory, { hostsMs, guestsMs, concerns = () => true }: CourseWanted) {
  const concerned = hosts.filter(concerns);
  const ids = new Set(concerned.map(({ id }) => id));
  const its = concerned.length === hosts.length ? guests : guests.filter(({ host_id }) => ids.has(host_id));
  const slots = Math.max(1, Math.floor(MOST_GUEST_SLOTS / Math.max(1, its.length)));
  const guestHistoryMs = Math.min(guestsMs, slots * HISTORY_SLOT_MS);
  return { hosts: concerned, guests: its, historyMs: hostsMs, guestHistoryMs };
}

/** The history that came, or why none did; neither where it was not asked for apart. */
interface Course {
  history?: FleetHistory;
  withoutHistory?: string;
}

type Bounded = <T>(what: string, call: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** The history where the store is asked for it apart, or why it is not there. */
async function courseOf(metrics: Metrics, query: HistoryQuery, bounded: Bounded): Promise<Course> {
  const ask = metrics.history?.bind(metrics);
  if (!ask) return {};
  try {
    return { history: await bounded('history', (within) => ask(query, within)) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { withoutHistory: `${error.message}: decided without a history` };
  }
}
