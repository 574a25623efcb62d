import { type LookAllowance, STEP } from './search-limits.js';
import { type CoveringBound, coveringKnapsack } from './covering-knapsack.js';
import { lowestPeak, leastPeaks, peakOf } from './lowest-peak.js';
import { Packing } from './packing.js';
import { type DenseProblem, priceOfWeight } from './dense-problem.js';

/** A set of items that clears every source, with their places. */
export interface Incumbent {
  weight: number;
  peak: number;
  /** By item: its target, or -1. */
  placeOf: Int32Array;
}

/**
 * Branch and bound over sets of items, source by source: an item is taken where it can be packed beside those taken,
 * or left; what may still be spent is bounded by the covering knapsack of what is left of each source.
 */
export class CheapestSets {
  readonly dense: DenseProblem;
  /** What the cheapest cover of every source costs if targets had no end of room, MiB. */
  readonly floor: number;
  /** The best set so far. */
  best: Incumbent | undefined;
  /** Whether everything pruned in the last {@link run} was pruned by proof. */
  isComplete = true;
  /** Whether any set was ever given up for want of room: if not, more targets would change nothing. */
  hasRefused = false;
  readonly #packing: Packing;
  readonly #least: Float64Array;
  readonly #order: Int32Array[];
  readonly #bounds: CoveringBound[];
  /** By source: the floor of all sources after it. */
  readonly #after: Float64Array;
  readonly #price: Float64Array;
  readonly #places: Int32Array;
  #cap = 0;
  #ties = false;
  #allowance: LookAllowance | undefined;
  #work = 0;

  /**
   * @param dense - every source must be coverable.
   * @param cap - the highest price of interest, MiB.
   */
  constructor(dense: DenseProblem, cap: number) {
    this.dense = dense;
    this.#packing = new Packing(dense);
    this.#least = leastPeaks(this.#packing);
    this.#price = dense.weight.map(priceOfWeight);
    this.#places = new Int32Array((dense.items + 1) * dense.items);
    this.#order = Array.from({ length: dense.sources }, (_, source) =>
      Int32Array.from({ length: dense.items }, (_, item) => item)
        .filter((item) => dense.source[item] === source)
        .sort((a, b) => dense.relief[b]! - dense.relief[a]! || this.#price[a]! - this.#price[b]! || a - b),
    );
    this.#bounds = this.#order.map((order) =>
      coveringKnapsack(
        Float64Array.from(order, (item) => dense.relief[item]!),
        Float64Array.from(order, (item) => this.#price[item]!),
        cap,
      ),
    );
    this.#after = new Float64Array(dense.sources + 1);
    for (let source = dense.sources - 1; source >= 0; source--) {
      this.#after[source] = this.#after[source + 1]! + this.#bounds[source]!.least(0, dense.need[source]!);
    }
    this.floor = this.#after[0]!;
  }

  /**
   * Looks for the best set of a price up to `cap`, starting from {@link best}.
   * @param cap - MiB.
   * @param ties - whether sets of the same price are of interest too, for fewer moves or a lower peak.
   */
  run(cap: number, allowance: LookAllowance, ties: boolean): void {
    this.#cap = cap;
    this.#ties = ties;
    this.#allowance = allowance;
    this.isComplete = true;
    this.#packing.clear();
    this.#descend(0, 0, 0, this.dense.need[0] ?? -1);
  }

  #descend(source: number, position: number, weight: number, need: number): void {
    const { dense } = this;
    if (need < 0) {
      if (source + 1 >= dense.sources) this.#leaf(weight);
      else this.#descend(source + 1, 0, weight, dense.need[source + 1]!);
      return;
    }
    const order = this.#order[source]!;
    const bound = this.#bounds[source]!;
    if (position >= order.length) return;
    const spent = priceOfWeight(weight);
    const rest = this.#after[source + 1]!;
    if (!bound.mayCover(position, need, this.#limit(weight) - spent - rest)) return;
    const { work } = this.#packing;
    const isSpent = !this.#allowance?.spend(work - this.#work + STEP);
    this.#work = work;
    if (isSpent) {
      this.isComplete = false;
      return;
    }
    const item = order[position]!;
    const remaining = need - dense.relief[item]!;
    const next = this.#nextOther(order, position);
    const withIt = this.#price[item]! + bound.least(position + 1, remaining);
    const without = bound.least(next, need);
    if (withIt <= without) {
      this.#take(item, source, position, weight, remaining);
      if (without < Infinity) this.#descend(source, next, weight, need);
    } else {
      this.#descend(source, next, weight, need);
      this.#take(item, source, position, weight, remaining);
    }
  }

  #take(item: number, source: number, position: number, weight: number, remaining: number): void {
    const { dense } = this;
    const packing = this.#packing;
    const heavier = weight + dense.weight[item]!;
    if (priceOfWeight(heavier) + this.#after[source + 1]! > this.#limit(heavier)) return;
    if (this.#isTie(heavier) && this.#least[item]! >= this.best!.peak) return;
    const { count } = packing;
    const from = count * dense.items;
    for (let at = 0; at < count; at++) this.#places[from + at] = packing.placeOf[packing.chosen[at]!]!;
    if (!packing.insert(item)) {
      this.hasRefused = true;
      if (!packing.isProof) this.isComplete = false;
      return;
    }
    this.#descend(source, position + 1, heavier, remaining);
    packing.rewind(count, this.#places, from);
  }

  /** The highest price that is still of interest, for a set that has this weight already. */
  #limit(weight: number): number {
    if (!this.best) return this.#cap;
    const price = priceOfWeight(this.best.weight);
    return Math.min(this.#cap, this.#ties && weight <= this.best.weight ? price : price - 1);
  }

  /** Whether a set of this weight can at most be as cheap as the best, so that only its peak could be better. */
  #isTie(weight: number): boolean {
    return weight === this.best?.weight;
  }

  /** Skips items that are the same as the one at `position` in every number: leaving one is leaving all. */
  #nextOther(order: Int32Array, position: number): number {
    const { dense } = this;
    const item = order[position]!;
    let next = position + 1;
    while (next < order.length) {
      const other = order[next]!;
      if (dense.relief[other] !== dense.relief[item] || dense.weight[other] !== dense.weight[item]) break;
      if (!this.#isAlike(item, other)) break;
      next++;
    }
    return next;
  }

  #isAlike(a: number, b: number): boolean {
    const { add, guardAdd, targets, groupsOf, capacities } = this.dense;
    if (groupsOf && groupsOf[a]!.length + groupsOf[b]!.length > 0) return false;
    if (capacities.some(({ demand }) => demand[a] !== demand[b])) return false;
    for (let t = 0; t < targets; t++) {
      if (add[a * targets + t] !== add[b * targets + t]) return false;
      if (guardAdd[a * targets + t] !== guardAdd[b * targets + t]) return false;
    }
    return true;
  }

  #leaf(weight: number): void {
    const { best } = this;
    if (best && weight > best.weight) return;
    const isTie = weight === best?.weight;
    const packing = this.#packing;
    const flat = lowestPeak(packing, isTie ? best.peak : Infinity, this.#least);
    if (isTie && !flat) return;
    const placeOf = packing.placeOf.slice();
    if (flat) for (let at = 0; at < packing.count; at++) placeOf[packing.chosen[at]!] = flat.places[at]!;
    this.best = { weight, peak: flat?.peak ?? peakOf(packing), placeOf };
  }
}
