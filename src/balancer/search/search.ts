import { type Incumbent, CheapestSets } from './cheapest-sets.js';
import { LookAllowance, type RunningLimits, startLimits } from './search-limits.js';
import { isTooMuch, mostRemovable } from './relief-bound.js';
import { LocalSearch } from './local-search.js';
import { MostRelief } from './most-relief.js';
import { type TargetSelection, fewTargets, manyTargets, usableItems } from './target-selection.js';
import { type Move, type Problem, evaluate } from '../model/problem.js';
import { searchManySources } from './many-sources.js';
import { type Solution, inOrder } from './solution.js';
import { type DenseProblem, movesOf, priceOfWeight, denseProblem } from './dense-problem.js';

/** Looks at a target for each part of a search, for an effort of 1. */
const QUICK = 300_000;
const GLANCE = 150_000;
const IMPROVE = 700_000;
const EXACT = 800_000;
const TIES = 150_000;
const MOST = 600_000;

/** How often the local search for the most takes turns between cheap sets and those that take away much. */
const MOST_ROUNDS = 3;

/** Rounds of local search and branch and bound. */
const ROUNDS = [
  [GLANCE, GLANCE],
  [IMPROVE, EXACT],
] as const;

/**
 * Up to this many sources are searched together; more of them one by one, with the bookings of the others in sight.
 * Measured on tight fleets of 5 to 16 alerting hosts: at 6 both come out alike, from 8 on together is dearer and slower.
 */
export const TOGETHER = 6;

const NOTHING = { moves: [], optimal: true, gap: 0 };

/**
 * Looks for the best set of moves: what clears every source for the least price, or else removes most of the excess.
 * The cheapest cover of each source is a knapsack, solved exactly; where its items can be packed it is the optimum.
 * Where targets are tight, branch and bound goes on from there, beside a local search.
 * @param problem - see {@link Problem}.
 * @param limits - how long it may look; by default until its looks are used up.
 * @param mustClear - whether moves that do not clear every source are of no use.
 * @returns no moves if no item fits anywhere.
 */
export function search(problem: Problem, limits: RunningLimits = startLimits(), mustClear = false): Solution {
  const nothing = { ...NOTHING, evaluation: evaluate(problem, []) };
  if (problem.items.length === 0 || problem.targets.usable.length === 0) return nothing;
  if (problem.sources.length > TOGETHER) return searchManySources(problem, limits, mustClear);
  const few = fewTargets(problem);
  const items = usableItems(problem, few.targets);
  if (items.length === 0) return nothing;

  const need = needsOf(problem, items);
  let dense: DenseProblem = { ...denseProblem(problem, items, few.targets), need };
  const isCut = few.exactUpTo < Infinity;
  if (!isCut && isTooMuch(dense))
    return mustClear ? nothing : partial(problem, removeMost(new LocalSearch(dense), limits), few);
  const cap = coverCap(dense);
  const quick = new CheapestSets(dense, cap);
  const quickFloor = climb(quick, quick.floor, cap, new LookAllowance(QUICK, limits));
  const isProven = !isCut || !quick.hasRefused;
  if (quick.best && quick.isComplete && isProven) {
    return finish(problem, quick, new LookAllowance(TIES, limits), quickFloor);
  }

  const many = isCut ? manyTargets(problem) : few;
  if (isCut) dense = { ...denseProblem(problem, items, many.targets), need };
  const local = new LocalSearch(dense);
  if (quick.best) local.start(placesIn(dense, movesOf(quick.dense, quick.best.placeOf)));
  const lowest = Math.max(quick.floor, isProven ? quickFloor : 0);
  let floor = lowest;
  let sets = quick;
  // A glance settles most; what is left gets a long look.
  for (const [improve, exact] of ROUNDS) {
    local.run(new LookAllowance(improve, limits), floor);
    const isFound = local.best.quality.shortfall === 0;
    const ceiling = priceOfWeight(isFound ? local.best.quality.weight : dense.weight.reduce((sum, w) => sum + w, 0));
    sets = new CheapestSets(dense, ceiling);
    if (isFound) sets.best = incumbentOf(local);
    floor = climb(sets, Math.max(floor, sets.floor), ceiling, new LookAllowance(exact, limits));
    if (sets.isComplete) break;
    if (sets.best) local.start(sets.best.placeOf);
  }
  if (!sets.best) {
    if (mustClear) return nothing;
    const most = removeMost(local, limits);
    if (most.best.quality.shortfall > 0) return partial(problem, most, many);
    sets.best = incumbentOf(most);
    floor = climb(sets, floor, priceOfWeight(sets.best.weight), new LookAllowance(EXACT, limits));
  }
  const leastPrice = Math.min(...problem.items.map(({ price }) => price));
  const isExact = priceOfWeight(sets.best.weight) / leastPrice <= many.exactUpTo;
  return finish(problem, sets, new LookAllowance(TIES, limits), isExact ? floor : lowest);
}

