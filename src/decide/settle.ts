import type { Clock } from '../common/clock.js';
import type { Snapshot } from '../fleet/fleet.js';
import type { Observed } from './observe.js';
import { correctReadings } from './readings-after-moves.js';

/** A draft whose readings show our own last moves. */
export interface Settled extends Observed {
  snapshot: Snapshot;
  /** Hosts whose readings do not yet, by id, with when a guest last came or went, ms since the epoch. */
  unsettled: ReadonlyMap<string, number>;
}

/** Sees to it that what we have moved ourselves does not look like load that is still there. */
export function settle(draft: Observed, { clock }: { clock: Clock }): Settled {
  const { answer, request, scrapeIntervalMs } = draft;
  const times = { now: clock.now(), periodMs: request.rule.periodMs, scrapeIntervalMs, batch: request.batch };
  return { ...draft, ...correctReadings(answer.snapshot, answer.readings, request.known.moves, times) };
}
