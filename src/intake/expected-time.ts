import { MOVE_PRICE } from '../balancer/index.js';
import type { JournalEvent, MigrationNotes } from '../journal/events.js';
import { migrationOf } from '../journal/events.js';

/** How many moves may be on their way at once: see MIGRATION_CONCURRENCY and a rule's `limits`. */
export interface MovesAtOnce {
  /** From or to one host. */
  perHost: number;
  perSource?: number | undefined;
  perTarget?: number | undefined;
}

/** Moves that are measured; older ones say less of how the network is now. */
const MOST_MEASURED = 20;

/** What a move costs, MiB: its memory and a fixed price. */
export function priceOf({ guest }: MigrationNotes): number {
  return guest.vmem_size + MOVE_PRICE;
}

/**
 * How long moves take by what they cost, ms for each MiB of price: the median of the last ones that arrived.
 * @param events - of migrations, oldest first.
 * @returns undefined where none has arrived.
 */
export function paceOf(events: readonly JournalEvent[]): number | undefined {
  const begun = new Map<string, number>();
  const paces: number[] = [];
  for (const event of events) {
    const notes = migrationOf(event);
    if (!notes) continue;
    const key = JSON.stringify([event.batch, notes.guest.id, notes.target_host.id]);
    const at = Date.parse(event.ops_time);
    if (event.action === 'migrating') begun.set(key, at);
    const since = begun.get(key);
    // A clock that was set meanwhile leaves times that say nothing.
    if (event.action === 'migrate_success' && since !== undefined && at >= since)
      paces.push((at - since) / priceOf(notes));
  }
  const measured = paces.slice(-MOST_MEASURED).sort((a, b) => a - b);
  return measured[Math.floor(measured.length / 2)];
}

/**
 * How long moves will take that are begun in order, each as soon as its two hosts have room, ms.
 * @param pace - see {@link paceOf}.
 */
export function expectedMs(moves: readonly MigrationNotes[], pace: number, atOnce: MovesAtOnce): number {
  const { perHost, perSource = perHost, perTarget = perHost } = atOnce;
  const ends: { source: string; target: string; end: number }[] = [];
  /** When one more fits beside those of `others`. */
  const freeAt = (others: typeof ends, most: number, from: number): number => {
    const running = others
      .map(({ end }) => end)
      .filter((end) => end > from)
      .sort((a, b) => a - b);
    return running.length < most ? from : (running[running.length - most] ?? from);
  };
  let begin = 0;
  for (const move of moves) {
    const [source, target] = [move.guest.host_id, move.target_host.id];
    const touching = (host: string) => ends.filter((other) => other.source === host || other.target === host);
    begin = Math.max(
      freeAt(touching(source), perHost, begin),
      freeAt(touching(target), perHost, begin),
      freeAt(
        ends.filter((other) => other.source === source),
        perSource,
        begin,
      ),
      freeAt(
        ends.filter((other) => other.target === target),
        perTarget,
        begin,
      ),
    );
    ends.push({ source, target, end: begin + pace * priceOf(move) });
  }
  return Math.max(0, ...ends.map(({ end }) => end));
}
