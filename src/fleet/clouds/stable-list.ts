import { FleetError } from '../fleet.js';

/** A list that was not the same all the while it was read, page by page. */
export class ListChanged extends Error {}

/**
 * Reads a list, and once more if it changed meanwhile: half a list, or one of two moments, is none.
 * @param list - its name, for the error.
 * @param readOnce - throws {@link ListChanged} if it noticed a change.
 * @throws FleetError if it changes again.
 */
export async function readStable<T>(system: string, list: string, readOnce: () => Promise<T>): Promise<T> {
  try {
    return await readOnce();
  } catch (error) {
    if (!(error instanceof ListChanged)) throw error;
  }
  try {
    return await readOnce();
  } catch (error) {
    if (!(error instanceof ListChanged)) throw error;
    const problem = `list ${list}: the list changed twice while it was read (${error.message})`;
    throw new FleetError(system, problem, { cause: error });
  }
}