function incumbentOf({ best }: LocalSearch | MostRelief): Incumbent {
  return { weight: best.quality.weight, peak: Infinity, placeOf: best.placeOf };
}

/** Moves in terms of a denseProblem. */
function placesIn({ items, itemOf, targetOf }: DenseProblem, moves: readonly Move[]): Int32Array {
  const places = new Int32Array(items).fill(-1);
  for (const { item, target } of moves) {
    const place = targetOf.indexOf(target);
    if (place >= 0) places[itemOf.indexOf(item)] = place;
  }
  return places;
}

/** What has to go from each source; all of its items, where they are not enough. */
function needsOf(problem: Problem, items: Int32Array): Float64Array {
  const relief = new Float64Array(problem.sources.length);
  for (const index of items) {
    const item = problem.items[index]!;
    relief[item.source] = relief[item.source]! + item.relief;
  }
  return Float64Array.from(problem.sources, ({ level, limit }, source) => {
    const excess = level - limit + problem.tolerance;
    const most = relief[source]!;
    // Where nothing can go, nothing has to.
    if (most === 0) return -1;
    return most > excess ? excess : most - Math.max(problem.tolerance, most * 1e-12);
  });
}

/** A price for which every source can be covered, were there no end of room: the least by price for relief. */
function coverCap(dense: DenseProblem): number {
  const order = Int32Array.from({ length: dense.items }, (_, item) => item).sort(
    (a, b) => dense.weight[a]! / dense.relief[a]! - dense.weight[b]! / dense.relief[b]! || a - b,
  );
  const need = dense.need.slice();
  let cap = 0;
  for (const item of order) {
    const source = dense.source[item]!;
    if (need[source]! < 0) continue;
    need[source] = need[source]! - dense.relief[item]!;
    cap += priceOfWeight(dense.weight[item]!);
  }
  return cap;
}

/**
 * Raises the price up to which all sets have been looked at, until one is found or the allowance is spent.
 * @returns the price that is proven to be the least possible.
 */
function climb(sets: CheapestSets, lowest: number, ceiling: number, allowance: LookAllowance): number {
  let floor = lowest;
  let stride = Math.max(1, ceiling / 256);
  for (;;) {
    const top = sets.best ? priceOfWeight(sets.best.weight) - 1 : ceiling;
    if (floor > top) return floor;
    const cap = Math.min(top, floor + stride);
    const before = sets.best;
    sets.run(cap, allowance, false);
    if (!sets.isComplete) return floor;
    if (sets.best !== before && sets.best) return priceOfWeight(sets.best.weight);
    floor = Math.floor(cap) + 1;
    if (cap >= top) return floor;
    stride *= 2;
  }
}

function finish(problem: Problem, sets: CheapestSets, ties: LookAllowance, floor: number): Solution {
  const found = sets.best!;
  sets.run(priceOfWeight(found.weight), ties, true);
  const moves = inOrder(problem, movesOf(sets.dense, sets.best!.placeOf));
  const evaluation = evaluate(problem, moves);
  const gap = Math.max(0, evaluation.price - floor) / evaluation.price;
  return { moves, evaluation, optimal: gap === 0, gap };
}

/** Looks for what removes most, where no set was found that clears everything. */
function removeMost(local: LocalSearch, limits: RunningLimits): MostRelief {
  const glance = new MostRelief(local.dense, local.best, new LookAllowance(GLANCE, limits));
  glance.run();
  if (glance.isComplete) return glance;
  local.start(glance.best.placeOf);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    local.run(new LookAllowance(MOST, limits), 0, 'all');
    local.run(new LookAllowance(MOST, limits), 0, 'most');
  }
  const look = new MostRelief(local.dense, local.best, new LookAllowance(GLANCE, limits));
  look.run();
  return look;
}

function partial(problem: Problem, { dense, best, isComplete }: MostRelief, targets: TargetSelection): Solution {
  const moves = inOrder(problem, movesOf(dense, best.placeOf));
  const evaluation = evaluate(problem, moves);
  const isProven = isComplete && targets.exactUpTo >= dense.items;
  const all = dense.need.reduce((sum, need) => sum + Math.max(0, need), 0);
  const most = targets.exactUpTo === Infinity ? Math.min(all, mostRemovable(dense)) : all;
  const gap = isProven || most === 0 ? 0 : Math.max(0, most - evaluation.removed) / most;
  return { moves, evaluation, optimal: gap === 0, gap };
}
