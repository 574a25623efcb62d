import { type Problem, evaluate } from '../model/problem.js';
import { RuinAndRecreate } from './ruin-and-recreate.js';
import { LookAllowance, type RunningLimits } from './search-limits.js';
import { type Solution, inOrder } from './solution.js';
import { type Relief, relieveGreedily, relieveSource, reliefOfSources } from './source-relief.js';
import { TargetBookings } from './target-bookings.js';

/** Looks at a node for each source, for an effort of 1. */
const LOOKS_PER_SOURCE = 150_000;

/** Steps of the pass that lowers the fullest target. */
const LOWERINGS = 200;

/**
 * Looks for the best set of moves for many sources: the cheapest covers of each, packed with all others, then improved by
 * booking a few sources anew at a time. What it costs grows with the items that move, not with items times targets.
 * @param mustClear - whether moves that do not clear every source are of no use.
 */
export function searchManySources(problem: Problem, limits: RunningLimits, mustClear: boolean): Solution {
  const bookings = new TargetBookings(problem);
  const reliefs = reliefOfSources(problem, bookings);
  const search = bookFirst(reliefs, bookings);
  search.run(new LookAllowance(LOOKS_PER_SOURCE * problem.sources.length, limits));
  const { shortfall } = search.quality;
  if (mustClear && shortfall > 0) return { moves: [], evaluation: evaluate(problem, []), optimal: true, gap: 0 };
  lowerPeak(bookings, limits);
  const moves = inOrder(problem, bookings.moves);
  const evaluation = evaluate(problem, moves);
  const gap = shortfall > 0 ? gapOfRelief(reliefs, evaluation.removed) : gapOfPrice(reliefs, evaluation.price);
  return { moves, evaluation, optimal: gap === 0, gap };
}

/**
 * A complete plan to start from: the cheapest sets, packed one source after the other, those first whose cheapest set is
 * hardest to place; or the plain greedy, where that clears more.
 */
function bookFirst(reliefs: readonly Relief[], bookings: TargetBookings): RuinAndRecreate {
  const hardest = reliefs.map(({ sets }) =>
    (sets.at(0)?.items ?? new Int32Array()).reduce((most, item) => Math.max(most, bookings.bulk(item)), 0),
  );
  const order = reliefs.map((_, source) => source).sort((a, b) => hardest[b]! - hardest[a]! || a - b);
  for (const source of order) relieveSource(reliefs[source]!, bookings);
  const packed = new RuinAndRecreate(bookings, reliefs);
  if (packed.quality.shortfall === 0) return packed;
  const places = bookings.placeOf.slice();
  bookings.clear();
  for (const relief of reliefs) relieveGreedily(relief, bookings);
  const greedy = new RuinAndRecreate(bookings, reliefs);
  if (greedy.quality.shortfall < packed.quality.shortfall) return greedy;
  bookings.restore(places);
  return packed;
}

/** Sends the items of the fullest target elsewhere as long as that lowers the peak: first all of them, then one by one. */
function lowerPeak(bookings: TargetBookings, limits: RunningLimits): void {
  spread(bookings);
  for (let step = 0; step < LOWERINGS && !limits.isLate(); step++) if (!lowerFullest(bookings)) return;
}

function spread(bookings: TargetBookings): void {
  const { moves, peak } = bookings;
  const places = bookings.placeOf.slice();
  const order = moves.map(({ item }) => item).sort((a, b) => bookings.bulk(b) - bookings.bulk(a) || a - b);
  bookings.clear();
  const isSpread = order.every((item) => {
    const target = bookings.targetFor(item, 'lowest');
    if (target >= 0) bookings.put(item, target);
    return target >= 0;
  });
  if (isSpread && bookings.peak < peak) return;
  bookings.restore(places);
}

function lowerFullest(bookings: TargetBookings): boolean {
  const { peak } = bookings;
  const fullest = [...bookings.booked].find((target) => bookings.levelOf(target) === peak);
  if (fullest === undefined) return false;
  for (const item of [...bookings.on(fullest)]) {
    bookings.take(item);
    const target = bookings.targetFor(item, 'lowest', peak);
    bookings.put(item, target >= 0 ? target : fullest);
    if (target >= 0 && target !== fullest) return true;
  }
  return false;
}

function gapOfPrice(reliefs: readonly Relief[], price: number): number {
  const floor = reliefs.reduce((sum, { sets }) => sum + sets.floor, 0);
  return price > floor ? (price - floor) / price : 0;
}

function gapOfRelief(reliefs: readonly Relief[], removed: number): number {
  const all = reliefs.reduce((sum, { need }) => sum + Math.max(0, need), 0);
  return all === 0 ? 0 : Math.max(0, all - removed) / all;
}
