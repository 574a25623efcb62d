import type { DenseProblem } from './dense-problem.js';

/** Tries of one exact packing, after which it counts as not found. */
const PACK_LIMIT = 300;
/** What packing from scratch and each try cost besides looks at targets, in looks. */
const REPACK = 150;
const TRY = 10;

/**
 * A set of items with a place for each: what the search adds to and takes from.
 * Levels are added up anew after each removal, so that no rounding is left behind.
 */
export class Packing {
  readonly dense: DenseProblem;
  /** The items in the set, in the order they came. */
  readonly chosen: Int32Array;
  count = 0;
  /** By item: its target, or -1. */
  readonly placeOf: Int32Array;
  readonly level: Float64Array;
  readonly guardLevel: Float64Array;
  /** How many items a target holds. */
  readonly load: Int32Array;
  /** `capacity * targets + target`: what is taken of each capacity. */
  readonly used: Float64Array;
  /** `target * groups + group`: how many items of a group that is to be kept apart a target holds. */
  readonly held: Int32Array;
  /** Looks at a target so far: what the search has cost. */
  work = 0;
  /** Whether the last refusal was a proof, and not the end of the tries. */
  isProof = true;
  /** Whether items take nothing of a target but room in the two dimensions, which is as a rule so. */
  readonly #isPlain: boolean;
  readonly #roomScale: Float64Array;
  readonly #twin: Int32Array;
  readonly #rank: Int32Array;
  readonly #order: Int32Array;
  #tries = 0;

  constructor(dense: DenseProblem) {
    this.dense = dense;
    this.chosen = new Int32Array(dense.items);
    this.placeOf = new Int32Array(dense.items).fill(-1);
    this.level = dense.level.slice();
    this.guardLevel = dense.guardLevel.slice();
    this.load = new Int32Array(dense.targets);
    this.used = new Float64Array(dense.capacities.length * dense.targets);
    this.held = new Int32Array(dense.groups * dense.targets);
    this.#order = new Int32Array(dense.items);
    this.#isPlain = dense.groups === 0 && dense.capacities.length === 0;
    this.#roomScale = roomScale(dense);
    this.#twin = twins(dense);
    this.#rank = hardestFirst(dense);
  }

