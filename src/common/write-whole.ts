import { link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** How a file is written. */
export interface WriteWholeOptions {
  /** Where it is written first, in the same directory; by default `.<name>.tmp`, so that two writes must not overlap. */
  draft?: string;
  /** Its permissions. */
  mode?: number;
  /** Whether to wait until the disk holds it, so that it outlives the loss of power; `true` by default. */
  sync?: boolean;
  /** Whether it may take the place of a file that is there; `true` by default. */
  overwrite?: boolean;
  /** The time of its last change, where that is not to be the system's. */
  changedAt?: Date;
}

/**
 * Writes a file whole or not at all: readers, and whoever comes after a crash, see the old one or the new one. A draft that
 * came to nothing is removed, so that a full disk has its space back.
 * @throws what the file system throws; `EEXIST` where the file is there and must not be overwritten.
 */
export async function writeWhole(
  path: string,
  data: string | Uint8Array,
  {
    draft = join(dirname(path), `.${basename(path)}.tmp`),
    mode,
    sync = true,
    overwrite = true,
    changedAt,
  }: WriteWholeOptions = {},
): Promise<void> {
  try {
    const handle = await open(draft, 'w', mode);
    try {
      await handle.writeFile(data);
      if (changedAt) await handle.utimes(changedAt, changedAt);
      if (sync) await handle.datasync();
    } finally {
      await handle.close();
    }
    if (overwrite) {
      await rename(draft, path);
    } else {
      // A rename would replace what is there unasked, a link fails.
      await link(draft, path);
      await rm(draft, { force: true });
    }
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw error;
  }
  if (sync) await syncDirectory(dirname(path));
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
