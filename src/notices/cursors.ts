import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../common/error-message.js';
import type { Log } from '../common/log.js';
import { writeWhole } from '../common/write-whole.js';

/** Up to which event each target was told, kept over restarts. */
export interface NoticeCursors {
  /** By key of the target; a target that was never told has none. */
  get(key: string): number | undefined;
  set(key: string, event: number): void;
  /** Resolves when what was set is written, or could not be. */
  written(): Promise<void>;
}

/**
 * Reads the file `notices.json` of a data directory. One that cannot be read or written costs at most notices that come twice, or
 * not again: it is logged, and nothing waits for it.
 */
export async function openNoticeCursors(directory: string, log: Log): Promise<NoticeCursors> {
  const path = join(directory, 'notices.json');
  const known = new Map(Object.entries(await read(path, log)));
  let writing: Promise<void> | undefined;
  let isStale = false;

  const write = async (): Promise<void> => {
    while (isStale) {
      isStale = false;
      try {
        await writeWhole(path, JSON.stringify(Object.fromEntries(known)), { sync: false });
      } catch (error) {
        log.error({ err: error }, `${path} could not be written: after a restart notices may come twice`);
      }
    }
    writing = undefined;
  };

  return {
    get: (key) => known.get(key),
    set(key, event) {
      known.set(key, event);
      isStale = true;
      writing ??= write();
    },
    written: () => writing ?? Promise.resolve(),
  };
}

async function read(path: string, log: Log): Promise<Record<string, number>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1])),
      );
    }
    throw new Error('it holds no object');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    log.error({}, `${path} could not be read (${errorMessage(error)}): what was not sent before the start is not sent`);
    return {};
  }
}
