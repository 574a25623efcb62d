import { Bookings } from './booking.js';
import { type Evaluation, type Move, type Problem, evaluate } from './problem.js';

/** The best set of moves that was found. */
export interface Solution {
  /** By source, the largest relief first, then by id. */
  moves: Move[];
  evaluation: Evaluation;
}

/** Whether one set of moves is better than another: more excess gone, then cheaper, then fewer moves, then flatter. */
export function isBetter(problem: Problem, a: Evaluation, b: Evaluation): boolean {
  if (a.cleared !== b.cleared) return a.cleared;
  const gain = a.removed - b.removed;
  if (!a.cleared && Math.abs(gain) > problem.tolerance) return gain > 0;
  if (a.price !== b.price) return a.price < b.price;
  if (a.moves !== b.moves) return a.moves < b.moves;
  return a.peak < b.peak;
}

/** The target on which an item leaves the lowest level; the first by id among equals. */
function lowestTarget(
  problem: Problem,
  bookings: Bookings,
  item: number,
): { target: number; level: number } | undefined {
  const { load } = problem.items[item]!;
  let best: { target: number; level: number } | undefined;
  problem.targets.forEach(({ size }, target) => {
    const level = bookings.level[target]! + load / size;
    if ((best === undefined || level < best.level) && bookings.fits(item, target)) best = { target, level };
  });
  return best;
}

/** Takes items one after the other: the cheapest that clears the rest of the difference, else the one that takes most. */
function greedy(problem: Problem): Move[] {
  const bookings = new Bookings(problem);
  const moves: Move[] = [];
  const moved = new Set<number>();
  problem.sources.forEach((source, sourceIndex) => {
    let level = source.level;
    while (level >= source.limit - problem.tolerance) {
      let best: { item: number; target: number; clears: boolean } | undefined;
      problem.items.forEach((item, index) => {
        if (item.source !== sourceIndex || moved.has(index)) return;
        const clears = level - item.relief < source.limit - problem.tolerance;
        const rival = best && problem.items[best.item]!;
        const isAhead =
          !best ||
          !rival ||
          (clears === best.clears ? (clears ? item.price < rival.price : item.relief > rival.relief) : clears);
        if (!isAhead) return;
        const place = lowestTarget(problem, bookings, index);
        if (place) best = { item: index, target: place.target, clears };
      });
      if (!best) return;
      bookings.book(best.item, best.target);
      moves.push({ item: best.item, target: best.target });
      moved.add(best.item);
      level -= problem.items[best.item]!.relief;
    }
  });
  return moves;
}

function inOrder(problem: Problem, moves: readonly Move[]): Move[] {
  return [...moves].sort((a, b) => {
    const first = problem.items[a.item]!;
    const second = problem.items[b.item]!;
    return first.source - second.source || second.relief - first.relief || a.item - b.item;
  });
}

/**
 * Looks for the best set of moves.
 * @param problem - see {@link Problem}.
 * @returns no moves if no item fits anywhere.
 */
export function search(problem: Problem): Solution {
  let moves = greedy(problem);
  let evaluation = evaluate(problem, moves);
  // What a later, larger choice made needless is left where it is.
  for (let index = 0; index < moves.length; index++) {
    const without = moves.filter((_, at) => at !== index);
    const smaller = evaluate(problem, without);
    if (isBetter(problem, smaller, evaluation)) {
      moves = without;
      evaluation = smaller;
      index = -1;
    }
  }
  moves = inOrder(problem, moves);
  return { moves, evaluation: evaluate(problem, moves) };
}
