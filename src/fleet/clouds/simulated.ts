import type { Clock } from '../../common/clock.js';
import type {
  Cloud,
  FleetReadings,
  Guest,
  Host,
  Inventory,
  MetricName,
  Metrics,
  MetricsQuery,
  MigrationRequest,
  MigrationStart,
  MigrationState,
  Reading,
} from '../fleet.js';
import { HISTORY_SLOT_MS, METRIC_NAMES } from '../fleet.js';
import type { Scenario } from './scenario.js';
import { StepSeries } from './step-series.js';

const MIB = 1024 ** 2;
/** The part of a migration's time that passes before memory is copied. */
const STARTING_SHARE = 0.1;
const SCRAPE_INTERVAL_MS = 60_000;
/** How far back it remembers its readings, ms. */
const MEMORY_MS = 8 * 3_600_000;

/** A migration under way in the simulated cloud. */
interface Move {
  guest: Guest;
  targetId: string;
  startedAt: number;
  /** Real ms, the time scale already applied. */
  durationMs: number;
  fails: boolean;
}

/** The embedded cloud and its metrics, and the handles by which a story or a test changes its loads. */
export interface SimulatedCloud extends Cloud, Metrics {
  /** Sets a guest's CPU usage, % of its vCPUs; its host's reading follows. */
  setGuestCpu(guest: string, usage: number): void;
  /** Sets a host's reading as if its base load had changed: % or bytes. */
  setHostReading(host: string, metric: MetricName, value: number): void;
  /** How many moves have been asked of it, by guest id. */
  readonly asked: ReadonlyMap<string, number>;
}

/**
 * A cloud in memory. A host's reading is the one in the scenario, changed by what its guests account for now against what
 * they accounted for in the file: for CPU usage × vCPUs / the host's CPUs, for memory the guests' memory. A migration takes
 * the guest's memory / bandwidth; the guest counts on its source until it has arrived.
 * @param scenario - the fleet to begin with; it is not changed.
 */
