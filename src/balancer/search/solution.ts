import type { Evaluation, Move, Problem } from '../model/problem.js';

/** The best set of moves that was found. */
export interface Solution {
  /** By source, the largest relief first, then by id. */
  moves: Move[];
  evaluation: Evaluation;
  /** Whether it is proven that no other set clears more, or as much for less. */
  optimal: boolean;
  /** By how much at most the best set could be cheaper (or, where not all is cleared, clear more); 0.01 is 1 %. */
  gap: number;
}

/** By source, the largest relief first. */
export function inOrder(problem: Problem, moves: readonly Move[]): Move[] {
  return [...moves].sort((a, b) => {
    const first = problem.items[a.item]!;
    const second = problem.items[b.item]!;
    return first.source - second.source || second.relief - first.relief || a.item - b.item;
  });
}
