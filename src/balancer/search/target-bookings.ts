import { type Move, type Problem, isAllowed } from '../model/problem.js';
import { addsUpExactly } from './dense-problem.js';
import { RoomTree } from './room-tree.js';

/** Room is rounded up by this share, so that the tree never hides a target that the exact sums let through. */
const ROUNDING = 1e-12;

/** Up to this many targets that could ever take an item are looked through one by one, which is faster than the tree. */
const SHORT_LIST = 96;

/** Which of the targets with room an item goes to. */
export type Preference = 'snuggest' | 'lowest';

/**
 * Which item is booked on which target, over the whole fleet: its cost grows with the items that move, not with all pairs
 * of items and targets. Levels are added up anew after each removal, so that no rounding is left behind.
 */
export class TargetBookings {
  readonly problem: Problem;
  /** By item: its target, or -1. */
  readonly placeOf: Int32Array;
  readonly #level: Float64Array;
  readonly #guardLevel: Float64Array;
  /** By target: the items on it, in the order they came; only where there are any. */
  readonly #held = new Map<number, number[]>();
  /** By item: the groups of which no two may be on one target. */
  readonly #groupsOf = new Map<number, number[]>();
  readonly #trees = new Map<number, RoomTree>();
  /** By target: its leaf in the tree of its kind. */
  readonly #leafOf: Int32Array;
  readonly #targetOf = new Map<number, Int32Array>();
  /** By item, where it was asked for: see {@link homesOf}. */
  readonly #homes = new Map<number, Int32Array>();
  /** By item: nodes looked at for it. */
  readonly #looks: Float64Array;
  #work = 0;
  #largest = 0;
  #largestGuard = 0;

