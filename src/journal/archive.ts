import { appendFile, mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EventFilter, JournalEvent } from './journal.js';

const DAY_FILE = /^\d{4}-\d{2}-\d{2}\.jsonl$/;

/** Older events, in one file a day (`events/2026-11-21.jsonl`), one event a line. */
export interface EventArchive {
  /** Adds events to the files of their days. */
  append(events: readonly JournalEvent[]): Promise<void>;
  /** Events that the filter lets through, oldest first; a line that is torn (a crash while writing) is passed over. */
  read(filter: EventFilter): Promise<JournalEvent[]>;
  /** The highest id in the archive, 0 if it is empty. */
  lastId(): Promise<number>;
}

/** Whether an event is among those asked for; the limit is not looked at. */
export function passes(event: JournalEvent, filter: EventFilter): boolean {
  if (filter.rule !== undefined && event.obj_name !== filter.rule) return false;
  if (filter.action !== undefined && event.action !== filter.action) return false;
  if (filter.batch !== undefined && event.batch !== filter.batch) return false;
  return filter.since === undefined || Date.parse(event.ops_time) >= filter.since;
}

function parseLines(text: string): JournalEvent[] {
  const events: JournalEvent[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      events.push(JSON.parse(line) as JournalEvent);
    } catch {
      // A torn line: the event still stands in the journal itself, which is written after this file.
    }
  }
  return events;
}

async function endsInsideALine(file: string): Promise<boolean> {
  const size = await stat(file).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size === 0) return false;
  const handle = await open(file, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1);
    return buffer[0] !== 0x0a;
  } finally {
    await handle.close();
  }
}

/**
 * The archive in a directory, which is made when the first event is kept.
 * @param directory - `<data directory>/events`.
 */
export function openArchive(directory: string): EventArchive {
  const dayFiles = async () => {
    const names = await readdir(directory).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
    return names.filter((name) => DAY_FILE.test(name)).sort();
  };
  const readDay = async (name: string) => parseLines(await readFile(join(directory, name), 'utf8'));

  return {
    async append(events) {
      await mkdir(directory, { recursive: true });
      const days = new Map<string, string>();
      for (const event of events) {
        const day = event.ops_time.slice(0, 10);
        days.set(day, `${days.get(day) ?? ''}${JSON.stringify(event)}\n`);
      }
      for (const [day, lines] of days) {
        const file = join(directory, `${day}.jsonl`);
        await appendFile(file, (await endsInsideALine(file)) ? `\n${lines}` : lines);
      }
    },

    async read(filter) {
      let found: JournalEvent[] = [];
      for (const name of (await dayFiles()).reverse()) {
        if (filter.since !== undefined && Date.parse(`${name.slice(0, 10)}T23:59:59.999Z`) < filter.since) break;
        const day = (await readDay(name)).filter((event) => passes(event, filter));
        found = [...day, ...found];
        if (filter.limit !== undefined && found.length >= filter.limit) break;
      }
      return found;
    },

    async lastId() {
      const last = (await dayFiles()).at(-1);
      return last === undefined ? 0 : Math.max(0, ...(await readDay(last)).map(({ id }) => id));
    },
  };
}
