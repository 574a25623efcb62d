import type { Sample } from '../fleet.js';

/** A value that stays as it is until it is set anew, remembered for a while. */
export class StepSeries {
  #points: Sample[] = [];
  readonly #keepMs: number;

  /** @param keepMs - how far back it remembers, ms. */
  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** The value from now on. Times must not go back. */
  set(at: number, value: number): void {
    const last = this.#points.at(-1);
    if (last?.value === value) return;
    if (last?.at === at) this.#points.pop();
    this.#points.push({ at, value });
    // The point before the horizon stays: it is the value at the horizon.
    const horizon = at - this.#keepMs;
    const first = this.#points.findIndex((_, index) => (this.#points[index + 1]?.at ?? Infinity) > horizon);
    if (first > 0) this.#points.splice(0, first);
  }

  /** Mean over (from, to]; over the part of it that is known. Undefined if none is. */
  mean(from: number, to: number): number | undefined {
    let sum = 0;
    let known = 0;
    for (let index = this.#points.length - 1; index >= 0; index -= 1) {
      const point = this.#points[index];
      if (!point) break;
      const begin = Math.max(from, point.at);
      const end = Math.min(to, this.#points[index + 1]?.at ?? to);
      if (end > begin) {
        sum += point.value * (end - begin);
        known += end - begin;
      }
      if (point.at <= from) break;
    }
    return known > 0 ? sum / known : undefined;
  }

  /** What a store that scrapes at fixed times has: means of the steps before `to`, oldest first, whole steps only. */
  samples(from: number, to: number, stepMs: number): Sample[] {
    const begin = this.#points[0]?.at ?? to;
    const count = Math.max(0, Math.floor((to - Math.max(from, begin)) / stepMs));
    return Array.from({ length: count }, (_, index) => {
      const at = to - (count - 1 - index) * stepMs;
      return { at, value: this.mean(at - stepMs, at) ?? Number.NaN };
    });
  }
}
