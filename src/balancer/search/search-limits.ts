/** What a step of the search costs beside the targets it looks at, in looks. */
export const STEP = 60;

/** Looks between two looks at the clock. */
const CLOCK_EVERY = 10_000;

/** How long a search may take. Without a clock its looks at targets are counted, and the result is the same everywhere. */
export interface SearchLimits {
  /** Gives the time in ms, from any start. */
  now?: () => number;
  /** With `now`: the search ends after this many ms. */
  deadlineMs?: number;
  /** How many times the usual number of looks may be taken; 1 by default. */
  effort?: number;
}

/** How long a plan may take that an alert waits for, ms: what is left of 50 ms is for building it and putting it into words. */
export const PLAN_DEADLINE_MS = 35;

/** {@link SearchLimits} once the clock runs: all searches that share it end together. */
export interface RunningLimits {
  effort: number;
  isLate: () => boolean;
}

/** Starts the clock of some limits. */
export function startLimits({ now, deadlineMs, effort = 1 }: SearchLimits = {}): RunningLimits {
  if (!now || deadlineMs === undefined) return { effort, isLate: () => false };
  const end = now() + deadlineMs;
  return { effort, isLate: () => now() >= end };
}

/**
 * How long a search may go on. It is counted in looks at a target, a few nanoseconds each, so that the same problem
 * gets the same answer everywhere; a clock can end it sooner.
 */
export class LookAllowance {
  #left: number;
  #untilClock = CLOCK_EVERY;
  readonly #isLate: () => boolean;

  /**
   * @param looks - how many there are, for an effort of 1.
   * @param limits - how much of that is given, and until when.
   */
  constructor(looks: number, { effort, isLate }: RunningLimits) {
    this.#left = looks * effort;
    this.#isLate = isLate;
  }

  /**
   * Takes away what was used.
   * @returns false once nothing is left.
   */
  spend(looks: number): boolean {
    this.#left -= looks;
    this.#untilClock -= looks;
    if (this.#untilClock < 0) {
      this.#untilClock = CLOCK_EVERY;
      if (this.#isLate()) this.#left = 0;
    }
    return this.#left > 0;
  }
}
