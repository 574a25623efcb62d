import type { Guest } from '../../fleet/fleet.js';
import { readingOf } from '../model/arithmetic.js';

/** The slots of a history that count, the newest first: 6 h of them. */
export const MOST_SLOTS = 72;
/** The newest slots, which weigh as much as all of them together: an hour. */
const RECENT_SLOTS = 12;
/** What of a guest's course is told by its history; the rest is its present reading. */
const HISTORY_SHARE = 0.8;

/**
 * How much each slot of a history counts: half of the weight is spread over all slots, half over those of the last hour.
 * @param slots - how many there are.
 * @returns the newest first; they add up to 1.
 */
export function slotWeights(slots: number): Float64Array {
  const recent = Math.min(RECENT_SLOTS, slots);
  return new Float64Array(slots).map((_, slot) => 0.5 / slots + (slot < recent ? 0.5 / recent : 0));
}

/**
 * Courses of guests and of hosts over the slots of a history, % of one CPU. They are written into parts of long arrays: a course
 * first, then its spread, which is the course without its mean, each slot times the root of its weight. So the product of two
 * spreads is a covariance.
 */
export class Courses {
  readonly slots: number;
  readonly #weights: Float64Array;
  readonly #roots: Float64Array;

  /** @param slots - of the longest history. */
  constructor(slots: number) {
    this.slots = slots;
    this.#weights = slotWeights(slots);
    this.#roots = this.#weights.map(Math.sqrt);
  }

  /**
   * Adds ℓ(s) = (0.8·u(s) + 0.2·x)·vcpus of a guest to a course. A slot that it does not have counts as its mean over those it has;
   * one without any history is steady at its reading, and one without a reading is no load at all.
   * @param course - where to add what varies; it begins at `from`.
   * @returns what does not vary.
   */
  add(guest: Guest, course: Float64Array, from: number): number {
    const reading = readingOf(guest, 'cpu.usage_active');
    if (reading === undefined) return 0;
    return this.addKnown(guest, reading, course, from);
  }

  /** The same for a guest whose reading is known. */
  addKnown(guest: Guest, reading: number, course: Float64Array, from: number): number {
    const { vcpu_count: vcpus } = guest;
    const own = guest.history?.['cpu.usage_active'];
    const { slots } = this;
    const known = own ? Math.min(own.length, slots) : 0;
    if (!own || known === 0) return reading * vcpus;
    const scale = HISTORY_SHARE * vcpus;
    const newest = own.length - 1;
    for (let slot = 0; slot < known; slot++) course[from + slot]! += scale * own[newest - slot]!;
    if (known < slots) {
      const mean = scale * this.#meanOf(own, known);
      for (let slot = known; slot < slots; slot++) course[from + slot]! += mean;
    }
    return (1 - HISTORY_SHARE) * reading * vcpus;
  }

  /**
   * Makes a spread of a course, in place.
   * @returns the mean that is taken off.
   */
  toSpread(course: Float64Array, from: number): number {
    let mean = 0;
    for (let slot = 0; slot < this.slots; slot++) mean += this.#weights[slot]! * course[from + slot]!;
    for (let slot = 0; slot < this.slots; slot++) {
      course[from + slot] = this.#roots[slot]! * (course[from + slot]! - mean);
    }
    return mean;
  }

  #meanOf(own: readonly number[], known: number): number {
    let sum = 0;
    let weight = 0;
    for (let slot = 0; slot < known; slot++) {
      sum += this.#weights[slot]! * own[own.length - 1 - slot]!;
      weight += this.#weights[slot]!;
    }
    return sum / weight;
  }
}
