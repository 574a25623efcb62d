import type { Problem } from '../model/problem.js';
import { randomSequence } from './random-sequence.js';
import { type SetQuality, isWorse, shortOf } from './set-quality.js';
import type { LookAllowance } from './search-limits.js';
import { priceOfWeight } from './dense-problem.js';
import { type Relief, relieveSource, restOf, weightOf } from './source-relief.js';
import type { TargetBookings } from './target-bookings.js';

/** Sources of a neighbourhood: so many at least, and at most so many more. */
const GROUP = 2;
const GROUP_MORE = 4;
/** How many of the cheapest sets of a source are looked at for who stands in their way. */
const WANTED_SETS = 6;
/** Targets that are looked at for an item that stands in the way. */
const LOOKED_AT = 12;
/** How often a step drives others out, instead of booking a group anew. */
const EJECTED = 0.5;
/** Up to how many sources a step touches that drives out others, and how often one driven out does so in its turn. */
const CHAIN = 6;
const PASSED_ON = 0.5;
/** How often the next of a group is one that stands in the way of the last, and not of the first. */
const CHAINED = 0.5;
/** How often a set is passed over by chance. */
const SKIPPED = 0.1;
/** How often only sources that are not cleared are begun with, as long as there are any. */
const SHORT_FIRST = 0.8;
/**
 * What the excess that a usual guest would take away counts, in prices of a usual guest. Few excess can so be traded for a
 * lot of price on the way; what is kept in the end goes by excess first.
 */
const EXCESS_WORTH = 10;
/** By how much a plan may get worse in a step at first, in prices of a usual guest; it falls to none. */
const HEAT = 0.1;
/** Steps between two looks at how far the search has come. */
const HEAT_EVERY = 64;
/** What a step costs beside the nodes it looks at, in looks. */
const STEP_LOOKS = 200;

/** By source that a step has touched: what it came to before, and its items with their targets. */
type Touched = Map<number, { quality: SetQuality; places: readonly (readonly [item: number, target: number])[] }>;

/**
 * Large neighbourhood search over many sources: takes the bookings of a few that stand in each other's way, and books them
 * anew in another order. A worse plan is walked on from by chance, ever less often (simulated annealing).
 */
export class RuinAndRecreate {
  readonly #problem: Problem;
  readonly #bookings: TargetBookings;
  readonly #reliefs: readonly Relief[];
  readonly #random = randomSequence();
  /** By source: what its bookings come to. */
  #quality: SetQuality[];
  readonly #tolerance: number;
  /** Price of a usual guest. */
  readonly #usualWeight: number;
  /** What a unit of excess counts. */
  readonly #excessWeight: number;

  /** @param bookings - where to start from; left at the best found. */
  constructor(bookings: TargetBookings, reliefs: readonly Relief[]) {
    this.#bookings = bookings;
    this.#problem = bookings.problem;
    this.#reliefs = reliefs;
    this.#quality = this.#qualities();
    const { items, tolerance } = this.#problem;
    const all = reliefs.reduce((total, { need }) => total + Math.max(0, need), 0);
    this.#tolerance = Math.max(tolerance, all * 1e-11);
    this.#usualWeight = items.reduce((total, _, item) => total + weightOf(this.#problem, item), 0) / items.length;
    const usualRelief = items.reduce((total, { relief }) => total + relief, 0) / items.length;
    this.#excessWeight = (EXCESS_WORTH * this.#usualWeight) / usualRelief;
  }