export function createSimulatedCloud(scenario: Scenario, clock: Clock): SimulatedCloud {
  const hosts = new Map<string, Host>(scenario.snapshot.hosts.map((host) => [host.id, structuredClone(host)]));
  const guests = new Map<string, Guest>(scenario.snapshot.guests.map((guest) => [guest.id, structuredClone(guest)]));
  const moves = new Map<string, Move>();
  const asked = new Map<string, number>();
  const { bandwidth, time_scale: timeScale, fail, averaged } = scenario.simulation;

  const byReference = <T extends { id: string; name: string }>(all: Map<string, T>, reference: string): T => {
    const found = all.get(reference) ?? [...all.values()].find(({ name }) => name === reference);
    if (!found) throw new Error(`simulated: "${reference}" is not in the scenario`);
    return found;
  };

  /** What the running guests of each host account for: % of its CPUs and bytes. */
  const accountedFor = () => {
    const sums = new Map<string, { cpu: number; memory: number }>();
    for (const guest of guests.values()) {
      const host = hosts.get(guest.host_id);
      if (!host || guest.status === 'ready') continue;
      const sum = sums.get(host.id) ?? { cpu: 0, memory: 0 };
      if (host.cpu_count > 0) {
        sum.cpu += ((guest.metrics['cpu.usage_active'] ?? 0) * guest.vcpu_count) / host.cpu_count;
      }
      sum.memory += guest.vmem_size * MIB;
      sums.set(host.id, sum);
    }
    return sums;
  };
  // Differences against this sum, rather than a base load, so that an untouched reading comes out to the last digit.
  let atStart = accountedFor();

  const readingOf = (host: Host, metric: MetricName, now: ReturnType<typeof accountedFor>): number | undefined => {
    const initial = host.metrics[metric];
    if (initial === undefined) return undefined;
    const before = atStart.get(host.id) ?? { cpu: 0, memory: 0 };
    const after = now.get(host.id) ?? { cpu: 0, memory: 0 };
    if (metric === 'cpu.usage_active') return Math.min(100, Math.max(0, initial + (after.cpu - before.cpu)));
    return Math.max(0, initial - (after.memory - before.memory));
  };

  const remembered = new Map<Host | Guest, Map<MetricName, StepSeries>>();
  /** When something last changed; what came of it is remembered before the next change. */
  let changedAt: number | undefined = clock.now();

  const remember = (entry: Host | Guest, metric: MetricName, value: number | undefined) => {
    if (value === undefined || changedAt === undefined) return;
    const byMetric = remembered.get(entry) ?? new Map<MetricName, StepSeries>();
    const series = byMetric.get(metric) ?? new StepSeries(MEMORY_MS);
    series.set(changedAt, value);
    remembered.set(entry, byMetric.set(metric, series));
  };

  const rememberAll = () => {
    if (changedAt === undefined) return;
    const sums = accountedFor();
    for (const host of hosts.values()) {
      for (const metric of METRIC_NAMES) remember(host, metric, readingOf(host, metric, sums));
    }
    for (const guest of guests.values()) remember(guest, 'cpu.usage_active', guest.metrics['cpu.usage_active']);
    changedAt = undefined;
  };

  /** To be called before anything changes. */
  const change = (at: number) => {
    if (changedAt !== at) rememberAll();
    changedAt = at;
  };

  /** Lets every migration come to where it has to be by now, in the order in which they arrive. */
  const advance = () => {
    const arriving = [...moves].sort(([, a], [, b]) => a.startedAt + a.durationMs - (b.startedAt + b.durationMs));
    for (const [id, move] of arriving) {
      const share = (clock.now() - move.startedAt) / move.durationMs;
      if (move.fails && share >= 0.5) {
        move.guest.status = 'migrate_failed';
        moves.delete(id);
      } else if (share >= 1) {
        change(Math.max(changedAt ?? 0, move.startedAt + move.durationMs));
        move.guest.host_id = move.targetId;
        move.guest.status = 'running';
        moves.delete(id);
      } else {
        move.guest.status = share < STARTING_SHARE ? 'start_migrate' : 'live_migrating';
      }
    }
  };

  const refusal = (request: MigrationRequest): string | undefined => {
    const guest = guests.get(request.guest.id);
    const target = hosts.get(request.target.id);
    if (!guest) return `guest ${request.guest.name} does not exist`;
    if (!target) return `host ${request.target.name} does not exist`;
    if (guest.status !== 'running') return `guest ${guest.name} is in status ${guest.status}, not running`;
    if (guest.host_id === target.id) return `guest ${guest.name} is on host ${target.name} already`;
    if (!target.enabled || target.status !== 'online') return `host ${target.name} is not enabled and online`;
    return undefined;
  };

  return {
    name: 'simulated',
    ephemeral: true,
    scrapeIntervalMs: SCRAPE_INTERVAL_MS,
    asked,

    inventory(): Promise<Inventory> {
      advance();
      return Promise.resolve({
        hosts: [...hosts.values()].map(({ metrics: _metrics, ...host }) => ({ ...host })),
        guests: [...guests.values()].map(({ metrics: _metrics, ...guest }) => ({ ...guest })),
      });
    },

    readings({ periodMs, historyMs = 0, guestHistoryMs }: MetricsQuery): Promise<FleetReadings> {
      advance();
      rememberAll();
      const at = clock.now();
      const sums = accountedFor();
      const reading = (
        entry: Host | Guest,
        metric: MetricName,
        now: number | undefined,
      ): Partial<Record<MetricName, Reading>> => {
        if (now === undefined) return {};
        const series = remembered.get(entry)?.get(metric);
        // As stores are asked: guests further back in slots, all else in scrapes.
        const isFarBack = 'host_id' in entry && guestHistoryMs !== undefined;
        const [backMs, stepMs] = isFarBack ? [guestHistoryMs, HISTORY_SLOT_MS] : [historyMs, SCRAPE_INTERVAL_MS];
        const value = averaged ? (series?.mean(at - periodMs, at) ?? now) : now;
        const samples = backMs > 0 ? series?.samples(at - backMs, at, stepMs) : undefined;
        return { [metric]: { value, at, ...(!averaged && { coversMs: 0 }), ...(samples && { samples }) } };
      };
      return Promise.resolve({
        hosts: new Map(
          [...hosts.values()].map((host) => [
            host.id,
            {
              ...reading(host, 'cpu.usage_active', readingOf(host, 'cpu.usage_active', sums)),
              ...reading(host, 'mem.available', readingOf(host, 'mem.available', sums)),
            },
          ]),
        ),
        guests: new Map(
          [...guests.values()].map((guest) => [
            guest.id,
            reading(guest, 'cpu.usage_active', guest.metrics['cpu.usage_active']),
          ]),
        ),
      });
    },

    startMigration(request: MigrationRequest): Promise<MigrationStart> {
      advance();
      const reason = refusal(request);
      if (reason) return Promise.resolve({ accepted: false, reason });
      const guest = byReference(guests, request.guest.id);
      asked.set(guest.id, (asked.get(guest.id) ?? 0) + 1);
      guest.status = 'start_migrate';
      moves.set(guest.id, {
        guest,
        targetId: request.target.id,
        startedAt: clock.now(),
        durationMs: Math.max(1, (guest.vmem_size / bandwidth) * (1000 / timeScale)),
        fails: fail.includes(guest.id) || fail.includes(guest.name),
      });
      return Promise.resolve({ accepted: true });
    },

    migrationState(request: MigrationRequest): Promise<MigrationState> {
      advance();
      const guest = guests.get(request.guest.id);
      if (!guest) return Promise.resolve({ phase: 'vanished' });
      const move = moves.get(guest.id);
      const { status, host_id: hostId } = guest;
      if (move) {
        const share = (clock.now() - move.startedAt) / move.durationMs;
        const progress = Math.max(0, Math.round(((share - STARTING_SHARE) / (1 - STARTING_SHARE)) * 100));
        return Promise.resolve({ phase: 'moving', status, progress });
      }
      if (status === 'migrate_failed') {
        return Promise.resolve({ phase: 'failed', status, reason: 'the scenario lets this migration fail', hostId });
      }
      return Promise.resolve({ phase: 'settled', status, hostId });
    },

    cancelMigration(request: MigrationRequest): Promise<void> {
      advance();
      const move = moves.get(request.guest.id);
      if (move) {
        move.guest.status = 'running';
        moves.delete(request.guest.id);
      }
      return Promise.resolve();
    },

    afterFailure(request: MigrationRequest): Promise<void> {
      const guest = guests.get(request.guest.id);
      // What a status synchronisation does: the guest still runs where it was.
      if (guest?.status === 'migrate_failed') guest.status = 'running';
      return Promise.resolve();
    },

    setGuestCpu(guest: string, usage: number): void {
      advance();
      change(clock.now());
      byReference(guests, guest).metrics['cpu.usage_active'] = usage;
    },

    setHostReading(host: string, metric: MetricName, value: number): void {
      advance();
      change(clock.now());
      const sums = accountedFor();
      // From here on the readings of today are the ones to differ from.
      for (const each of hosts.values()) {
        for (const name of ['cpu.usage_active', 'mem.available'] as const) {
          const current = readingOf(each, name, sums);
          if (current !== undefined) each.metrics[name] = current;
        }
      }
      byReference(hosts, host).metrics[metric] = value;
      atStart = sums;
    },
  };
}
