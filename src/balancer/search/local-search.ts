import { type LookAllowance, STEP } from './search-limits.js';
import { type SetQuality, isWorse, shortOf, shortfallTolerance } from './set-quality.js';
import { Packing } from './packing.js';
import { randomSequence } from './random-sequence.js';
import { type DenseProblem, priceOfWeight } from './dense-problem.js';

/** How far chance may turn the order in which a set is filled up: from not at all to a lot. */
const NOISE = [0, 0.5, 0.5, 2, 8];
/** How many items a filling may add that others have to make room for. */
const SQUEEZES = 3;

/**
 * Looks for a good set by taking part of it away and filling it up again (large neighbourhood search).
 * Made for fleets with hardly any room, where the cheapest covers cannot be packed.
 */
export class LocalSearch {
  readonly dense: DenseProblem;
  readonly #packing: Packing;
  readonly #random = randomSequence();
  /** By source: relief of the set. */
  readonly #gone: Float64Array;
  readonly #bySource: Int32Array[];
  readonly #tolerance: number;
  /** By item, while most is to be removed: the room it takes up. */
  #bulk: Float64Array | undefined;
  best: { quality: SetQuality; placeOf: Int32Array };

  constructor(dense: DenseProblem) {
    this.dense = dense;
    this.#packing = new Packing(dense);
    this.#gone = new Float64Array(dense.sources);
    this.#tolerance = shortfallTolerance(dense);
    this.#bySource = Array.from({ length: dense.sources }, (_, source) =>
      Int32Array.from({ length: dense.items }, (_, item) => item).filter((item) => dense.source[item] === source),
    );
    this.best = { quality: this.#quality(), placeOf: this.#packing.placeOf.slice() };
  }

  /** Starts from a set of places. */
  start(placeOf: Int32Array): void {
    this.#load(placeOf);
    this.#keep();
  }

