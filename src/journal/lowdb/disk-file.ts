import { readFile } from 'node:fs/promises';
import type { Adapter } from 'lowdb';
import { writeWhole } from '../../common/write-whole.js';

/**
 * A lowdb adapter for one JSON file. lowdb's own writes a second file and renames it, which outlives the end of the process;
 * this one also waits for the disk, so that it outlives the loss of power, and gives a full disk its space back.
 * Writes must not overlap.
 * @param path - the file; one that is not there reads as `null`.
 * @param sync - whether to wait for the disk.
 */
export function diskFile<T>(path: string, sync: boolean): Adapter<T> {
  return {
    async read() {
      const text = await readFile(path, 'utf8').catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      });
      return text === null ? null : (JSON.parse(text) as T);
    },

    write: async (data) => writeWhole(path, JSON.stringify(data), { sync }),
  };
}
