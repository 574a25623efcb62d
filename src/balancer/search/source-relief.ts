import type { Problem } from '../model/problem.js';
import { CoveringSets } from './covering-sets.js';
import { MOVE_WEIGHT } from './dense-problem.js';
import { shortOf } from './set-quality.js';
import type { TargetBookings } from './target-bookings.js';

/** What one source is to get rid of, and with what. */
export interface Relief {
  /** The items that fit somewhere; the largest relief first. */
  readonly items: Int32Array;
  /** What has to go, rounding included; all of the items where that is not enough. Below 0 where nothing can go. */
  readonly need: number;
  /** The cheapest ways to do it. */
  readonly sets: CoveringSets;
}

/** Price and moves of an item as one number. */
export function weightOf({ items }: Problem, item: number): number {
  const { price, guests } = items[item]!;
  return price * MOVE_WEIGHT + guests.length;
}

/**
 * Works out for each source what could leave it.
 * @param bookings - empty: what fits nowhere now is left out.
 */
export function reliefOfSources(problem: Problem, bookings: TargetBookings): Relief[] {
  const bySource = problem.sources.map((): number[] => []);
  problem.items.forEach(({ source, relief }, item) => {
    if (relief > 0 && bookings.targetFor(item, 'snuggest') >= 0) bySource[source]!.push(item);
  });
  const special = new Set([...problem.forbidden.keys(), ...problem.only.keys(), ...problem.apart.flat()]);
  return bySource.map((list, source) => {
    const { items } = problem;
    list.sort((a, b) => items[b]!.relief - items[a]!.relief || items[a]!.price - items[b]!.price || a - b);
    const relief = Float64Array.from(list, (item) => items[item]!.relief);
    const need = needOf(problem, source, relief);
    const columns = {
      item: Int32Array.from(list),
      relief,
      weight: Float64Array.from(list, (item) => weightOf(problem, item)),
      isAlike: (a: number, b: number) =>
        !special.has(list[a]!) && !special.has(list[b]!) && isAlike(problem, list[a]!, list[b]!),
    };
    return { items: columns.item, need, sets: new CoveringSets(columns, need) };
  });
}

function needOf({ sources, tolerance }: Problem, source: number, relief: Float64Array): number {
  const { level, limit } = sources[source]!;
  const excess = level - limit + tolerance;
  const most = relief.reduce((sum, some) => sum + some, 0);
  if (most === 0) return -1;
  return most > excess ? excess : most - Math.max(tolerance, most * 1e-12);
}

/** Whether two items are the same in every number. */
function isAlike(problem: Problem, a: number, b: number): boolean {
  const [first, second] = [problem.items[a]!, problem.items[b]!];
  return (
    first.relief === second.relief &&
    first.price === second.price &&
    first.load === second.load &&
    first.guardLoad === second.guardLoad &&
    first.guests.length === second.guests.length &&
    problem.capacities.every(({ demand }) => demand[a] === demand[b])
  );
}

/** What is left of a source's need with the items that are booked. */
export function restOf({ items, need }: Relief, problem: Problem, { placeOf }: TargetBookings): number {
  let rest = need;
  for (const item of items) if (placeOf[item]! >= 0) rest -= problem.items[item]!.relief;
  return rest;
}

/**
 * Books the cheapest set of a source that fits beside what is booked; where none does, as much of its items as does.
 * @param relief - of a source of which nothing is booked.
 * @param skip - whether to pass over a set or an item for once, so that another search goes another way.
 */
export function relieveSource(relief: Relief, bookings: TargetBookings, skip: () => boolean = () => false): void {
  if (relief.need < 0) return;
  const { problem } = bookings;
  const homeless = new Set<number>();
  for (let place = 0; ; place++) {
    const set = relief.sets.at(place);
    if (!set) break;
    if (skip() || set.items.some((item) => homeless.has(item))) continue;
    const refused = bookAll(set.items, bookings);
    if (refused < 0) return;
    if (bookings.targetFor(refused, 'snuggest') < 0) homeless.add(refused);
  }
  bookMost(relief, problem, bookings, skip);
}

/**
 * Books what relieves a source most for its price on the target that ends lowest, until the source is cleared: what this
 * simple greedy clears, a search that starts from it clears too.
 */
export function relieveGreedily({ items, need }: Relief, bookings: TargetBookings): void {
  const { problem } = bookings;
  const rate = (item: number) => problem.items[item]!.price / problem.items[item]!.relief;
  let rest = need;
  for (const item of items.slice().sort((a, b) => rate(a) - rate(b) || a - b)) {
    if (rest < 0) return;
    const target = bookings.targetFor(item, 'lowest');
    if (target < 0) continue;
    bookings.put(item, target);
    rest -= problem.items[item]!.relief;
  }
}

/** Books all items, the hardest to place first, or none. Gives the one that has no place, or -1. */
function bookAll(items: Int32Array, bookings: TargetBookings): number {
  const order = items.length === 1 ? items : items.slice().sort((a, b) => bookings.bulk(b) - bookings.bulk(a) || a - b);
  for (let at = 0; at < order.length; at++) {
    const target = bookings.targetFor(order[at]!, 'snuggest');
    if (target >= 0) {
      bookings.put(order[at]!, target);
      continue;
    }
    for (let back = 0; back < at; back++) bookings.take(order[back]!);
    return order[at]!;
  }
  return -1;
}

/** Books what relieves most, then takes back what is not needed. */
function bookMost(relief: Relief, problem: Problem, bookings: TargetBookings, skip: () => boolean): void {
  let rest = relief.need;
  const booked: number[] = [];
  for (const item of relief.items) {
    if (rest < 0) break;
    if (skip()) continue;
    const target = bookings.targetFor(item, 'snuggest');
    if (target < 0) continue;
    bookings.put(item, target);
    booked.push(item);
    rest -= problem.items[item]!.relief;
  }
  booked.sort((a, b) => problem.items[b]!.price - problem.items[a]!.price || a - b);
  for (const item of booked) {
    const without = rest + problem.items[item]!.relief;
    if (shortOf(without, problem.tolerance) > 0) continue;
    bookings.take(item);
    rest = without;
  }
}
