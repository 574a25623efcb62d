import type { GuestCourses } from './courses.js';
import { normalBelow } from './normal.js';

/** Points by which a host may differ from what its guests' courses say: what no history knows. */
export const UNKNOWN_POINTS = 10;

/** What {@link HostRisks} begins with, in columns by host position. */
export interface HostColumns {
  /** What of a level no guest explains, points. */
  base: Float64Array;
  /** A guest's load over this is points. */
  size: Float64Array;
  /** Points. */
  threshold: Float64Array;
}

/**
 * How likely each host is to be past its threshold: Φ((μ − T) / √(v + σ²)), μ and v the weighted mean and variance of the level
 * that the guests on it now would have made. A guest that comes or goes changes both by its own course and by its covariance
 * with the others.
 */
export class HostRisks {
  readonly courses: GuestCourses;
  readonly #base: Float64Array;
  readonly #size: Float64Array;
  readonly #threshold: Float64Array;
  /** By host: the sum over its guests of mean and spread, in the unit of the courses. */
  readonly #mean: Float64Array;
  readonly #spread: Float64Array;
  readonly #variance: Float64Array;
  readonly #risk: Float64Array;
  /** By row. */
  readonly #ownVariance: Float64Array;

  constructor(courses: GuestCourses, { base, size, threshold }: HostColumns) {
    this.courses = courses;
    this.#base = base;
    this.#size = size;
    this.#threshold = threshold;
    this.#mean = new Float64Array(size.length);
    this.#spread = new Float64Array(size.length * courses.slots);
    this.#variance = new Float64Array(size.length);
    this.#risk = new Float64Array(size.length);
    this.#ownVariance = Float64Array.from(courses.mean, (_, row) => courses.variance(row));
  }

  /** How likely the host is to be past its threshold, 0 to 1; after {@link settle}. */
  risk(host: number): number {
    return this.#risk[host]!;
  }

  /** How many standard deviations a host is above its threshold: in the order of the risks, and told apart where those are all 0. */
  urgency(host: number): number {
    return this.#urgency(host, this.#mean[host]!, this.#variance[host]!);
  }

  /** The risk of a host without one of its guests. */
  riskWithout(host: number, row: number): number {
    const variance = this.#variance[host]! - 2 * this.#covariance(host, row) + this.#ownVariance[row]!;
    return normalBelow(this.#urgency(host, this.#mean[host]! - this.courses.mean[row]!, variance));
  }

  /** The risk of a host with one more guest. */
  riskWith(host: number, row: number): number {
    const variance = this.#variance[host]! + 2 * this.#covariance(host, row) + this.#ownVariance[row]!;
    return normalBelow(this.#urgency(host, this.#mean[host]! + this.courses.mean[row]!, variance));
  }

  /** Puts a guest on a host, or takes it off; {@link settle} has to follow. */
  change(host: number, row: number, sign: 1 | -1): void {
    const { slots, mean, spread } = this.courses;
    this.#mean[host] = this.#mean[host]! + sign * mean[row]!;
    const from = row * slots;
    const to = host * slots;
    for (let slot = 0; slot < slots; slot++) this.#spread[to + slot]! += sign * spread[from + slot]!;
  }

  /** Works out the risk of a host after changes. */
  settle(host: number): void {
    const { slots } = this.courses;
    let variance = 0;
    for (let at = host * slots, end = at + slots; at < end; at++) variance += this.#spread[at]! * this.#spread[at]!;
    this.#variance[host] = variance;
    this.#risk[host] = normalBelow(this.urgency(host));
  }

  #urgency(host: number, mean: number, variance: number): number {
    const size = this.#size[host]!;
    const points = mean / size + this.#base[host]! - this.#threshold[host]!;
    return points / Math.sqrt(Math.max(0, variance) / (size * size) + UNKNOWN_POINTS * UNKNOWN_POINTS);
  }

  #covariance(host: number, row: number): number {
    const { slots, spread } = this.courses;
    const from = row * slots;
    const to = host * slots;
    let sum = 0;
    for (let slot = 0; slot < slots; slot++) sum += spread[from + slot]! * this.#spread[to + slot]!;
    return sum;
  }
}