  fits(item: number, target: number): boolean {
    const { dense } = this;
    const at = item * dense.targets + target;
    const level = this.level[target]! + dense.add[at]!;
    const guard = this.guardLevel[target]! + dense.guardAdd[at]!;
    // A single item is judged by the bare formula; only sums of several can be off by their rounding.
    if (this.load[target] === 0) return level < dense.limit[target]! && guard <= dense.guardLimit[target]!;
    return (
      level < dense.limit[target]! - dense.tolerance &&
      guard <= dense.guardLimit[target]! - dense.guardTolerance[target]! &&
      (this.#isPlain || (hasCapacity(dense, item, target, this.used) && isApart(dense, item, target, this.held)))
    );
  }

  /** The target that an item fills best; -1 if it fits nowhere as things are. */
  snuggest(item: number): number {
    const { dense } = this;
    let best = -1;
    let least = Infinity;
    this.work += dense.targets;
    for (let t = 0; t < dense.targets; t++) {
      if (!this.fits(item, t)) continue;
      const left = this.leftover(t);
      if (left < least) {
        least = left;
        best = t;
      }
    }
    return best;
  }

  /** The room of a target in both dimensions, as shares of the largest room there is. */
  leftover(t: number): number {
    const { dense } = this;
    const room = (dense.limit[t]! - this.level[t]!) * this.#roomScale[2 * t]!;
    return room + (dense.guardLimit[t]! - this.guardLevel[t]!) * this.#roomScale[2 * t + 1]!;
  }

  put(item: number, target: number): void {
    const at = item * this.dense.targets + target;
    this.chosen[this.count++] = item;
    this.placeOf[item] = target;
    this.level[target] = this.level[target]! + this.dense.add[at]!;
    this.guardLevel[target] = this.guardLevel[target]! + this.dense.guardAdd[at]!;
    this.#count(item, target, 1);
  }

  /** Books an item on a target (or takes it off with -1) in what is counted in whole numbers. */
  #count(item: number, target: number, sign: 1 | -1): void {
    this.load[target] = this.load[target]! + sign;
    if (!this.#isPlain) book(this.dense, item, target, sign, this.used, this.held);
  }

  take(item: number): void {
    const target = this.placeOf[item]!;
    let at = 0;
    while (this.chosen[at] !== item) at++;
    this.chosen.copyWithin(at, at + 1, this.count);
    this.count--;
    this.placeOf[item] = -1;
    this.#count(item, target, -1);
    this.#addUp(target);
  }

  /** Takes the last items away until `count` are left, and puts those back to the places in `places`. */
  rewind(count: number, places: Int32Array, from: number): void {
    for (let at = count; at < this.count; at++) this.placeOf[this.chosen[at]!] = -1;
    this.count = count;
    for (let at = 0; at < count; at++) this.placeOf[this.chosen[at]!] = places[from + at]!;
    this.work += TRY + count;
    this.#addUpAll();
  }

  clear(): void {
    this.rewind(0, this.#order, 0);
  }

  /**
   * Adds an item, moving others to other places where that is needed.
   * @returns false if no packing was found; then nothing has changed, and {@link isProof} says whether there is none.
   */
  insert(item: number): boolean {
    this.isProof = true;
    const target = this.snuggest(item);
    if (target >= 0) {
      this.put(item, target);
      return true;
    }
    return this.#repack(item);
  }

  /** Packs the chosen items and one more from scratch. */
  #repack(item: number): boolean {
    const { count } = this;
    const order = this.#order;
    const before = new Int32Array(count);
    this.work += REPACK;
    for (let at = 0; at < count; at++) {
      order[at] = this.chosen[at]!;
      before[at] = this.placeOf[order[at]!]!;
      this.placeOf[order[at]!] = -1;
    }
    order[count] = item;
    const rank = this.#rank;
    order.subarray(0, count + 1).sort((a, b) => rank[a]! - rank[b]!);
    this.#empty();
    this.#tries = 0;
    if (this.#fill(0, count + 1)) {
      this.chosen[count] = item;
      this.count = count + 1;
      this.#addUpAll();
      return true;
    }
    this.isProof = this.#tries < PACK_LIMIT;
    this.placeOf[item] = -1;
    this.rewind(count, before, 0);
    return false;
  }

  #fill(at: number, end: number): boolean {
    if (at === end) return true;
    const { dense } = this;
    const item = this.#order[at]!;
    this.work += TRY + dense.targets;
    for (let t = 0; t < dense.targets; t++) {
      if (!this.fits(item, t)) continue;
      // Of targets that are alike and hold the same, one try is enough.
      if (this.#isLikeTwin(t)) continue;
      if (++this.#tries >= PACK_LIMIT) return false;
      const level = this.level[t]!;
      const guard = this.guardLevel[t]!;
      this.placeOf[item] = t;
      this.level[t] = level + dense.add[item * dense.targets + t]!;
      this.guardLevel[t] = guard + dense.guardAdd[item * dense.targets + t]!;
      this.#count(item, t, 1);
      if (this.#fill(at + 1, end)) return true;
      this.level[t] = level;
      this.guardLevel[t] = guard;
      this.#count(item, t, -1);
      this.placeOf[item] = -1;
    }
    return false;
  }

  /** Whether the target before this one that is alike holds the same; of groups and capacities only the empty are the same. */
  #isLikeTwin(t: number): boolean {
    const twin = this.#twin[t]!;
    if (twin < 0 || this.level[twin] !== this.level[t] || this.guardLevel[twin] !== this.guardLevel[t]) return false;
    return this.#isPlain || (this.load[twin] === 0 && this.load[t] === 0);
  }

  #empty(): void {
    this.level.set(this.dense.level);
    this.guardLevel.set(this.dense.guardLevel);
    this.load.fill(0);
    this.used.fill(0);
    this.held.fill(0);
  }

  #addUpAll(): void {
    const { dense } = this;
    this.#empty();
    for (let at = 0; at < this.count; at++) {
      const item = this.chosen[at]!;
      const t = this.placeOf[item]!;
      this.level[t] = this.level[t]! + dense.add[item * dense.targets + t]!;
      this.guardLevel[t] = this.guardLevel[t]! + dense.guardAdd[item * dense.targets + t]!;
      this.#count(item, t, 1);
    }
  }

  #addUp(target: number): void {
    const { dense } = this;
    let level = dense.level[target]!;
    let guard = dense.guardLevel[target]!;
    for (let at = 0; at < this.count; at++) {
      const item = this.chosen[at]!;
      if (this.placeOf[item] !== target) continue;
      level += dense.add[item * dense.targets + target]!;
      guard += dense.guardAdd[item * dense.targets + target]!;
    }
    this.level[target] = level;
    this.guardLevel[target] = guard;
  }
}

