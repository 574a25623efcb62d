import { Random } from '../random.js';
import type { Trace } from './traces.js';

const GUESTS = 1000;
const SLOTS = 288;
/** The median guest's mean over the day, %, and the deviation of its logarithm: a mean of 11.5 % over all, 1 in 10 above 26 %. */
const MEDIAN_LEVEL = 6.8;
const LEVEL_DEVIATION = 1.05;
const MOST_LEVEL = 80;
/** Deviation within a day as a share of a guest's mean. */
const SPREAD = 0.66;
/** Shares of the variance: what lasts for hours, and what all guests have in common. */
const SLOW = 0.08;
const COMMON = 0.01;
/** How much of what lasts is left after a slot: half of it after two hours. */
const KEPT = 0.97;

/** A normally distributed number (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}

/** Something that lasts: normally distributed at every slot, and like what it was a slot before. */
function lasting(random: Random): number[] {
  let value = normal(random);
  return Array.from({ length: SLOTS }, () => {
    value = KEPT * value + Math.sqrt(1 - KEPT ** 2) * normal(random);
    return value;
  });
}

/**
 * A day made up, for where the real ones are not at hand. Its figures are those of the four PlanetLab days: a mean of 11 to 12 % (median of
 * the guests 6 to 7, a tenth of them above 23 to 34), a deviation within the day of 0.55 to 0.63 of a guest's mean, bursts (above mean + deviation)
 * of 1.2 to 1.3 slots, an autocorrelation of 0.07 to 0.12 after a slot and about as much after an hour, none after six, and a correlation of two guests of 0.005
 * to 0.013.
 */
export function syntheticTrace(seed: number): Trace {
  const random = new Random(seed);
  const common = lasting(random);
  const usage = Array.from({ length: GUESTS }, () => {
    const level = Math.min(MOST_LEVEL, MEDIAN_LEVEL * Math.exp(LEVEL_DEVIATION * normal(random)));
    const slow = lasting(random);
    return Array.from({ length: SLOTS }, (_, slot) => {
      const own = Math.sqrt(1 - SLOW - COMMON) * normal(random);
      const deviation = own + Math.sqrt(SLOW) * slow[slot]! + Math.sqrt(COMMON) * common[slot]!;
      return Math.min(100, Math.max(0, level * (1 + SPREAD * deviation)));
    });
  });
  return { day: `synthetic-${seed}`, usage };
}
