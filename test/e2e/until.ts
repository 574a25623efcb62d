import { setTimeout as delay } from 'node:timers/promises';

/**
 * Looks until there is something to see.
 * @param what - for the message if it never comes.
 * @param look - its value ends the waiting unless it is undefined or false; an error means that it is not there yet.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  limitMs = 120_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      last = seen;
    } catch (error) {
      last = error;
    }
    await delay(200);
  }
  throw new Error(`not within ${limitMs} ms: ${what}`, { cause: last });
}

/** A pause between two looks. */
export const shortly = (): Promise<void> => delay(200);
