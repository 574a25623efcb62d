import type { BatchPart, MigrationRecord } from '../journal/journal.js';
import type { JournalEvent, MigrationNotes } from '../journal/events.js';
import type { LoadsBefore, PendingVerification, PredictedLoad } from '../journal/memory.js';
import { migrationOf } from '../journal/events.js';
import type { Verified, VerifiedLoad } from '../journal/notes.js';
import type { HostLoad } from './host-loads.js';

const MIB = 1024 ** 2;

/**
 * What the hosts of a plan should read after moves: CPU usage × vCPUs / the host's CPUs leaves the source and comes to the
 * target, memory byte for byte.
 * @returns the hosts that a move touches.
 */
export function predictLoads({ metric, hosts }: LoadsBefore, moves: readonly MigrationNotes[]): PredictedLoad[] {
  const byId = new Map(hosts.map((host) => [host.id, host]));
  const change = new Map<string, number>();
  const add = (id: string, by: number) => change.set(id, (change.get(id) ?? 0) + by);
  for (const { guest, target_host } of moves) {
    const source = byId.get(guest.host_id);
    const target = byId.get(target_host.id);
    if (!source || !target) continue;
    const { score } = guest;
    const isCpu = metric === 'cpu.usage_active';
    add(source.id, isCpu ? -score : score);
    add(target.id, isCpu ? (score * source.cpu_count) / target.cpu_count : -score);
  }
  return hosts.flatMap(({ id, name, role, before, guests, mem_size }): PredictedLoad[] => {
    const by = change.get(id);
    if (by === undefined) return [];
    const use = guests !== undefined && { guests: guests + by };
    return [{ id, name, role, before, predicted: before + by, ...use, mem_size }];
  });
}

/** A verification of a part whose moves have all ended; undefined if none of them came about. */
export function verificationOf(
  part: BatchPart,
  batch: string,
  migrations: readonly MigrationRecord[],
  time: { now: number; periodMs: number; scrapeIntervalMs: number },
): PendingVerification | undefined {
  if (!part.loads) return undefined;
  const arrived = migrations.filter(({ rule, phase }) => rule === part.rule && phase === 'succeeded');
  const hosts = predictLoads(
    part.loads,
    arrived.map(({ notes }) => notes),
  );
  if (hosts.length === 0) return undefined;
  return {
    batch,
    rule: part.rule,
    metric: part.loads.metric,
    period_ms: time.periodMs,
    // Events tell whole milliseconds.
    moved_at: Math.floor(time.now),
    // By then every sample of the window was taken after the last move.
    due_at: time.now + time.periodMs + time.scrapeIntervalMs,
    attempts: 0,
    hosts,
  };
}

/**
 * Compares a prediction with what has come.
 * @param loads - how the hosts are doing now.
 * @param events - of migrations since the last move of the batch.
 * @param tolerance - what a prediction may be off by: points of CPU %, or % of the host's memory.
 */
export function verify(
  pending: PendingVerification,
  loads: readonly HostLoad[],
  events: readonly JournalEvent[],
  tolerance: number,
): Verified {
  const touched = touchedByOthers(pending, events);
  const loadOf = new Map(loads.map((load) => [load.id, load]));
  const hosts = pending.hosts.map(({ mem_size, guests, ...load }): VerifiedLoad => {
    const now = loadOf.get(load.id);
    const superseded = touched.has(load.id) && { superseded: true as const };
    if (now?.reading === undefined) return { ...load, ...superseded };
    const actual = now.reading;
    const error = actual - load.predicted;
    const changedUse = guests !== undefined ? now.guests - guests : 0;
    // A host that alerted was at its worst: that its guests calm down is no mistake. That they get busier counts.
    const calmed =
      pending.metric === 'cpu.usage_active'
        ? Math.max(Math.min(0, error), Math.min(0, changedUse))
        : unheld(load, actual);
    const scale = pending.metric === 'cpu.usage_active' ? 1 : 100 / (mem_size * MIB);
    return {
      ...load,
      actual,
      error,
      ...(guests !== undefined && { changed_use: changedUse }),
      off_by: Math.abs(error - calmed) * scale,
      ...superseded,
    };
  });
  const { batch, metric } = pending;
  const counting = hosts.filter(({ superseded }) => !superseded);
  const errors = counting.flatMap(({ off_by }) => off_by ?? []);
  if (counting.length === 0) return { batch, metric, hosts, outcome: 'superseded' };
  if (errors.length === 0) return { batch, metric, hosts, outcome: 'no_reading' };
  const offBy = Math.max(...errors);
  return { batch, metric, hosts, off_by: offBy, outcome: offBy > tolerance ? 'off' : 'as_predicted' };
}

/**
 * What of an error says only that the guests that moved did not hold all the memory that was counted for them: the source gets less
 * back, and the target gives less. Beyond the reading from before the moves an error counts.
 */
function unheld({ before, predicted }: Pick<PredictedLoad, 'before' | 'predicted'>, actual: number): number {
  const least = Math.min(before, predicted);
  const most = Math.max(before, predicted);
  return Math.min(most, Math.max(least, actual)) - predicted;
}

/** The hosts that other moves than the predicted ones have touched since: of other batches, and of other rules of the same. */
function touchedByOthers({ batch, rule }: PendingVerification, events: readonly JournalEvent[]) {
  return new Set(
    events.flatMap((event) => {
      const notes = migrationOf(event);
      const isOwn = event.batch === batch && event.obj_name === rule;
      if (!notes || isOwn) return [];
      return [notes.guest.host_id, notes.target_host.id];
    }),
  );
}
