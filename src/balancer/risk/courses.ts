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

/** How many slots the longest history of some guests has, at most {@link MOST_SLOTS}. */
export function slotsOf(guests: Iterable<Guest>): number {
  let slots = 0;
  for (const { history } of guests) slots = Math.max(slots, history?.['cpu.usage_active']?.length ?? 0);
  return Math.min(slots, MOST_SLOTS);
}

/**
 * What guests have put on their hosts, as mean and spread: a row for each. A spread is the course without its mean, each slot
 * times the square root of its weight, so that the product of two rows is their covariance.
 */
export class GuestCourses {
  readonly slots: number;
  /** By row, % of one CPU. */
  readonly mean: Float64Array;
  /** By row, then by slot, % of one CPU. */
  readonly spread: Float64Array;
  readonly #weights: Float64Array;
  readonly #roots: Float64Array;

  constructor(rows: number, slots: number) {
    this.slots = slots;
    this.mean = new Float64Array(rows);
    this.spread = new Float64Array(rows * slots);
    this.#weights = slotWeights(slots);
    this.#roots = this.#weights.map(Math.sqrt);
  }

  /**
   * Fills a row with ℓ(s) = (0.8·u(s) + 0.2·x)·vcpus. A slot that a guest does not have counts as its mean over those it has; one
   * without any history is steady at its reading, and one without a reading is no load at all.
   */
  fill(row: number, guest: Guest): void {
    const reading = readingOf(guest, 'cpu.usage_active');
    if (reading === undefined) return;
    const course = guest.history?.['cpu.usage_active'] ?? [];
    const known = Math.min(course.length, this.slots);
    if (known === 0) {
      this.mean[row] = reading * guest.vcpu_count;
      return;
    }
    const newest = course.length - 1;
    let sum = 0;
    let weight = 0;
    for (let slot = 0; slot < known; slot++) {
      const share = this.#weights[slot]!;
      sum += share * course[newest - slot]!;
      weight += share;
    }
    const mean = sum / weight;
    this.mean[row] = (HISTORY_SHARE * mean + (1 - HISTORY_SHARE) * reading) * guest.vcpu_count;
    const scale = HISTORY_SHARE * guest.vcpu_count;
    const at = row * this.slots;
    for (let slot = 0; slot < known; slot++) {
      this.spread[at + slot] = this.#roots[slot]! * scale * (course[newest - slot]! - mean);
    }
  }

  /** The variance of a row. */
  variance(row: number): number {
    const { slots, spread } = this;
    let sum = 0;
    for (let at = row * slots, end = at + slots; at < end; at++) sum += spread[at]! * spread[at]!;
    return sum;
  }
}
