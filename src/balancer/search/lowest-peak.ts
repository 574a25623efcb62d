import { type Packing, book, hasCapacity, isApart } from './packing.js';

/** Tries of one search for the lowestPeak packing. */
const FLAT_LIMIT = 600;

/** The highest level among the targets that take something; -Infinity for none. */
export function peakOf(packing: Packing): number {
  let peak = -Infinity;
  for (let t = 0; t < packing.dense.targets; t++) {
    if (packing.load[t]! > 0 && packing.level[t]! > peak) peak = packing.level[t]!;
  }
  return peak;
}

/** The lowest level that an item can leave on any target, whatever else goes there. */
export function leastPeaks({ dense }: Packing): Float64Array {
  const { items, targets, add, guardAdd } = dense;
  const least = new Float64Array(items).fill(Infinity);
  for (let i = 0; i < items; i++) {
    for (let t = 0; t < targets; t++) {
      const level = dense.level[t]! + add[i * targets + t]!;
      const guard = dense.guardLevel[t]! + guardAdd[i * targets + t]!;
      if (level < dense.limit[t]! && guard <= dense.guardLimit[t]! && level < least[i]!) least[i] = level;
    }
  }
  return least;
}

/**
 * Looks for places of a packing's items so that the highest level is lowest, by branch and bound with a limit.
 * @param packing - left as it was.
 * @param bound - only a peak under this is of interest.
 * @param least - {@link leastPeaks} of the same denseProblem.
 * @returns the place of each chosen item, in their order, with the peak; undefined if none under the bound was found.
 */
export function lowestPeak(
  packing: Packing,
  bound: number,
  least: Float64Array,
): { places: Int32Array; peak: number } | undefined {
  const { dense, count } = packing;
  const { targets, add, guardAdd } = dense;
  const items = packing.chosen.slice(0, count).sort((a, b) => least[b]! - least[a]! || a - b);
  let floor = -Infinity;
  for (const item of items) floor = Math.max(floor, least[item]!);
  if (floor >= bound) return undefined;

  const level = dense.level.slice();
  const guard = dense.guardLevel.slice();
  const load = new Int32Array(targets);
  const used = new Float64Array(packing.used.length);
  const held = new Int32Array(packing.held.length);
  const place = new Int32Array(dense.items).fill(-1);
  let best: Int32Array | undefined;
  let peak = bound;
  let tries = 0;

  function descend(at: number, highest: number): void {
    if (at === count) {
      peak = highest;
      best = place.slice();
      return;
    }
    const item = items[at]!;
    const tried = new Uint8Array(targets);
    for (;;) {
      // The emptiest place first: as a rule that is the answer.
      let next = -1;
      let lowest = peak;
      packing.work += targets;
      for (let t = 0; t < targets; t++) {
        const after = level[t]! + add[item * targets + t]!;
        if (tried[t] === 1 || after >= lowest) continue;
        const several = load[t]! > 0;
        if (after >= dense.limit[t]! - (several ? dense.tolerance : 0)) continue;
        const room = dense.guardLimit[t]! - (several ? dense.guardTolerance[t]! : 0);
        if (guard[t]! + guardAdd[item * targets + t]! > room) continue;
        if (several && !(hasCapacity(dense, item, t, used) && isApart(dense, item, t, held))) continue;
        lowest = after;
        next = t;
      }
      if (next < 0 || ++tries > FLAT_LIMIT) return;
      tried[next] = 1;
      const was = level[next]!;
      const guardWas = guard[next]!;
      level[next] = lowest;
      guard[next] = guardWas + guardAdd[item * targets + next]!;
      load[next] = load[next]! + 1;
      book(dense, item, next, 1, used, held);
      place[item] = next;
      descend(at + 1, Math.max(highest, lowest));
      level[next] = was;
      guard[next] = guardWas;
      load[next] = load[next]! - 1;
      book(dense, item, next, -1, used, held);
      place[item] = -1;
      if (peak <= floor) return;
    }
  }
  descend(0, -Infinity);
  if (!best) return undefined;
  const found = best;
  return { places: Int32Array.from({ length: count }, (_, at) => found[packing.chosen[at]!]!), peak };
}
