/** What a step of the search costs beside the targets it looks at, in looks. */
export const STEP = 60;

/** Looks between two looks at the clock. */
const CLOCK_EVERY = 20_000;

/**
 * How long a search may go on. It is counted in looks at a target, a few nanoseconds each, so that the same problem
 * gets the same answer everywhere; a clock can end it sooner.
 */
export class Budget {
  #left: number;
  #untilClock = CLOCK_EVERY;
  readonly #isLate: () => boolean;

  /**
   * @param looks - how many there are.
   * @param isLate - whether a deadline has passed.
   */
  constructor(looks: number, isLate: () => boolean) {
    this.#left = looks;
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
