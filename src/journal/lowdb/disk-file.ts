import { open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Adapter } from 'lowdb';

/**
 * A lowdb adapter for one JSON file. lowdb's own writes a second file and renames it, which outlives the end of the process;
 * this one also waits for the disk, so that it outlives the loss of power, and gives a full disk its space back.
 * Writes must not overlap.
 * @param path - the file; one that is not there reads as `null`.
 * @param sync - whether to wait for the disk.
 */
export function diskFile<T>(path: string, sync: boolean): Adapter<T> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.tmp`);

  return {
    async read() {
      const text = await readFile(path, 'utf8').catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      });
      return text === null ? null : (JSON.parse(text) as T);
    },

    async write(data) {
      try {
        const handle = await open(temporary, 'w');
        try {
          await handle.writeFile(JSON.stringify(data));
          if (sync) await handle.datasync();
        } finally {
          await handle.close();
        }
        await rename(temporary, path);
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        throw error;
      }
      if (sync) await syncDirectory(directory);
    },
  };
}

/** Makes a renaming outlive the loss of power. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
