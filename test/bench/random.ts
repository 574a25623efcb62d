/** Random numbers from a seed (mulberry32, Tommy Ettinger, public domain): the same on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, without, 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  integer(least: number, most: number): number {
    return Math.floor(this.between(least, most + 1));
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.integer(0, choices.length - 1)]!;
  }

  chance(share: number): boolean {
    return this.next() < share;
  }

  shuffled<T>(entries: readonly T[]): T[] {
    const result = [...entries];
    for (let at = result.length - 1; at > 0; at--) {
      const other = this.integer(0, at);
      [result[at], result[other]] = [result[other]!, result[at]!];
    }
    return result;
  }
}
