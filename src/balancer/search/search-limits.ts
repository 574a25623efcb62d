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

/** What each alerting host more may take beside, ms: about what its cheapest sets and a few hundred bookings anew cost. */
const MS_PER_SOURCE = 2.5;

/** No plan takes longer than this, unless more is asked for, ms. */
const MOST_DEADLINE_MS = 2000;

/**
 * How long the plan for so many alerting hosts may take, ms.
 * @param mostMs - what it takes at most, however many there are.
 */
export function planDeadlineMs(sources: number, mostMs = MOST_DEADLINE_MS): number {
  return Math.min(mostMs, PLAN_DEADLINE_MS + MS_PER_SOURCE * Math.max(0, sources - 1));
}

/** {@link SearchLimits} once the clock runs: all searches that share it end together. */
export interface RunningLimits {
  effort: number;
  isLate: () => boolean;
  /** The share of the time that has passed, up to 1; 0 without a clock. */
  elapsed: () => number;
}

/** Starts the clock of some limits. */
export function startLimits({ now, deadlineMs, effort = 1 }: SearchLimits = {}): RunningLimits {
  if (!now || deadlineMs === undefined) return { effort, isLate: () => false, elapsed: () => 0 };
  const start = now();
  const end = start + deadlineMs;
  return { effort, isLate: () => now() >= end, elapsed: () => shareOf(now() - start, deadlineMs) };
}

/** Limits that end after a share of the time that is left; without a clock, the same limits. */
export function partOf({ effort, isLate, elapsed }: RunningLimits, share: number): RunningLimits {
  const start = elapsed();
  const span = (1 - start) * share;
  return {
    effort,
    isLate: () => isLate() || elapsed() - start >= span,
    elapsed: () => shareOf(elapsed() - start, span),
  };
}

function shareOf(passed: number, span: number): number {
  return passed < span ? passed / span : 1;
}

/**
 * How long a search may go on. It is counted in looks at a target, a few nanoseconds each, so that the same problem
 * gets the same answer everywhere; a clock can end it sooner.
 */
export class LookAllowance {
  #left: number;
  #untilClock = CLOCK_EVERY;
  readonly #all: number;
  readonly #limits: RunningLimits;

  /**
   * @param looks - how many there are, for an effort of 1.
   * @param limits - how much of that is given, and until when.
   */
  constructor(looks: number, limits: RunningLimits) {
    this.#all = looks * limits.effort;
    this.#left = this.#all;
    this.#limits = limits;
  }

  /** The share that is used up, of the looks or of the time, whichever is more. */
  get used(): number {
    return Math.max(1 - this.#left / this.#all, this.#limits.elapsed());
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
      if (this.#limits.isLate()) this.#left = 0;
    }
    return this.#left > 0;
  }
}