  constructor(problem: Problem) {
    this.problem = problem;
    const { targets } = problem;
    this.placeOf = new Int32Array(problem.items.length).fill(-1);
    this.#looks = new Float64Array(problem.items.length);
    this.#level = targets.level.slice();
    this.#guardLevel = targets.guardLevel.slice();
    this.#leafOf = new Int32Array(targets.hosts.length).fill(-1);
    for (const target of targets.usable) {
      this.#largest = Math.max(this.#largest, this.#room(target));
      this.#largestGuard = Math.max(this.#largestGuard, this.#guardRoom(target));
    }
    problem.apart.forEach((members, group) => {
      for (const item of members) this.#groupsOf.set(item, [...(this.#groupsOf.get(item) ?? []), group]);
    });
    const byKind = new Map<number, number[]>();
    for (const target of targets.usable) {
      const kind = targets.kind[target]!;
      const list = byKind.get(kind);
      if (list) list.push(target);
      else byKind.set(kind, [target]);
    }
    for (const [kind, list] of byKind) {
      // Neighbours in the tree should be alike: then whole branches are settled at once.
      const left = new Map(list.map((target) => [target, this.#leftover(target)]));
      list.sort((a, b) => left.get(a)! - left.get(b)! || a - b);
      this.#trees.set(kind, new RoomTree(list.length));
      this.#targetOf.set(kind, Int32Array.from(list));
      list.forEach((target, leaf) => {
        this.#leafOf[target] = leaf;
        this.#note(target);
      });
    }
  }

  /** Nodes looked at so far. */
  get work(): number {
    let work = this.#work;
    for (const tree of this.#trees.values()) work += tree.work;
    return work;
  }

  /** The items on a target. */
  on(target: number): readonly number[] {
    return this.#held.get(target) ?? [];
  }

  /** The targets that hold any. */
  get booked(): IterableIterator<number> {
    return this.#held.keys();
  }

  levelOf(target: number): number {
    return this.#level[target]!;
  }

  /** Whether a target takes an item beside those it holds. */
  fits(item: number, target: number): boolean {
    const { problem } = this;
    const { targets } = problem;
    const it = problem.items[item]!;
    const level = this.#level[target]! + it.load / targets.size[target]!;
    const guardAdd = it.guardLoad / targets.guardSize[target]!;
    const guard = this.#guardLevel[target]! + guardAdd;
    const limit = targets.limit[target]!;
    const guardLimit = targets.guardLimit[target]!;
    if (!(level < limit && guard <= guardLimit) || !isAllowed(problem, item, target)) return false;
    // A single item is judged by the bare formula; only sums of several can be off by their rounding.
    const held = this.#held.get(target);
    if (!held) return true;
    if (level >= limit - problem.tolerance) return false;
    if (guard > guardLimit - problem.guardTolerance && !this.#isExactGuard(target, guardAdd)) return false;
    return this.#hasCapacity(item, target, held) && this.#isApart(item, held);
  }

  #hasCapacity(item: number, target: number, held: readonly number[]): boolean {
    return this.problem.capacities.every(({ counts, demand, room }) => {
      if (counts === 'each') return true;
      let used = demand[item]!;
      for (const other of held) used += demand[other]!;
      return used <= room[target]!;
    });
  }

  #isApart(item: number, held: readonly number[]): boolean {
    const groups = this.#groupsOf.get(item);
    return !groups || !held.some((other) => this.#groupsOf.get(other)?.some((group) => groups.includes(group)));
  }

  /** Whether a target would take an item if it held no other. */
  #fitsAlone(item: number, target: number): boolean {
    const { targets, items } = this.problem;
    const it = items[item]!;
    return (
      targets.level[target]! + it.load / targets.size[target]! < targets.limit[target]! &&
      targets.guardLevel[target]! + it.guardLoad / targets.guardSize[target]! <= targets.guardLimit[target]! &&
      isAllowed(this.problem, item, target)
    );
  }

  /** Where an item goes; -1 if no target takes it as things are, or none that ends under the level `under`. */
  targetFor(item: number, preference: Preference, under = Infinity): number {
    const { load, guardLoad, source } = this.problem.items[item]!;
    const kind = this.problem.sources[source]!.kind;
    const tree = this.#trees.get(kind);
    if (!tree) return -1;
    const homes = this.#homes.get(item);
    if (homes && homes.length <= SHORT_LIST) return this.#best(item, homes, preference, under);
    const targets = this.#targetOf.get(kind)!;
    const before = tree.work;
    const query = { load, guardLoad, accepts: (leaf: number) => this.fits(item, targets[leaf]!) };
    const leaf = preference === 'snuggest' ? tree.snuggest(query) : tree.lowest(query, under);
    // The list costs a look at every target: it is made once the tree has cost as much for this item.
    this.#looks[item] = this.#looks[item]! + tree.work - before;
    if (!homes && this.#looks[item] > this.problem.targets.usable.length) this.homesOf(item);
    return leaf < 0 ? -1 : targets[leaf]!;
  }

  /** The targets that would take an item if they held no other. */
  homesOf(item: number): Int32Array {
    let homes = this.#homes.get(item);
    if (!homes) {
      homes = this.problem.targets.usable.filter((target) => this.#fitsAlone(item, target));
      this.#homes.set(item, homes);
      this.#work += this.problem.targets.usable.length;
    }
    return homes;
  }

  #best(item: number, homes: Int32Array, preference: Preference, under: number): number {
    const { size } = this.problem.targets;
    const { load } = this.problem.items[item]!;
    let best = -1;
    let least = preference === 'snuggest' ? Infinity : under;
    this.#work += homes.length;
    for (const target of homes) {
      const value = preference === 'snuggest' ? this.#leftover(target) : this.#level[target]! + load / size[target]!;
      if (!(value < least) || !this.fits(item, target)) continue;
      best = target;
      least = value;
    }
    return best;
  }

  put(item: number, target: number): void {
    const { targets, items } = this.problem;
    const it = items[item]!;
    this.placeOf[item] = target;
    this.#level[target] = this.#level[target]! + it.load / targets.size[target]!;
    this.#guardLevel[target] = this.#guardLevel[target]! + it.guardLoad / targets.guardSize[target]!;
    const held = this.#held.get(target);
    if (held) held.push(item);
    else this.#held.set(target, [item]);
    this.#note(target);
  }

  take(item: number): void {
    const { targets, items } = this.problem;
    const target = this.placeOf[item]!;
    this.placeOf[item] = -1;
    const held = this.#held.get(target)!.filter((other) => other !== item);
    if (held.length > 0) this.#held.set(target, held);
    else this.#held.delete(target);
    let level = targets.level[target]!;
    let guard = targets.guardLevel[target]!;
    for (const other of held) {
      level += items[other]!.load / targets.size[target]!;
      guard += items[other]!.guardLoad / targets.guardSize[target]!;
    }
    this.#level[target] = level;
    this.#guardLevel[target] = guard;
    this.#note(target);
  }

  clear(): void {
    for (let item = 0; item < this.placeOf.length; item++) if (this.placeOf[item]! >= 0) this.take(item);
  }

  /** Books everything as it once was. @param placeOf - an earlier {@link TargetBookings.placeOf}. */
  restore(placeOf: Int32Array): void {
    this.clear();
    for (let item = 0; item < placeOf.length; item++) if (placeOf[item]! >= 0) this.put(item, placeOf[item]!);
  }

  /** The highest level among the targets that hold something; -Infinity without any. */
  get peak(): number {
    let peak = -Infinity;
    for (const target of this.#held.keys()) peak = Math.max(peak, this.#level[target]!);
    return peak;
  }

  get moves(): Move[] {
    const moves: Move[] = [];
    this.placeOf.forEach((target, item) => {
      if (target >= 0) moves.push({ item, target });
    });
    return moves;
  }

  /** How much of a target's room an item takes, at most: a large one is hard to place. */
  bulk(item: number): number {
    const { load, guardLoad } = this.problem.items[item]!;
    return load / (this.#largest || 1) + guardLoad / (this.#largestGuard || 1);
  }

  #room(target: number): number {
    const { limit, size } = this.problem.targets;
    return (limit[target]! - this.#level[target]!) * size[target]!;
  }

  #guardRoom(target: number): number {
    const { guardLimit, guardSize } = this.problem.targets;
    return (guardLimit[target]! - this.#guardLevel[target]!) * guardSize[target]!;
  }

  #leftover(target: number): number {
    return this.#room(target) / (this.#largest || 1) + this.#guardRoom(target) / (this.#largestGuard || 1);
  }

  #note(target: number): void {
    const { kind, limit, size, guardLimit, guardSize } = this.problem.targets;
    const room = this.#room(target) + ROUNDING * Math.abs(limit[target]!) * size[target]!;
    const guardRoom = this.#guardRoom(target) + ROUNDING * Math.abs(guardLimit[target]!) * guardSize[target]!;
    const tree = this.#trees.get(kind[target]!)!;
    tree.set(this.#leafOf[target]!, room, guardRoom, this.#leftover(target), this.#level[target]!, size[target]!);
  }

  /** A guard may be met exactly, where no number that it is added up from is rounded. */
  #isExactGuard(target: number, guardAdd: number): boolean {
    const { targets, items } = this.problem;
    return [
      targets.guardLevel[target]!,
      guardAdd,
      ...this.on(target).map((item) => items[item]!.guardLoad / targets.guardSize[target]!),
    ].every(addsUpExactly);
  }
}
