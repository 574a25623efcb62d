import type { DenseProblem } from './dense-problem.js';

/**
 * What can be taken off all sources at most, in the unit of the level, by the room of all targets together in either
 * metric and each capacity, as if items were divisible and targets one.
 */
export function mostRemovable(dense: DenseProblem): number {
  const { problem, itemOf, targetOf } = dense;
  const { size, guardSize } = problem.targets;
  let room = 0;
  let guardRoom = 0;
  for (let t = 0; t < dense.targets; t++) {
    const left = dense.limit[t]! - dense.level[t]!;
    const guardLeft = dense.guardLimit[t]! - dense.guardLevel[t]!;
    if (!takesAny(dense, t, left, guardLeft)) continue;
    room += left * size[targetOf[t]!]!;
    guardRoom += guardLeft * guardSize[targetOf[t]!]!;
  }
  const load = Float64Array.from(itemOf, (item) => problem.items[item]!.load);
  const guardLoad = Float64Array.from(itemOf, (item) => problem.items[item]!.guardLoad);
  const byCapacity = dense.capacities.map((capacity) =>
    mostFor(
      dense,
      capacity.demand,
      capacity.room.reduce((sum, some) => sum + Math.max(0, some), 0),
    ),
  );
  return Math.min(mostFor(dense, load, room), mostFor(dense, guardLoad, guardRoom), ...byCapacity);
}

/** Whether what has to go is surely more than all targets can take; rounding proves nothing. */
export function isTooMuch(dense: DenseProblem): boolean {
  const need = dense.need.reduce((sum, some) => sum + Math.max(0, some), 0);
  return mostRemovable(dense) < need * (1 - 1e-9);
}

function takesAny(
  { items, targets, add, guardAdd }: DenseProblem,
  t: number,
  left: number,
  guardLeft: number,
): boolean {
  for (let at = t; at < items * targets; at += targets) if (add[at]! < left && guardAdd[at]! <= guardLeft) return true;
  return false;
}

/** The most relief for a room: the items that take up the least for it first, and no source more than it needs. */
function mostFor({ items, relief, source, need }: DenseProblem, load: Float64Array, room: number): number {
  const order = Int32Array.from({ length: items }, (_, item) => item).sort(
    (a, b) => load[a]! / relief[a]! - load[b]! / relief[b]!,
  );
  const rest = need.slice();
  let left = room;
  let removed = 0;
  for (const item of order) {
    const useful = Math.min(relief[item]!, Math.max(0, rest[source[item]!]!));
    const taken = (load[item]! * useful) / relief[item]!;
    if (taken > left) return removed + (useful * left) / taken;
    left -= taken;
    removed += useful;
    rest[source[item]!] = rest[source[item]!]! - useful;
  }
  return removed;
}
