import { shortOf } from './most-relief.js';
import type { Packing } from './packing.js';

/** Tries of one filling, after which the best so far counts. */
const TRIES = 150;

/** What a look at one item costs, in looks at a target. */
const STEP_WORK = 12;

/** What a filling takes off the sources. */
interface Fill {
  items: number[];
  gain: number;
  weight: number;
}

/**
 * The items that take away most if one target is filled with them, by branch and bound with a limit.
 * @param packing - left as it was.
 * @param target - what it holds stays there.
 * @param rest - by source: what still has to go.
 * @param tolerance - of sums of relief.
 */
export function bestFilling(packing: Packing, target: number, rest: Float64Array, tolerance: number): number[] {
  const { dense } = packing;
  const open = rest.slice();
  const bulk = bulkOn(packing, target);
  const items: number[] = [];
  for (let item = 0; item < dense.items; item++) {
    if (packing.placeOf[item]! >= 0 || open[dense.source[item]!]! < 0 || !packing.fits(item, target)) continue;
    items.push(item);
  }
  const quality = (item: number) => Math.min(dense.relief[item]!, open[dense.source[item]!]!) / bulk(item);
  const key = new Map(items.map((item) => [item, quality(item)]));
  items.sort((a, b) => key.get(b)! - key.get(a)! || dense.weight[a]! - dense.weight[b]! || a - b);

  const best: Fill = { items: [], gain: 0, weight: 0 };
  const taken: number[] = [];
  let tries = 0;

  /** What the room that is left could take away at most: items in the order of their quality, the last in part. */
  function bound(from: number, room: number): number {
    let gain = 0;
    let left = room;
    for (let at = from; at < items.length; at++) {
      const item = items[at]!;
      const size = bulk(item);
      const most = Math.min(dense.relief[item]!, Math.max(0, rest[dense.source[item]!]!));
      if (size >= left) return gain + (most * left) / size;
      gain += most;
      left -= size;
    }
    return gain;
  }

  function descend(from: number, gain: number, weight: number, room: number): void {
    const difference = gain - best.gain;
    if (difference > tolerance || (difference >= -tolerance && weight < best.weight)) {
      Object.assign(best, { items: [...taken], gain, weight });
    }
    for (let at = from; at < items.length; at++) {
      packing.work += STEP_WORK;
      if (tries >= TRIES || gain + bound(at, room) <= best.gain + tolerance) return;
      const item = items[at]!;
      const source = dense.source[item]!;
      const short = open[source]!;
      if (short < 0 || !packing.fits(item, target)) continue;
      tries++;
      packing.work += 2 * packing.count;
      packing.put(item, target);
      taken.push(item);
      open[source] = short - dense.relief[item]!;
      const more = shortOf(short, tolerance) - shortOf(open[source], tolerance);
      descend(at + 1, gain + more, weight + dense.weight[item]!, room - bulk(item));
      open[source] = short;
      taken.pop();
      packing.take(item);
    }
  }
  descend(0, 0, 0, 2);
  return best.items;
}

/** The room that an item takes up on a target: the shares of what is left there of both metrics, together 2 for all of it. */
function bulkOn({ dense, level, guardLevel }: Packing, target: number): (item: number) => number {
  const room = dense.limit[target]! - level[target]!;
  const guardRoom = dense.guardLimit[target]! - guardLevel[target]!;
  return (item) => {
    const at = item * dense.targets + target;
    const share = dense.add[at]! / room + (guardRoom > 0 ? dense.guardAdd[at]! / guardRoom : 0);
    return share || Number.MIN_VALUE;
  };
}
