import { type Budget, STEP } from './budget.js';
import type { Improver } from './improve.js';
import { Packing } from './packing.js';
import type { Tableau } from './tableau.js';

/** What a set that does not clear everything is judged by. */
export interface Worth {
  /** Excess that is left, over all sources. */
  shortfall: number;
  weight: number;
}

/** What two sums of the same excess may differ by: the rounding of readings, and of needs that are all that can go. */
export function shortfallTolerance({ tolerance, need }: Tableau): number {
  return Math.max(tolerance, need.reduce((sum, some) => sum + Math.max(0, some), 0) * 1e-11);
}

/** What counts as short where `rest` still has to go: on the need itself nothing is, but the source is not cleared either. */
export function shortOf(rest: number, tolerance: number): number {
  return rest < 0 ? 0 : Math.max(rest, 2 * tolerance);
}

/** Whether less is cleared by `a` than by `b`, or as much for more. */
export function isWorse(a: Worth, b: Worth, tolerance: number): boolean {
  if ((a.shortfall === 0) !== (b.shortfall === 0)) return b.shortfall === 0;
  const difference = a.shortfall - b.shortfall;
  return Math.abs(difference) > tolerance ? difference > 0 : a.weight > b.weight;
}

/**
 * Branch and bound for the set that leaves the least excess, then the least price, where not everything can be cleared.
 * What the items not yet decided on could still take off each source bounds a branch.
 */
export class MostSearch {
  readonly tab: Tableau;
  best: { worth: Worth; placeOf: Int32Array };
  /** Whether everything pruned was pruned by proof. */
  isComplete = true;
  readonly #packing: Packing;
  readonly #order: Int32Array;
  /** `position * sources + source`: relief of the items of a source from a position on. */
  readonly #rest: Float64Array;
  readonly #gone: Float64Array;
  readonly #tolerance: number;
  readonly #places: Int32Array;
  readonly #budget: Budget;
  #work = 0;

  /** @param start - the best set known so far. */
  constructor(tab: Tableau, start: Improver['best'], budget: Budget) {
    this.tab = tab;
    this.best = start;
    this.#budget = budget;
    this.#tolerance = shortfallTolerance(tab);
    this.#packing = new Packing(tab);
    this.#gone = new Float64Array(tab.sources);
    this.#places = new Int32Array((tab.items + 1) * tab.items);
    this.#order = Int32Array.from({ length: tab.items }, (_, item) => item).sort(
      (a, b) => tab.relief[b]! - tab.relief[a]! || tab.weight[a]! - tab.weight[b]! || a - b,
    );
    this.#rest = new Float64Array((tab.items + 1) * tab.sources);
    for (let position = tab.items - 1; position >= 0; position--) {
      const row = position * tab.sources;
      for (let source = 0; source < tab.sources; source++)
        this.#rest[row + source] = this.#rest[row + tab.sources + source]!;
      const item = this.#order[position]!;
      const at = row + tab.source[item]!;
      this.#rest[at] = this.#rest[at]! + tab.relief[item]!;
    }
  }

  run(): void {
    this.#descend(0, 0);
  }

  /** What is left at least, if from `position` on every item went. */
  #leastShortfall(position: number): number {
    const { tab } = this;
    let shortfall = 0;
    for (let source = 0; source < tab.sources; source++) {
      const left = tab.need[source]! - this.#gone[source]! - this.#rest[position * tab.sources + source]!;
      shortfall += shortOf(left, this.#tolerance);
    }
    return shortfall;
  }

  #isHopeless(shortfall: number, weight: number): boolean {
    return !isWorse(this.best.worth, { shortfall, weight }, this.#tolerance);
  }

  #descend(position: number, weight: number): void {
    const { tab } = this;
    const packing = this.#packing;
    const now = this.#leastShortfall(tab.items);
    if (!this.#isHopeless(now, weight)) {
      this.best = { worth: { shortfall: now, weight }, placeOf: packing.placeOf.slice() };
    }
    if (position === tab.items || this.#isHopeless(this.#leastShortfall(position), weight)) return;
    const isSpent = !this.#budget.spend(packing.work - this.#work + STEP);
    this.#work = packing.work;
    if (isSpent) {
      this.isComplete = false;
      return;
    }
    const item = this.#order[position]!;
    const source = tab.source[item]!;
    const gone = this.#gone[source]!;
    if (gone <= tab.need[source]!) {
      const { count } = packing;
      const from = count * tab.items;
      for (let at = 0; at < count; at++) this.#places[from + at] = packing.placeOf[packing.chosen[at]!]!;
      if (packing.insert(item)) {
        this.#gone[source] = gone + tab.relief[item]!;
        this.#descend(position + 1, weight + tab.weight[item]!);
        this.#gone[source] = gone;
        packing.rewind(count, this.#places, from);
      } else if (!packing.isProof) this.isComplete = false;
    }
    this.#descend(position + 1, weight);
  }
}
