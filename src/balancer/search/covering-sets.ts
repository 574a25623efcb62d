import { coveringKnapsack } from './covering-knapsack.js';
import { MOVE_WEIGHT, priceOfWeight } from './dense-problem.js';

/**
 * How many sets are worked out at first and once these run out, and up to what multiple of a plain greedy set's price.
 * Three hundred more found nothing better in tight fleets: their time is better spent on another order of the sources.
 */
const STAGES = [
  { count: 8, reach: 2 },
  { count: 48, reach: 3 },
] as const;

/** Steps of one stage for each set that is asked for, after which the sets found so far have to do. */
const STEPS_PER_SET = 300;

/** What leaves one source, as columns by item. */
export interface SourceItems {
  /** Index of the problem's item. */
  readonly item: Int32Array;
  readonly relief: Float64Array;
  /** Price and moves as one number: see {@link MOVE_WEIGHT}. */
  readonly weight: Float64Array;
  /** Whether two items, by place in the columns, are the same in all that matters. */
  readonly isAlike: (a: number, b: number) => boolean;
}

/** Items whose relief clears a source, none of them needlessly. */
export interface CoveringSet {
  /** Indices of the problem's items. */
  readonly items: Int32Array;
  readonly weight: number;
}

/**
 * The sets of items that clear one source, the cheapest first (A* over the covering knapsack, whose table gives the exact
 * price of what is still to go).
 */
export class CoveringSets {
  /** What no set is cheaper than, MiB. */
  readonly floor: number;
  readonly #from: SourceItems;
  readonly #need: number;
  #sets: CoveringSet[] = [];
  #stage = 0;

  /**
   * @param from - sorted by relief, the largest first.
   * @param need - what the relief has to be more than; less than the relief of all items together.
   */
  constructor(from: SourceItems, need: number) {
    this.#from = from;
    this.#need = need;
    this.floor = this.#extend();
  }

  /** The set at a place in the order of weight; undefined where there is none, or none was found. */
  at(place: number): CoveringSet | undefined {
    while (place >= this.#sets.length && this.#stage < STAGES.length) this.#extend();
    return this.#sets[place];
  }

  #extend(): number {
    const { count, reach } = STAGES[this.#stage++]!;
    const { sets, floor } = cheapestSets(this.#from, this.#need, count, reach);
    if (sets.length >= this.#sets.length) this.#sets = sets;
    return floor;
  }
}

/** Takes what relieves most for its price until the source is cleared. */
function greedySet({ relief, weight }: SourceItems, need: number): { places: number[]; weight: number } {
  const order = Array.from(relief, (_, at) => at).sort(
    (a, b) => weight[a]! / relief[a]! - weight[b]! / relief[b]! || a - b,
  );
  const places: number[] = [];
  let left = need;
  let sum = 0;
  for (const at of order) {
    if (left < 0) break;
    left -= relief[at]!;
    sum += weight[at]!;
    places.push(at);
  }
  return { places, weight: sum };
}

/** A set that is being put together: what has been decided about the items before `position`. */
interface PartialSet {
  position: number;
  need: number;
  weight: number;
  /** At most what any set costs that this one grows into. */
  bound: number;
  /** The item taken last, by place, and the set it was added to. */
  taken: number;
  before: PartialSet | undefined;
}

function cheapestSets(
  from: SourceItems,
  need: number,
  count: number,
  reach: number,
): { sets: CoveringSet[]; floor: number } {
  const { relief, weight } = from;
  const greedy = greedySet(from, need);
  const cap = Math.ceil(priceOfWeight(greedy.weight) * reach);
  const table = coveringKnapsack(relief, weight.map(priceOfWeight), cap);
  const open = new Heap();
  const grow = (set: Omit<PartialSet, 'bound'>): void => {
    const rest = table.least(set.position, set.need);
    // A move at least, where anything is still to go.
    const bound = set.need < 0 ? set.weight : set.weight + rest * MOVE_WEIGHT + 1;
    if (rest < Infinity) open.push({ ...set, bound });
  };
  grow({ position: 0, need, weight: 0, taken: -1, before: undefined });
  const sets: CoveringSet[] = [];
  for (let steps = count * STEPS_PER_SET; steps > 0 && sets.length < count; steps--) {
    const set = open.pop();
    if (!set) break;
    if (set.need < 0) {
      sets.push({ items: itemsOf(set, from), weight: set.weight });
      continue;
    }
    const { position } = set;
    if (position >= relief.length) continue;
    grow({
      position: position + 1,
      need: set.need - relief[position]!,
      weight: set.weight + weight[position]!,
      taken: position,
      before: set,
    });
    // Leaving one of several that are alike is leaving all: another order of the same set is no other set.
    let next = position + 1;
    while (next < relief.length && from.isAlike(position, next)) next++;
    grow({ ...set, position: next });
  }
  // What comes off the heap first is the cheapest there is; the table alone may be rounded.
  const [cheapest] = sets;
  if (cheapest) return { sets, floor: priceOfWeight(cheapest.weight) };
  const items = Int32Array.from(greedy.places, (at) => from.item[at]!);
  return { sets: [{ items, weight: greedy.weight }], floor: table.least(0, need) };
}

function itemsOf(set: PartialSet, { item }: SourceItems): Int32Array {
  const items: number[] = [];
  for (let at: PartialSet | undefined = set; at; at = at.before) if (at.taken >= 0) items.push(item[at.taken]!);
  return Int32Array.from(items.reverse());
}

/** Partial sets by their bound, of equals the one that has come furthest. */
class Heap {
  readonly #sets: PartialSet[] = [];

  push(set: PartialSet): void {
    const sets = this.#sets;
    let at = sets.length;
    sets.push(set);
    while (at > 0) {
      const up = (at - 1) >> 1;
      if (!isBefore(set, sets[up]!)) break;
      sets[at] = sets[up]!;
      at = up;
    }
    sets[at] = set;
  }

  pop(): PartialSet | undefined {
    const sets = this.#sets;
    const top = sets[0];
    const last = sets.pop();
    if (!top || !last || sets.length === 0) return top;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= sets.length) break;
      if (down + 1 < sets.length && isBefore(sets[down + 1]!, sets[down]!)) down++;
      if (!isBefore(sets[down]!, last)) break;
      sets[at] = sets[down]!;
      at = down;
    }
    sets[at] = last;
    return top;
  }
}

function isBefore(a: PartialSet, b: PartialSet): boolean {
  return a.bound < b.bound || (a.bound === b.bound && a.position > b.position);
}