  get quality(): SetQuality {
    return sum(this.#quality);
  }

  /** Ends when no source could be better by itself, or the allowance is spent. */
  run(allowance: LookAllowance): void {
    const bookings = this.#bookings;
    let best = this.quality;
    let bestPlaces = bookings.placeOf.slice();
    let open = this.#open();
    let { work } = bookings;
    let heat = 0;
    for (let step = 0; open.length > 0 && allowance.spend(bookings.work - work + STEP_LOOKS); step++) {
      ({ work } = bookings);
      if (step % HEAT_EVERY === 0) heat = HEAT * this.#usualWeight * (1 - allowance.used) ** 2;
      const seed = open[Math.floor(this.#random() * open.length)]!;
      const touched = this.#random() < EJECTED ? this.#eject(seed) : this.#bookAnew(this.#neighbours(seed));
      const isBetter = this.#settle(touched, heat);
      if (isBetter === undefined) continue;
      open = this.#open();
      if (!isBetter || !isWorse(best, this.quality, this.#tolerance)) continue;
      best = this.quality;
      bestPlaces = bookings.placeOf.slice();
    }
    bookings.restore(bestPlaces);
    this.#quality = this.#qualities();
  }

  /** Books a group in another order. */
  #bookAnew(group: readonly number[]): Touched {
    const touched: Touched = new Map();
    for (const source of group) this.#touch(source, touched);
    for (const source of this.#inOrder(group)) this.#relieve(source);
    return touched;
  }

  /** Books one of the cheapest sets of a source where it likes, and those that it drives out wherever they fit or do the same. */
  #eject(seed: number): Touched {
    const touched: Touched = new Map();
    const homeless = [seed];
    this.#touch(seed, touched);
    for (let source = homeless.shift(); source !== undefined; source = homeless.shift()) {
      const isForced = source === seed || (touched.size < CHAIN && this.#random() < PASSED_ON);
      if (!(isForced && this.#force(source, touched, homeless))) this.#relieve(source);
    }
    return touched;
  }

  /** Books a cheap set, driving others out. Gives false, and leaves nothing booked, if an item has no place even so. */
  #force(source: number, touched: Touched, homeless: number[]): boolean {
    const bookings = this.#bookings;
    const set = this.#reliefs[source]!.sets.at(Math.floor(this.#random() * WANTED_SETS));
    if (!set) return false;
    const isPlaced = set.items.every((item) => {
      const free = bookings.targetFor(item, 'snuggest');
      const target = free >= 0 ? free : this.#driveOut(item, touched, homeless);
      if (target >= 0) bookings.put(item, target);
      return target >= 0;
    });
    if (!isPlaced) for (const [item] of this.#placesOf(source)) bookings.take(item);
    return isPlaced;
  }

  /** Makes room for an item by driving out what one target holds; -1 if that is of no use, or was tried in this step before. */
  #driveOut(item: number, touched: Touched, homeless: number[]): number {
    const homes = this.#bookings.homesOf(item);
    for (let look = 0; look < LOOKED_AT && homes.length > 0; look++) {
      const target = homes[Math.floor(this.#random() * homes.length)]!;
      const owners = new Set(this.#bookings.on(target).map((other) => this.#problem.items[other]!.source));
      if ([...owners].some((owner) => touched.has(owner))) continue;
      for (const owner of owners) {
        this.#touch(owner, touched);
        homeless.push(owner);
      }
      return target;
    }
    return -1;
  }

  #relieve(source: number): void {
    relieveSource(this.#reliefs[source]!, this.#bookings, () => this.#random() < SKIPPED);
  }

  /** Takes all bookings of a source, and notes them. */
  #touch(source: number, touched: Touched): void {
    const places = this.#placesOf(source);
    touched.set(source, { quality: this.#quality[source]!, places });
    for (const [item] of places) this.#bookings.take(item);
  }

  /** Keeps a step or undoes it. Gives whether it made the plan better; undefined if it was undone. */
  #settle(touched: Touched, heat: number): boolean | undefined {
    const before = sum([...touched.values()].map(({ quality }) => quality));
    const qualities = [...touched.keys()].map((source) => this.#qualityOf(source));
    const after = sum(qualities);
    const worse = after.weight - before.weight + this.#excessWeight * (after.shortfall - before.shortfall);
    if (worse > -heat * Math.log(1 - this.#random())) {
      for (const source of touched.keys()) for (const [item] of this.#placesOf(source)) this.#bookings.take(item);
      for (const { places } of touched.values()) for (const [item, target] of places) this.#bookings.put(item, target);
      return undefined;
    }
    [...touched.keys()].forEach((source, at) => (this.#quality[source] = qualities[at]!));
    return worse < 0;
  }

  /** The sources that could be better: not cleared, or dearer than they would be by themselves. */
  #open(): number[] {
    const short: number[] = [];
    const dear: number[] = [];
    this.#quality.forEach(({ shortfall, weight }, source) => {
      if (shortfall > 0) short.push(source);
      else if (priceOfWeight(weight) > this.#reliefs[source]!.sets.floor) dear.push(source);
    });
    // Price counts for nothing as long as another source can still be cleared.
    return short.length > 0 && this.#random() < SHORT_FIRST ? short : [...short, ...dear];
  }

  #neighbours(seed: number): number[] {
    const group = new Set([seed]);
    const size = GROUP + Math.floor(this.#random() * GROUP_MORE);
    let last = seed;
    for (let step = 0; step < size && group.size < size; step++) {
      const from = this.#random() < CHAINED ? last : seed;
      const inTheWay = this.#inTheWayOf(from);
      if (inTheWay.length === 0) continue;
      last = inTheWay[Math.floor(this.#random() * inTheWay.length)]!;
      group.add(last);
    }
    return [...group];
  }

  /** Sources whose items are on targets that an item of one of the cheapest sets would fit on. */
  #inTheWayOf(source: number): number[] {
    const bookings = this.#bookings;
    const { items, sets } = this.#reliefs[source]!;
    const set = sets.at(Math.floor(this.#random() * WANTED_SETS)) ?? sets.at(0);
    const wanted = set ? set.items : items;
    const found = new Set<number>();
    for (const item of wanted) {
      const homes = this.#bookings.homesOf(item);
      for (let look = 0; look < LOOKED_AT && homes.length > 0; look++) {
        const target = homes[Math.floor(this.#random() * homes.length)]!;
        for (const other of bookings.on(target)) found.add(this.#problem.items[other]!.source);
      }
    }
    found.delete(source);
    return [...found];
  }

  #inOrder(group: readonly number[]): number[] {
    const key = new Map(group.map((source, at) => [source, at === 0 ? this.#random() * 0.5 : this.#random()]));
    return [...group].sort((a, b) => key.get(a)! - key.get(b)!);
  }

  #placesOf(source: number): [number, number][] {
    const { placeOf } = this.#bookings;
    const places: [number, number][] = [];
    for (const item of this.#reliefs[source]!.items) if (placeOf[item]! >= 0) places.push([item, placeOf[item]!]);
    return places;
  }

  #qualities(): SetQuality[] {
    return this.#reliefs.map((_, source) => this.#qualityOf(source));
  }

  #qualityOf(source: number): SetQuality {
    const rest = restOf(this.#reliefs[source]!, this.#problem, this.#bookings);
    const weight = this.#placesOf(source).reduce((total, [item]) => total + weightOf(this.#problem, item), 0);
    return { shortfall: shortOf(rest, this.#problem.tolerance), weight };
  }
}

function sum(qualities: readonly SetQuality[]): SetQuality {
  let shortfall = 0;
  let weight = 0;
  for (const quality of qualities) {
    shortfall += quality.shortfall;
    weight += quality.weight;
  }
  return { shortfall, weight };
}
