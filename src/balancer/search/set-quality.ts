import type { DenseProblem } from './dense-problem.js';

/** What a set that does not clear everything is judged by. */
export interface SetQuality {
  /** Excess that is left, over all sources. */
  shortfall: number;
  weight: number;
}

/** What two sums of the same excess may differ by: the rounding of readings, and of needs that are all that can go. */
export function shortfallTolerance({ tolerance, need }: DenseProblem): number {
  return Math.max(tolerance, need.reduce((sum, some) => sum + Math.max(0, some), 0) * 1e-11);
}

/** What counts as short where `rest` still has to go: on the need itself nothing is, but the source is not cleared either. */
export function shortOf(rest: number, tolerance: number): number {
  return rest < 0 ? 0 : Math.max(rest, 2 * tolerance);
}

/** Whether less is cleared by `a` than by `b`, or as much for more. */
export function isWorse(a: SetQuality, b: SetQuality, tolerance: number): boolean {
  if ((a.shortfall === 0) !== (b.shortfall === 0)) return b.shortfall === 0;
  const difference = a.shortfall - b.shortfall;
  return Math.abs(difference) > tolerance ? difference > 0 : a.weight > b.weight;
}
