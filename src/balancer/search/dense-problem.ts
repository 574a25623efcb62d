import { type Move, type Problem, isAllowed } from '../model/problem.js';

/** What a move counts in a price that is compared as one number: a MiB outweighs every number of moves. */
export const MOVE_WEIGHT = 2 ** 12;

/** A problem as flat arrays, cut down to the items that fit somewhere and to a choice of targets. */
export interface DenseProblem {
  readonly problem: Problem;
  readonly items: number;
  readonly targets: number;
  readonly sources: number;
  /** Index of the problem's item. */
  readonly itemOf: Int32Array;
  /** Index of the problem's target. */
  readonly targetOf: Int32Array;
  readonly source: Int32Array;
  readonly relief: Float64Array;
  /** MiB; with the number of moves as the last digits, so that of equal prices fewer moves are less. */
  readonly weight: Float64Array;
  /** By source: what has to go, rounding included. */
  readonly need: Float64Array;
  /** `item * targets + target`: what the item puts on the target; Infinity where it may not go. */
  readonly add: Float64Array;
  readonly guardAdd: Float64Array;
  readonly level: Float64Array;
  readonly guardLevel: Float64Array;
  readonly limit: Float64Array;
  readonly guardLimit: Float64Array;
  /** By item: the groups it belongs to of which no two may be on one target; undefined where there are none at all. */
  readonly groupsOf: readonly Int32Array[] | undefined;
  readonly groups: number;
  /** Resources of which the items on a target take some together. */
  readonly capacities: readonly DenseCapacity[];
  readonly tolerance: number;
  /** By target: what sums on it may be off by their rounding; 0 where every number there adds up without any. */
  readonly guardTolerance: Float64Array;
}

/** A resource in whole numbers. */
export interface DenseCapacity {
  /** By item. */
  readonly demand: Float64Array;
  /** By target. */
  readonly room: Float64Array;
}

/** The price in MiB of a {@link DenseProblem.weight}. */
export function priceOfWeight(weight: number): number {
  return Math.floor(weight / MOVE_WEIGHT);
}

/**
 * Lays out a problem for the search.
 * @param itemOf - the items to keep, by index.
 * @param targetOf - the targets to keep, by index.
 */
export function denseProblem(problem: Problem, itemOf: Int32Array, targetOf: Int32Array): DenseProblem {
  const items = itemOf.length;
  const targets = targetOf.length;
  const add = new Float64Array(items * targets);
  const guardAdd = new Float64Array(items * targets);
  const { level, limit, size, guardLevel, guardLimit, guardSize } = problem.targets;
  for (let i = 0; i < items; i++) {
    const item = problem.items[itemOf[i]!]!;
    for (let t = 0; t < targets; t++) {
      const target = targetOf[t]!;
      add[i * targets + t] = isAllowed(problem, itemOf[i]!, target) ? item.load / size[target]! : Infinity;
      guardAdd[i * targets + t] = item.guardLoad / guardSize[target]!;
    }
  }
  const ofItem = (value: (item: Problem['items'][number]) => number) =>
    Float64Array.from(itemOf, (index) => value(problem.items[index]!));
  const ofTarget = (column: Float64Array) => Float64Array.from(targetOf, (index) => column[index]!);
  return {
    problem,
    items,
    targets,
    sources: problem.sources.length,
    itemOf,
    targetOf,
    source: Int32Array.from(itemOf, (index) => problem.items[index]!.source),
    relief: ofItem(({ relief }) => relief),
    weight: ofItem(({ price, guests }) => price * MOVE_WEIGHT + guests.length),
    need: Float64Array.from(problem.sources, ({ level, limit }) => level - limit + problem.tolerance),
    add,
    guardAdd,
    level: ofTarget(level),
    guardLevel: ofTarget(guardLevel),
    limit: ofTarget(limit),
    guardLimit: ofTarget(guardLimit),
    groupsOf: groupsOf(problem, itemOf),
    groups: problem.apart.length,
    capacities: problem.capacities
      .filter(({ counts }) => counts === 'together')
      .map(({ demand, room }) => ({
        demand: Float64Array.from(itemOf, (index) => demand[index]!),
        room: ofTarget(room),
      })),
    tolerance: problem.tolerance,
    guardTolerance: guardTolerances(problem, targetOf, guardAdd),
  };
}

/** Whether sums with a number of this kind are exact: it ends a few binary places behind the point. */
export function addsUpExactly(value: number): boolean {
  return Number.isInteger(value * 2 ** 16);
}

/** A guard may be met exactly, so that a tolerance where there is no rounding would refuse what fits. */
function guardTolerances({ targets, guardTolerance }: Problem, targetOf: Int32Array, guardAdd: Float64Array) {
  const tolerance = new Float64Array(targetOf.length).fill(guardTolerance);
  if (guardTolerance === 0) return tolerance;
  const count = targetOf.length;
  for (let t = 0; t < count; t++) {
    let isExact = addsUpExactly(targets.guardLevel[targetOf[t]!]!);
    for (let at = t; isExact && at < guardAdd.length; at += count) isExact = addsUpExactly(guardAdd[at]!);
    if (isExact) tolerance[t] = 0;
  }
  return tolerance;
}

function groupsOf({ apart }: Problem, itemOf: Int32Array): Int32Array[] | undefined {
  if (apart.length === 0) return undefined;
  const groups = new Map<number, number[]>();
  apart.forEach((members, group) => {
    for (const item of members) groups.set(item, [...(groups.get(item) ?? []), group]);
  });
  return Array.from(itemOf, (item) => Int32Array.from(groups.get(item) ?? []));
}

/** Moves in terms of the problem, from a target (or -1) for each item. */
export function movesOf({ items, itemOf, targetOf }: DenseProblem, placeOf: Int32Array): Move[] {
  const moves: Move[] = [];
  for (let i = 0; i < items; i++) {
    if (placeOf[i]! >= 0) moves.push({ item: itemOf[i]!, target: targetOf[placeOf[i]!]! });
  }
  return moves;
}
