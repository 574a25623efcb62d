import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { passes } from '../event-filter.js';
import type { EventFilter } from '../journal.js';
import type { JournalEvent } from '../events.js';
import { endOfDay } from './expired-days.js';
import { endsInsideALine, linesBackward } from './lines.js';

const DAY_FILE = /^\d{4}-\d{2}-\d{2}\.jsonl$/;

/** Older events, in one file a day (`events/2026-11-21.jsonl`), one event a line. */
export interface EventArchive {
  /**
   * Adds events, which are in the order of their ids, to the files of their days. Events that stand there already (a crash
   * came before the journal had let go of them) are passed over.
   */
  append(events: readonly JournalEvent[]): Promise<void>;
  /**
   * Events that the filter lets through, oldest first. With a limit, only as much is read as it takes to find so many, and
   * lines of other batches, actions or rules are passed over before they are parsed, so that a day of a storm takes neither
   * time nor memory. A line that is torn (a crash while writing) is passed over too.
   */
  read(filter: EventFilter): Promise<JournalEvent[]>;
  /** The highest id in the archive, 0 if it is empty. */
  lastId(): Promise<number>;
  /** The days that have a file, `2026-11-21`, in no particular order. */
  days(): Promise<string[]>;
  /** Removes the files of some days. */
  remove(days: readonly string[]): Promise<void>;
}

function parseLine(line: string): JournalEvent | undefined {
  if (line === '') return undefined;
  try {
    const event = JSON.parse(line) as Partial<JournalEvent> | null;
    return Number.isInteger(event?.id) && typeof event?.ops_time === 'string' ? (event as JournalEvent) : undefined;
  } catch {
    // A torn line: the event still stands in the journal itself, which lets go of it only after this file is written.
    return undefined;
  }
}

/** Texts of which a line holds one if its event may pass: as `JSON.stringify` writes them. undefined: any may. */
function textsOf({ batch, action, rule }: EventFilter): string[] | undefined {
  const field = (name: string, value: string) => `"${name}":${JSON.stringify(value)}`;
  if (batch !== undefined) return [field('batch', batch)];
  if (action !== undefined) return [action].flat().map((each) => field('action', each));
  return rule === undefined ? undefined : [field('obj_name', rule)];
}

async function* eventsBackward(file: string, texts?: readonly string[]): AsyncGenerator<JournalEvent, void> {
  for await (const line of linesBackward(file, texts)) {
    const event = parseLine(line);
    if (event) yield event;
  }
}

/** The newest event of a file, and then those that hold one of the texts. */
async function* newestAndThen(file: string, texts: readonly string[] | undefined): AsyncGenerator<JournalEvent, void> {
  if (!texts) return yield* eventsBackward(file);
  let newest: JournalEvent | undefined;
  for await (newest of eventsBackward(file)) break;
  if (!newest) return;
  yield newest;
  for await (const event of eventsBackward(file, texts)) if (event.id !== newest.id) yield event;
}

/** Events that follow each other and are of one day. A clock that was put back makes a day come again. */
function byDay(events: readonly JournalEvent[]): { day: string; events: JournalEvent[] }[] {
  const runs: { day: string; events: JournalEvent[] }[] = [];
  for (const event of events) {
    const day = event.ops_time.slice(0, 10);
    const last = runs.at(-1);
    if (last?.day === day) last.events.push(event);
    else runs.push({ day, events: [event] });
  }
  return runs;
}

/**
 * The archive in a directory, which is made when the first event is kept.
 * @param directory - `<data directory>/events`.
 * @param sync - whether to wait until the disk itself holds what was added.
 */
export function openArchive(directory: string, sync = false): EventArchive {
  /** Ids up to this one are kept; looked up when it is first needed and after a fault. */
  let known: number | undefined;

  const dayFiles = async () => {
    const names = await readdir(directory).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    });
    return names.filter((name) => DAY_FILE.test(name));
  };

  /** Each file with its newest event, the file that has the newest of all first. */
  const openFiles = async (names: string[], texts?: readonly string[]) => {
    const files = [];
    for (const name of names) {
      const events = newestAndThen(join(directory, name), texts);
      const newest = await events.next();
      if (!newest.done) files.push({ events, next: newest.value });
    }
    return files.sort((a, b) => b.next.id - a.next.id);
  };

  /**
   * Events of some files, by falling id; days are usually in order, but a clock may have been put back.
   * @param texts - events whose lines hold none of these may be left out.
   */
  async function* newestFirst(names: string[], texts?: readonly string[]): AsyncGenerator<JournalEvent> {
    const files = await openFiles(names, texts);
    try {
      for (let [first] = files; first; [first] = files) {
        yield first.next;
        const older = await first.events.next();
        if (older.done) files.shift();
        else first.next = older.value;
        // Almost always the first stays the first.
        if (files[1] && files[0] && files[0].next.id < files[1].next.id) files.sort((a, b) => b.next.id - a.next.id);
      }
    } finally {
      for (const { events } of files) await events.return(undefined);
    }
  }

  const lastId = async () => {
    known ??= (await openLast(await dayFiles())) ?? 0;
    return known;
  };
  const openLast = async (names: string[]) => {
    for await (const { id } of newestFirst(names)) return id;
    return undefined;
  };

  const appendTo = async (file: string, lines: string) => {
    const torn = await endsInsideALine(file);
    const handle = await open(file, 'a');
    try {
      await handle.appendFile(torn ? `\n${lines}` : lines);
      if (sync) await handle.datasync();
    } finally {
      await handle.close();
    }
  };

  return {
    lastId,

    async append(events) {
      const last = await lastId();
      const fresh = events.filter(({ id }) => id > last);
      await mkdir(directory, { recursive: true });
      // Only part of it may be written: what is there is looked up again after a fault.
      known = undefined;
      for (const run of byDay(fresh)) {
        const lines = run.events.map((event) => `${JSON.stringify(event)}\n`).join('');
        await appendTo(join(directory, `${run.day}.jsonl`), lines);
      }
      known = fresh.at(-1)?.id ?? last;
    },

    async read(filter) {
      const { since = -Infinity, until = Infinity, after, limit } = filter;
      const names = (await dayFiles()).filter((name) => {
        const day = name.slice(0, 10);
        return endOfDay(day) >= since && Date.parse(day) <= until;
      });
      const found: JournalEvent[] = [];
      if (limit === 0) return found;
      for await (const event of newestFirst(names, textsOf(filter))) {
        if (after !== undefined && event.id <= after) break;
        if (passes(event, filter)) found.push(event);
        if (after === undefined && found.length === limit) break;
        // The oldest are wanted: the newest of those found so far is let go when another comes.
        if (limit !== undefined && found.length > limit) found.shift();
      }
      return found.reverse();
    },

    days: async () => (await dayFiles()).map((name) => name.slice(0, 10)),

    async remove(days) {
      for (const day of days) await rm(join(directory, `${day}.jsonl`), { force: true });
    },
  };
}
