import type { Guest } from '../../fleet/fleet.js';
import { cpuLoad, readingOf } from '../model/arithmetic.js';
import type { Courses } from './courses.js';
import { normalBelow } from './normal.js';

/** Points by which a host may differ from what its guests' courses say: what no history knows. */
export const UNKNOWN_POINTS = 10;

/** What {@link HostRisks} begins with, in columns by host position. */
export interface HostColumns {
  /** The present level, points; NaN where there is none. */
  reading: Float64Array;
  /** A guest's load over this is points. */
  size: Float64Array;
  /** Points. */
  threshold: Float64Array;
}

/** Rows that there is room for at first. */
const FIRST_ROWS = 1024;

/**
 * How likely each host is to be past its threshold: Φ((μ − T) / √(v + σ²)), μ and v the weighted mean and variance of the level
 * that the guests on it now would have made. A guest that comes or goes changes both by its own course and by its covariance
 * with the others. Guests that may move have a row each; the others are part of their host.
 */
export class HostRisks {
  readonly #courses: Courses;
  readonly #reading: Float64Array;
  /** What of a level no guest explains, points. */
  readonly #base: Float64Array;
  readonly #size: Float64Array;
  readonly #threshold: Float64Array;
  /** By host: the sum over its guests of mean and spread, in the unit of the courses. */
  readonly #mean: Float64Array;
  readonly #spread: Float64Array;
  readonly #variance: Float64Array;
  readonly #risk: Float64Array;
  /** By row. */
  #rowMean = new Float64Array(FIRST_ROWS);
  #rowVariance = new Float64Array(FIRST_ROWS);
  #rowSpread: Float64Array;
  #rows = 0;

  constructor(courses: Courses, { reading, size, threshold }: HostColumns) {
    this.#courses = courses;
    this.#reading = reading;
    this.#base = new Float64Array(size.length);
    this.#size = size;
    this.#threshold = threshold;
    this.#mean = new Float64Array(size.length);
    this.#spread = new Float64Array(size.length * courses.slots);
    this.#variance = new Float64Array(size.length);
    this.#risk = new Float64Array(size.length);
    this.#rowSpread = new Float64Array(FIRST_ROWS * courses.slots);
  }

  /**
   * Fills a host with the guests that are on it.
   * @param changes - guests that are on their way to it or from it: its reading does not show them.
   */
  fill(host: number, guests: readonly Guest[], changes: readonly { guest: Guest; sign: 1 | -1 }[] = []): void {
    const from = host * this.#courses.slots;
    let steady = 0;
    let load = 0;
    for (const guest of guests) {
      const reading = readingOf(guest, 'cpu.usage_active');
      if (reading === undefined) continue;
      load += cpuLoad(reading, guest.vcpu_count);
      steady += this.#courses.addKnown(guest, reading, this.#spread, from);
    }
    const unexplained = this.#reading[host]! - load / this.#size[host]!;
    this.#base[host] = unexplained > 0 ? unexplained : 0;
    this.#mean[host] = steady + this.#courses.toSpread(this.#spread, from);
    for (const { guest, sign } of changes) {
      this.change(host, this.addRow(guest), sign);
      this.dropLastRow();
    }
    this.settle(host);
  }

  /** The most that a host's risk can fall when a guest of so many vCPUs leaves it, whatever that has done. */
  mostRelief(host: number, vcpus: number): number {
    const size = this.#size[host]!;
    const mean = this.#mean[host]! / size + this.#base[host]! - this.#threshold[host]! - (100 * vcpus) / size;
    // Nothing between 0 and 100 % deviates by more than 50.
    const deviation = Math.max(0, Math.sqrt(this.#variance[host]!) - 50 * vcpus) / size;
    const spread = mean < 0 ? deviation : (Math.sqrt(this.#variance[host]!) + 50 * vcpus) / size;
    return this.#risk[host]! - normalBelow(mean / Math.sqrt(spread * spread + UNKNOWN_POINTS * UNKNOWN_POINTS));
  }

  /** Makes a row for a guest that may move. */
  addRow(guest: Guest): number {
    const { slots } = this.#courses;
    if (this.#rows === this.#rowMean.length) this.#grow();
    const row = this.#rows++;
    const from = row * slots;
    this.#rowSpread.fill(0, from, from + slots);
    const steady = this.#courses.add(guest, this.#rowSpread, from);
    this.#rowMean[row] = steady + this.#courses.toSpread(this.#rowSpread, from);
    this.#rowVariance[row] = squares(this.#rowSpread, from, slots);
    return row;
  }

  /** Forgets the row that was made last. */
  dropLastRow(): void {
    this.#rows--;
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
    const variance = this.#variance[host]! - 2 * this.#covariance(host, row) + this.#rowVariance[row]!;
    return normalBelow(this.#urgency(host, this.#mean[host]! - this.#rowMean[row]!, variance));
  }

  /** The risk of a host with one more guest. */
  riskWith(host: number, row: number): number {
    const variance = this.#variance[host]! + 2 * this.#covariance(host, row) + this.#rowVariance[row]!;
    return normalBelow(this.#urgency(host, this.#mean[host]! + this.#rowMean[row]!, variance));
  }

  /** Puts a guest on a host, or takes it off; {@link settle} has to follow. */
  change(host: number, row: number, sign: 1 | -1): void {
    const { slots } = this.#courses;
    this.#mean[host] = this.#mean[host]! + sign * this.#rowMean[row]!;
    const from = row * slots;
    const to = host * slots;
    for (let slot = 0; slot < slots; slot++) this.#spread[to + slot]! += sign * this.#rowSpread[from + slot]!;
  }

  /** Works out the risk of a host after changes. */
  settle(host: number): void {
    const { slots } = this.#courses;
    this.#variance[host] = squares(this.#spread, host * slots, slots);
    this.#risk[host] = normalBelow(this.urgency(host));
  }

  #urgency(host: number, mean: number, variance: number): number {
    const size = this.#size[host]!;
    const points = mean / size + this.#base[host]! - this.#threshold[host]!;
    return points / Math.sqrt(Math.max(0, variance) / (size * size) + UNKNOWN_POINTS * UNKNOWN_POINTS);
  }

  #covariance(host: number, row: number): number {
    const { slots } = this.#courses;
    const rows = this.#rowSpread;
    const hosts = this.#spread;
    const from = row * slots;
    const to = host * slots;
    let sum = 0;
    for (let slot = 0; slot < slots; slot++) sum += rows[from + slot]! * hosts[to + slot]!;
    return sum;
  }

  #grow(): void {
    const twice = (column: Float64Array) => {
      const grown = new Float64Array(2 * column.length);
      grown.set(column);
      return grown;
    };
    this.#rowMean = twice(this.#rowMean);
    this.#rowVariance = twice(this.#rowVariance);
    this.#rowSpread = twice(this.#rowSpread);
  }
}

function squares(column: Float64Array, from: number, count: number): number {
  let sum = 0;
  for (let at = from; at < from + count; at++) sum += column[at]! * column[at]!;
  return sum;
}