  /**
   * Improves the best set until the allowance is spent.
   * @param floor - a price under this, MiB, cannot be had: the search ends when it is reached.
   * @param goal - whether everything is hoped to be cleared, or the most of it.
   */
  run(allowance: LookAllowance, floor: number, goal: 'all' | 'most' = 'all'): void {
    this.#bulk = goal === 'most' ? bulks(this.dense) : undefined;
    const packing = this.#packing;
    let current = this.#quality();
    let places = packing.placeOf.slice();
    let idle = 0;
    let { work } = packing;
    while (allowance.spend(packing.work - work + STEP * 4)) {
      ({ work } = packing);
      if (this.best.quality.shortfall === 0 && priceOfWeight(this.best.quality.weight) <= floor) return;
      this.#ruin();
      this.#fill();
      this.#trim();
      const quality = this.#quality();
      if (!isWorse(quality, current, this.#tolerance)) {
        if (isWorse(current, quality, this.#tolerance)) idle = 0;
        current = quality;
        places = packing.placeOf.slice();
        if (isWorse(this.best.quality, quality, this.#tolerance)) this.#keep();
      } else if (++idle > 60) {
        // A fresh valley now and then: the worse set is walked on from.
        idle = 0;
        if (this.#random() < 0.5) {
          places = this.best.placeOf.slice();
          current = this.best.quality;
          this.#load(places);
        } else {
          current = quality;
          places = packing.placeOf.slice();
        }
      } else {
        this.#load(places);
      }
    }
  }

  #keep(): void {
    this.best = { quality: this.#quality(), placeOf: this.#packing.placeOf.slice() };
  }

  #load(placeOf: Int32Array): void {
    const packing = this.#packing;
    packing.clear();
    this.#gone.fill(0);
    for (let item = 0; item < placeOf.length; item++) if (placeOf[item]! >= 0) this.#put(item, placeOf[item]!);
  }

  #put(item: number, target: number): void {
    this.#packing.put(item, target);
    this.#addUp(this.dense.source[item]!);
  }

  #take(item: number): void {
    this.#packing.take(item);
    this.#addUp(this.dense.source[item]!);
  }

  #addUp(source: number): void {
    this.#packing.work += this.#bySource[source]!.length;
    let gone = 0;
    for (const item of this.#bySource[source]!) if (this.#packing.placeOf[item]! >= 0) gone += this.dense.relief[item]!;
    this.#gone[source] = gone;
  }

  #quality(): SetQuality {
    const { dense } = this;
    const packing = this.#packing;
    let shortfall = 0;
    for (let source = 0; source < dense.sources; source++) {
      const rest = dense.need[source]! - this.#gone[source]!;
      shortfall += shortOf(rest, this.#tolerance);
    }
    let weight = 0;
    for (let at = 0; at < packing.count; at++) weight += dense.weight[packing.chosen[at]!]!;
    return { shortfall, weight };
  }

  /** Takes away some items: any few, or all of one or two targets. */
  #ruin(): void {
    const packing = this.#packing;
    const random = this.#random;
    if (packing.count === 0) return;
    if (random() < 0.5) {
      const few = 1 + Math.floor(random() * Math.min(4, packing.count));
      for (let n = 0; n < few && packing.count > 0; n++) {
        this.#take(packing.chosen[Math.floor(random() * packing.count)]!);
      }
      return;
    }
    const emptied = random() < 0.7 ? 1 : 2;
    for (let n = 0; n < emptied && packing.count > 0; n++) {
      const target = packing.placeOf[packing.chosen[Math.floor(random() * packing.count)]!]!;
      for (let at = packing.count - 1; at >= 0; at--) {
        const item = packing.chosen[at]!;
        if (packing.placeOf[item] === target) this.#take(item);
      }
    }
  }

  /** Adds items until every source is cleared or nothing fits. */
  #fill(): void {
    const { dense } = this;
    const packing = this.#packing;
    const random = this.#random;
    const flavor = random();
    const noise = NOISE[Math.floor(random() * NOISE.length)]!;
    let squeezes = random() < 0.3 ? SQUEEZES : 0;
    for (;;) {
      let best = -1;
      let place = -1;
      let least = Infinity;
      packing.work += 2 * dense.items;
      for (let source = 0; source < dense.sources; source++) {
        const rest = dense.need[source]! - this.#gone[source]!;
        if (rest < 0) continue;
        for (const item of this.#bySource[source]!) {
          if (packing.placeOf[item]! >= 0) continue;
          const relief = dense.relief[item]!;
          const useful = Math.min(relief, rest) || Number.MIN_VALUE;
          const key = this.#key(item, useful, relief > rest, flavor) * (1 + noise * random());
          if (key >= least) continue;
          const target = this.#place(item);
          if (target < 0) continue;
          least = key;
          best = item;
          place = target;
        }
      }
      if (best >= 0) this.#put(best, place);
      else if (squeezes-- <= 0 || !this.#squeeze()) return;
    }
  }

  /** What an item is chosen by, the least first. */
  #key(item: number, useful: number, isEnough: boolean, flavor: number): number {
    const weight = this.dense.weight[item]!;
    // By turns the largest, and what takes up the least room for what it takes away.
    if (this.#bulk && flavor < 0.5) return (flavor < 0.25 ? 1 : this.#bulk[item]!) / useful;
    // By turns the cheapest for what it takes, the largest that fits, and the cheapest that does it alone.
    if (flavor < 0.6) return weight / useful;
    if (flavor < 0.85) return 1 / useful;
    return isEnough ? weight : (weight * 1e6) / useful;
  }

  /** Adds some item that fits only if others make room. */
  #squeeze(): boolean {
    const { dense } = this;
    const packing = this.#packing;
    const from = Math.floor(this.#random() * dense.items);
    for (let n = 0; n < dense.items; n++) {
      const item = (from + n) % dense.items;
      const source = dense.source[item]!;
      if (packing.placeOf[item]! >= 0 || this.#gone[source]! > dense.need[source]!) continue;
      if (!packing.insert(item)) continue;
      this.#addUp(source);
      return true;
    }
    return false;
  }

  #place(item: number): number {
    const packing = this.#packing;
    if (this.#random() < 0.8) return packing.snuggest(item);
    const { targets } = this.dense;
    const from = Math.floor(this.#random() * targets);
    for (let n = 0; n < targets; n++) {
      const target = (from + n) % targets;
      if (packing.fits(item, target)) return target;
    }
    return -1;
  }

  /** Leaves where they are the items that turned out needless, and swaps in cheaper ones where that does. */
  #trim(): void {
    const { dense } = this;
    const packing = this.#packing;
    const order = packing.chosen.slice(0, packing.count).sort((a, b) => dense.weight[b]! - dense.weight[a]! || a - b);
    for (const item of order) {
      const source = dense.source[item]!;
      const over = this.#gone[source]! - dense.need[source]!;
      if (over - dense.relief[item]! > 0) {
        this.#take(item);
        continue;
      }
      const target = packing.placeOf[item]!;
      let swap = -1;
      let place = -1;
      let least = dense.weight[item]!;
      this.#take(item);
      const rest = dense.need[source]! - this.#gone[source]!;
      packing.work += 2 * this.#bySource[source]!.length;
      for (const other of this.#bySource[source]!) {
        if (packing.placeOf[other]! >= 0 || other === item || dense.weight[other]! >= least) continue;
        if (!(dense.relief[other]! > rest) && over > 0) continue;
        if (over <= 0 && dense.relief[other]! < dense.relief[item]!) continue;
        const at = packing.fits(other, target) ? target : packing.snuggest(other);
        if (at < 0) continue;
        swap = other;
        place = at;
        least = dense.weight[other]!;
      }
      if (swap >= 0) this.#put(swap, place);
      else this.#put(item, target);
    }
  }
}

/** The room that each item takes up, as a share of all there is in either metric. */
function bulks({
  problem,
  items,
  targets,
  itemOf,
  targetOf,
  limit,
  level,
  guardLimit,
  guardLevel,
}: DenseProblem): Float64Array {
  let room = 0;
  let guardRoom = 0;
  for (let t = 0; t < targets; t++) {
    room += Math.max(0, limit[t]! - level[t]!) * problem.targets.size[targetOf[t]!]!;
    guardRoom += Math.max(0, guardLimit[t]! - guardLevel[t]!) * problem.targets.guardSize[targetOf[t]!]!;
  }
  return Float64Array.from({ length: items }, (_, i) => {
    const { load, guardLoad } = problem.items[itemOf[i]!]!;
    return load / (room || 1) + guardLoad / (guardRoom || 1);
  });
}
