import { createHash } from 'node:crypto';

/** A body is remembered for this long, ms. */
const MEMORY_MS = 86_400_000;
/** A sender delivers one body several times within this, ms: for several channels, or because an answer was lost. */
const DELIVERY_MS = 30_000;
/** Bodies that are remembered at most; the oldest go first. */
const MOST_BODIES = 10_000;

/**
 * Remembers signed bodies whose signature holds for ever, so that nobody can send one again. It remembers in memory alone: a
 * start forgets them.
 */
export class ReplayMemory {
  /** When each was first taken, by its hash, ms since the epoch; the oldest first. */
  readonly #taken = new Map<string, number>();

  /** @returns what a body is remembered by. */
  static hashOf(body: Buffer): string {
    return createHash('sha256').update(body).digest('base64');
  }

  /** Whether a body was taken before, longer ago than one delivery takes. */
  isReplay(hash: string, now: number): boolean {
    const at = this.#taken.get(hash);
    return at !== undefined && now - at > DELIVERY_MS && now - at <= MEMORY_MS;
  }

  /** Remembers a body that was taken. */
  remember(hash: string, now: number): void {
    for (const [known, at] of this.#taken) {
      if (now - at <= MEMORY_MS && this.#taken.size < MOST_BODIES) break;
      this.#taken.delete(known);
    }
    if (!this.#taken.has(hash)) this.#taken.set(hash, now);
  }
}
