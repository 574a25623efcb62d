import { type Problem, isAllowed } from './problem.js';

/** What a set of moves has put on each target so far. */
export class Bookings {
  readonly level: Float64Array;
  readonly guardLevel: Float64Array;
  readonly #count: Int32Array;
  readonly #problem: Problem;

  constructor(problem: Problem) {
    this.#problem = problem;
    this.level = Float64Array.from(problem.targets, ({ level }) => level);
    this.guardLevel = Float64Array.from(problem.targets, ({ guardLevel }) => guardLevel);
    this.#count = new Int32Array(problem.targets.length);
  }

  /** Whether an item fits on a target beside what is booked there. */
  fits(item: number, target: number): boolean {
    const { items, targets, tolerance, guardTolerance } = this.#problem;
    const it = items[item]!;
    const to = targets[target]!;
    // A single item is judged by the bare formula; only sums of several can be off by their rounding.
    const several = (this.#count[target] ?? 0) > 0;
    const limit = several ? to.limit - tolerance : to.limit;
    const guardLimit = several ? to.guardLimit - guardTolerance : to.guardLimit;
    const level = this.level[target]!;
    const guardLevel = this.guardLevel[target]!;
    return (
      level + it.load / to.size < limit &&
      guardLevel + it.guardLoad / to.guardSize <= guardLimit &&
      isAllowed(this.#problem, item, target)
    );
  }

  /** Puts an item on a target. */
  book(item: number, target: number): void {
    const it = this.#problem.items[item]!;
    const to = this.#problem.targets[target]!;
    this.level[target] = this.level[target]! + it.load / to.size;
    this.guardLevel[target] = this.guardLevel[target]! + it.guardLoad / to.guardSize;
    this.#count[target] = this.#count[target]! + 1;
  }
}