/** Whether a target holds no item that this one is to be kept apart from. */
export function isApart({ groupsOf, groups }: DenseProblem, item: number, target: number, held: Int32Array): boolean {
  if (groupsOf) for (const group of groupsOf[item]!) if (held[target * groups + group]! > 0) return false;
  return true;
}

/** Whether what is left of every capacity is enough for an item beside those on the target. */
export function hasCapacity(dense: DenseProblem, item: number, target: number, used: Float64Array): boolean {
  const { capacities, targets } = dense;
  for (let c = 0; c < capacities.length; c++) {
    const { demand, room } = capacities[c]!;
    if (used[c * targets + target]! + demand[item]! > room[target]!) return false;
  }
  return true;
}

/** Adds to `used` and `held` what an item takes of a target, or takes it off with a sign of -1. */
export function book(
  { capacities, targets, groupsOf, groups }: DenseProblem,
  item: number,
  target: number,
  sign: 1 | -1,
  used: Float64Array,
  held: Int32Array,
): void {
  for (let c = 0; c < capacities.length; c++) {
    const at = c * targets + target;
    used[at] = used[at]! + sign * capacities[c]!.demand[item]!;
  }
  if (!groupsOf) return;
  for (const group of groupsOf[item]!) {
    const at = target * groups + group;
    held[at] = held[at]! + sign;
  }
}

/** What turns the rooms of each target into shares of the largest: watched, guard, watched, guard, … */
function roomScale({ problem, targetOf, targets, level, limit, guardLevel, guardLimit }: DenseProblem): Float64Array {
  const scale = new Float64Array(2 * targets);
  let largest = 0;
  let largestGuard = 0;
  for (let t = 0; t < targets; t++) {
    const size = problem.targets.size[targetOf[t]!]!;
    const guardSize = problem.targets.guardSize[targetOf[t]!]!;
    scale[2 * t] = size;
    scale[2 * t + 1] = guardSize;
    largest = Math.max(largest, (limit[t]! - level[t]!) * size);
    largestGuard = Math.max(largestGuard, (guardLimit[t]! - guardLevel[t]!) * guardSize);
  }
  for (let t = 0; t < targets; t++) {
    scale[2 * t] = scale[2 * t]! / (largest || 1);
    scale[2 * t + 1] = scale[2 * t + 1]! / (largestGuard || 1);
  }
  return scale;
}

/** For each target the one before it that is alike in every number, or -1. */
function twins(dense: DenseProblem): Int32Array {
  const { targets, items, add, guardAdd } = dense;
  const twin = new Int32Array(targets).fill(-1);
  const seen = new Map<number, number[]>();
  for (let t = 0; t < targets; t++) {
    const key = dense.level[t]!;
    const alike = (seen.get(key) ?? []).find((other) => {
      if (dense.limit[other] !== dense.limit[t] || dense.guardLevel[other] !== dense.guardLevel[t]) return false;
      if (dense.guardLimit[other] !== dense.guardLimit[t]) return false;
      if (dense.capacities.some(({ room }) => room[other] !== room[t])) return false;
      for (let i = 0; i < items * targets; i += targets) {
        if (add[i + other] !== add[i + t] || guardAdd[i + other] !== guardAdd[i + t]) return false;
      }
      return true;
    });
    if (alike !== undefined) twin[t] = alike;
    seen.set(key, [t, ...(seen.get(key) ?? [])]);
  }
  return twin;
}

/** Ranks items by how few targets they fit on, then by what they put there. */
function hardestFirst(dense: DenseProblem): Int32Array {
  const { items, targets, add, guardAdd } = dense;
  const places = new Int32Array(items);
  const weight = new Float64Array(items);
  for (let i = 0; i < items; i++) {
    for (let t = 0; t < targets; t++) {
      const at = i * targets + t;
      const room = dense.limit[t]! - dense.level[t]!;
      const guardRoom = dense.guardLimit[t]! - dense.guardLevel[t]!;
      if (!(add[at]! < room && guardAdd[at]! <= guardRoom)) continue;
      places[i] = places[i]! + 1;
      weight[i] = Math.max(weight[i]!, add[at]! / room + guardAdd[at]! / (guardRoom || 1));
    }
  }
  const order = Int32Array.from({ length: items }, (_, i) => i).sort(
    (a, b) => places[a]! - places[b]! || weight[b]! - weight[a]! || a - b,
  );
  const rank = new Int32Array(items);
  order.forEach((item, at) => (rank[item] = at));
  return rank;
}
