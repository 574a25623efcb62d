import { type LookAllowance, STEP } from './search-limits.js';
import type { LocalSearch } from './local-search.js';
import { Packing } from './packing.js';
import type { DenseProblem } from './dense-problem.js';
import { type SetQuality, isWorse, shortOf, shortfallTolerance } from './set-quality.js';

/**
 * Branch and bound for the set that leaves the least excess, then the least price, where not everything can be cleared.
 * What the items not yet decided on could still take off each source bounds a branch.
 */
export class MostRelief {
  readonly dense: DenseProblem;
  best: { quality: SetQuality; placeOf: Int32Array };
  /** Whether everything pruned was pruned by proof. */
  isComplete = true;
  readonly #packing: Packing;
  readonly #order: Int32Array;
  /** `position * sources + source`: relief of the items of a source from a position on. */
  readonly #rest: Float64Array;
  readonly #gone: Float64Array;
  readonly #tolerance: number;
  readonly #places: Int32Array;
  readonly #allowance: LookAllowance;
  #work = 0;

  /** @param start - the best set known so far. */
  constructor(dense: DenseProblem, start: LocalSearch['best'], allowance: LookAllowance) {
    this.dense = dense;
    this.best = start;
    this.#allowance = allowance;
    this.#tolerance = shortfallTolerance(dense);
    this.#packing = new Packing(dense);
    this.#gone = new Float64Array(dense.sources);
    this.#places = new Int32Array((dense.items + 1) * dense.items);
    this.#order = Int32Array.from({ length: dense.items }, (_, item) => item).sort(
      (a, b) => dense.relief[b]! - dense.relief[a]! || dense.weight[a]! - dense.weight[b]! || a - b,
    );
    this.#rest = new Float64Array((dense.items + 1) * dense.sources);
    for (let position = dense.items - 1; position >= 0; position--) {
      const row = position * dense.sources;
      for (let source = 0; source < dense.sources; source++)
        this.#rest[row + source] = this.#rest[row + dense.sources + source]!;
      const item = this.#order[position]!;
      const at = row + dense.source[item]!;
      this.#rest[at] = this.#rest[at]! + dense.relief[item]!;
    }
  }

  run(): void {
    this.#descend(0, 0);
  }

  /** What is left at least, if from `position` on every item went. */
  #leastShortfall(position: number): number {
    const { dense } = this;
    let shortfall = 0;
    for (let source = 0; source < dense.sources; source++) {
      const left = dense.need[source]! - this.#gone[source]! - this.#rest[position * dense.sources + source]!;
      shortfall += shortOf(left, this.#tolerance);
    }
    return shortfall;
  }

  #isHopeless(shortfall: number, weight: number): boolean {
    return !isWorse(this.best.quality, { shortfall, weight }, this.#tolerance);
  }

  #descend(position: number, weight: number): void {
    const { dense } = this;
    const packing = this.#packing;
    const now = this.#leastShortfall(dense.items);
    if (!this.#isHopeless(now, weight)) {
      this.best = { quality: { shortfall: now, weight }, placeOf: packing.placeOf.slice() };
    }
    if (position === dense.items || this.#isHopeless(this.#leastShortfall(position), weight)) return;
    const isSpent = !this.#allowance.spend(packing.work - this.#work + STEP);
    this.#work = packing.work;
    if (isSpent) {
      this.isComplete = false;
      return;
    }
    const item = this.#order[position]!;
    const source = dense.source[item]!;
    const gone = this.#gone[source]!;
    if (gone <= dense.need[source]!) {
      const { count } = packing;
      const from = count * dense.items;
      for (let at = 0; at < count; at++) this.#places[from + at] = packing.placeOf[packing.chosen[at]!]!;
      if (packing.insert(item)) {
        this.#gone[source] = gone + dense.relief[item]!;
        this.#descend(position + 1, weight + dense.weight[item]!);
        this.#gone[source] = gone;
        packing.rewind(count, this.#places, from);
      } else if (!packing.isProof) this.isComplete = false;
    }
    this.#descend(position + 1, weight);
  }
}
