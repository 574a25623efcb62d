/** How fine prices are told apart in a bound, where they have no common step: at most this many units. */
const UNITS = 1024;

/** Exact or slightly low bounds on what it costs to cover a need with the items from some position on. */
export interface CoveringBound {
  /** The least price of items from `position` on whose relief adds up to more than `need`; Infinity if there is none. */
  least(position: number, need: number): number;
  /** Whether items from `position` on can cover `need` for at most `most`; false only if they surely cannot. */
  mayCover(position: number, need: number, most: number): boolean;
  /** Whether the bounds are exact, and not rounded down. */
  readonly isExact: boolean;
}

function commonStep(prices: Float64Array): number {
  let step = 0;
  for (let price of prices) {
    while (price !== 0) [step, price] = [price, step % price];
  }
  return step || 1;
}

/**
 * The covering knapsack by dynamic programming over prices, from the last item to the first.
 * @param relief - of the items, in the order of the search.
 * @param price - of the items, whole numbers.
 * @param cap - no price above this will be asked for.
 */
export function coveringKnapsack(relief: Float64Array, price: Float64Array, cap: number): CoveringBound {
  const count = relief.length;
  const step = commonStep(price);
  const isExact = cap / step <= UNITS;
  const unit = isExact ? step : Math.max(1, Math.ceil(cap / UNITS));
  const units = Math.floor(cap / unit);
  const width = units + 1;
  // best[position * width + u]: the most relief from position on for u units.
  const best = new Float64Array((count + 1) * width);
  for (let position = count - 1; position >= 0; position--) {
    const row = position * width;
    const next = row + width;
    const cost = Math.floor(price[position]! / unit);
    const gain = relief[position]!;
    for (let u = 0; u < width; u++) {
      const without = best[next + u]!;
      const withIt = u >= cost ? best[next + u - cost]! + gain : 0;
      best[row + u] = withIt > without ? withIt : without;
    }
  }

  function least(position: number, need: number): number {
    if (need < 0) return 0;
    const row = position * width;
    if (!(best[row + units]! > need)) return Infinity;
    let low = 0;
    let high = units;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (best[row + middle]! > need) high = middle;
      else low = middle + 1;
    }
    return low * unit;
  }

  function mayCover(position: number, need: number, most: number): boolean {
    if (most < 0) return false;
    const u = Math.floor(most / unit);
    return best[position * width + (u < units ? u : units)]! > need;
  }

  return { least, mayCover, isExact };
}
