import type { Clock } from '../common/clock.js';
import type { Guest, Host, HostRecord, MetricName, Metrics, Sample, Snapshot } from '../fleet/fleet.js';
import { FleetError, METRIC_NAMES } from '../fleet/fleet.js';
import { isReading } from '../fleet/snapshot-file.js';
import { withinTime } from '../fleet/within-time.js';

/** The course of a host's readings that is told, ms. */
export const COURSE_MS = 6 * 3_600_000;

/** One host, as the API tells it. */
export interface HostView {
  /** ISO 8601. */
  taken_at: string;
  host: Omit<Host, 'history'>;
  /** Those on it. */
  guests: Omit<Guest, 'history'>[];
  /** The last six hours: ms since the epoch and value, % or bytes, oldest first. */
  course: Partial<Record<MetricName, [at: number, value: number][]>>;
  /** Why there is no course, in the words of the store. */
  without_course?: string;
}

/** What {@link createHostViews} needs. */
export interface HostViewDeps {
  metrics: Metrics;
  clock: Pick<Clock, 'monotonic'>;
  /** The longest that the store may take, ms. */
  timeoutMs: number;
  /** The window that readings are averaged over, ms. */
  periodMs: number;
  /** Asks cloud and store for the whole fleet. */
  takeSnapshot: () => Promise<Snapshot>;
}

/** A snapshot this old, and a view, still stands for the present, ms. */
const FRESH_MS = 15_000;
const MOST_VIEWS = 100;
/** Points of a course; a line on a screen has no more. */
const MOST_POINTS = 720;

/** Makes views of single hosts, each shared by all who ask within some seconds. The course is asked of the store for that host alone. */
export function createHostViews({ metrics, clock, timeoutMs, periodMs, takeSnapshot }: HostViewDeps) {
  // Held weakly: a large fleet must not stay in memory for a page that may never be opened.
  let last: { at: number; snapshot: WeakRef<Snapshot> } | undefined;
  let taking: Promise<Snapshot> | undefined;
  const views = new Map<string, { at: number; view: Promise<HostView | undefined> }>();

  const remember = (snapshot: Snapshot) => {
    last = { at: clock.monotonic(), snapshot: new WeakRef(snapshot) };
  };
  const isFresh = ({ at }: { at: number }) => clock.monotonic() - at < FRESH_MS;

  const snapshotNow = async (): Promise<Snapshot> => {
    const known = last && isFresh(last) ? last.snapshot.deref() : undefined;
    if (known) return known;
    taking ??= takeSnapshot().finally(() => (taking = undefined));
    const snapshot = await taking;
    remember(snapshot);
    return snapshot;
  };

  const make = async (id: string): Promise<HostView | undefined> => {
    const { taken_at, hosts, guests } = await snapshotNow();
    const found = hosts.find((each) => each.id === id) ?? hosts.find((each) => each.name === id);
    if (!found) return undefined;
    const { history: _history, ...host } = found;
    const here = guests.filter(({ host_id }) => host_id === host.id).map(({ history: _course, ...guest }) => guest);
    return { taken_at, host, guests: here, ...(await courseOf(metrics, host, { timeoutMs, periodMs })) };
  };

  return {
    /** Lets a snapshot that was taken for something else serve here too. */
    remember,
    /** @param id - of the host, or its name. */
    of: (id: string): Promise<HostView | undefined> => {
      const known = views.get(id);
      if (known && isFresh(known)) return known.view;
      const next = { at: clock.monotonic(), view: make(id) };
      next.view.catch(() => views.delete(id));
      views.delete(id);
      views.set(id, next);
      const [oldest] = views.keys();
      if (views.size > MOST_VIEWS && oldest !== undefined) views.delete(oldest);
      return next.view;
    },
  };
}

/** The course of one host; a store that fails leaves the rest of the view as it is. */
async function courseOf(
  metrics: Metrics,
  host: HostRecord,
  { timeoutMs, periodMs }: { timeoutMs: number; periodMs: number },
): Promise<Pick<HostView, 'course' | 'without_course'>> {
  const query = { hosts: [host], guests: [], historyMs: COURSE_MS };
  try {
    const samples = await withinTime({ system: metrics.name, what: 'history', timeoutMs }, async (signal) => {
      if (metrics.history) return (await metrics.history(query, signal)).hosts.get(host.id) ?? {};
      const readings = (await metrics.readings({ ...query, periodMs }, signal)).hosts.get(host.id) ?? {};
      return {
        'cpu.usage_active': readings['cpu.usage_active']?.samples,
        'mem.available': readings['mem.available']?.samples,
      };
    });
    const course: HostView['course'] = {};
    for (const metric of METRIC_NAMES) {
      const points = thinned((samples[metric] ?? []).filter(({ value }) => isReading(metric, value)));
      if (points.length > 0) course[metric] = points.map(({ at, value }) => [at, value]);
    }
    return { course };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { course: {}, without_course: error.message };
  }
}

/** Means of neighbours, so that no peak is dropped for being between two points that are kept. */
function thinned(samples: readonly Sample[]): Sample[] {
  const step = Math.ceil(samples.length / MOST_POINTS);
  if (step <= 1) return [...samples];
  return Array.from({ length: Math.ceil(samples.length / step) }, (_, index) => {
    const group = samples.slice(index * step, (index + 1) * step);
    const value = group.reduce((sum, each) => sum + each.value, 0) / group.length;
    return { at: group.at(-1)?.at ?? 0, value };
  });
}
