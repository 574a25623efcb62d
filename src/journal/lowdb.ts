import { access, mkdir, rename } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { Low } from 'lowdb';
import { JSONFile } from 'lowdb/node';
import type { Clock } from '../clock.js';
import type { EventArchive } from './archive.js';
import { openArchive, passes } from './archive.js';
import { type Memory, bounded, emptyMemory } from './memory.js';
import type { BatchRecord, EventFilter, Journal, JournalChange, JournalEvent, NewEvent } from './journal.js';

/** Events kept in the journal's own file; lowdb rewrites all of it each time, so it stays small. */
const MOST_EVENTS = 200;
/** How many stay when the older ones move to the archive. */
const EVENTS_LEFT = 100;

interface JournalFile {
  version: 1;
  next_id: number;
  /** Oldest first. */
  events: JournalEvent[];
  batch: BatchRecord | null;
  /** Absent in journals of old. */
  memory?: Memory;
  /** Rules whose `create` event is recorded. */
  known_rules: string[];
}

/** Thrown when a change could not be kept; nothing of it stands in the journal then. */
export class JournalError extends Error {
  constructor(file: string, cause: unknown) {
    super(`journal: cannot write ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'JournalError';
  }
}

/** A journal that was opened for writing. */
export interface FileJournal extends Journal {
  /** A sentence if the file that was found could not be read and was put aside; for the log. */
  readonly warning?: string;
  /** Records a `create` event for each rule that the journal has not seen yet, and forgets rules that are gone. */
  noteRules(rules: readonly { name: string; spec: Record<string, unknown> }[]): Promise<void>;
}

const empty = (nextId: number): JournalFile => ({
  version: 1,
  next_id: nextId,
  events: [],
  batch: null,
  known_rules: [],
});

function isJournalFile(value: unknown): value is JournalFile {
  if (typeof value !== 'object' || value === null) return false;
  const file = value as Partial<JournalFile>;
  if (file.version !== 1 || !Number.isInteger(file.next_id)) return false;
  return Array.isArray(file.events) && Array.isArray(file.known_rules) && file.batch !== undefined;
}

/** The newest `limit` of events that may stand in both places, each once, oldest first. */
function merge(older: JournalEvent[], newer: JournalEvent[], limit: number | undefined): JournalEvent[] {
  const byId = new Map([...older, ...newer].map((event) => [event.id, event]));
  const all = [...byId.values()].sort((a, b) => a.id - b.id);
  return limit === undefined ? all : all.slice(Math.max(0, all.length - limit));
}

async function readEvents(file: JournalFile, archive: EventArchive, filter: EventFilter): Promise<JournalEvent[]> {
  const recent = file.events.filter((event) => passes(event, filter));
  if (filter.limit !== undefined && recent.length >= filter.limit) return merge([], recent, filter.limit);
  return merge(await archive.read(filter), recent, filter.limit);
}

/**
 * Reads events of a data directory without opening its journal for writing: a server may be running on it.
 * @param directory - the data directory; one that does not exist has no events.
 * @throws Error that names the file, if it cannot be understood.
 */
export async function readJournalEvents(directory: string, filter: EventFilter = {}): Promise<JournalEvent[]> {
  const path = join(directory, 'journal.json');
  let found: unknown;
  try {
    found = await new JSONFile<unknown>(path).read();
  } catch (error) {
    throw new Error(`journal: cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (found !== null && !isJournalFile(found)) throw new Error(`journal: ${path} is not a journal of automigrate`);
  return readEvents(found ?? empty(1), openArchive(join(directory, 'events')), filter);
}

/**
 * Opens the journal of a data directory, which is made if it is missing. A journal file that cannot be understood is kept
 * under another name, never emptied.
 * @throws Error that names the directory, if it cannot be written.
 */
export async function openJournal(directory: string, clock: Clock): Promise<FileJournal> {
  const path = join(directory, 'journal.json');
  const archive = openArchive(join(directory, 'events'));
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (error) {
    throw new Error(
      `DATA_DIR: cannot write to ${directory}: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
  const db = new Low<JournalFile | null>(new JSONFile<JournalFile | null>(path), null);
  const warning = await readOrPutAside(db, path, clock);
  let current = db.data ?? empty((await archive.lastId()) + 1);

  const prepare = (base: JournalFile, { events = [], batch, memory }: JournalChange): [JournalFile, JournalEvent[]] => {
    const time = new Date(clock.now()).toISOString();
    const rows = events.map((event, index) => toRow(event, base.next_id + index, time));
    const next = { ...base, next_id: base.next_id + rows.length, events: [...base.events, ...rows] };
    if (batch !== undefined) next.batch = batch === null ? null : structuredClone(batch);
    if (memory) next.memory = bounded(memory(structuredClone(base.memory ?? emptyMemory())));
    return [next, rows];
  };

  const write = async (next: JournalFile): Promise<void> => {
    let kept = next;
    if (next.events.length > MOST_EVENTS) {
      const moving = next.events.slice(0, next.events.length - EVENTS_LEFT);
      try {
        // The archive first: a crash in between leaves an event in both places, and readers take each id once.
        await archive.append(moving);
        kept = { ...next, events: next.events.slice(moving.length) };
      } catch {
        // The events stay in the journal and move another time: what must be durable now matters more.
      }
    }
    db.data = kept;
    try {
      await db.write();
    } catch (error) {
      db.data = current;
      throw new JournalError(path, error);
    }
    current = kept;
  };

  interface Waiting {
    change: (base: JournalFile) => [JournalFile, JournalEvent[]];
    resolve: (rows: JournalEvent[]) => void;
    reject: (error: unknown) => void;
  }
  let waiting: Waiting[] = [];
  let writing = false;

  /** Writes what has come together since the last write, in one go: a storm of alerts costs few writes. */
  const drain = async (): Promise<void> => {
    if (writing) return;
    writing = true;
    while (waiting.length > 0) {
      const group = waiting;
      waiting = [];
      let next = current;
      const results = group.map(({ change }) => {
        const [changed, rows] = change(next);
        next = changed;
        return rows;
      });
      try {
        await write(next);
        group.forEach(({ resolve }, index) => resolve(results[index] ?? []));
      } catch (error) {
        group.forEach(({ reject }) => reject(error));
      }
    }
    writing = false;
  };

  const enqueue = (change: Waiting['change']): Promise<JournalEvent[]> =>
    new Promise((resolve, reject) => {
      waiting.push({ change, resolve, reject });
      void drain();
    });

  return {
    ...(warning !== undefined && { warning }),
    commit: (change) => enqueue((base) => prepare(base, change)),
    events: (filter = {}) => readEvents(current, archive, filter),
    openBatch: () => (current.batch ? structuredClone(current.batch) : undefined),
    memory: () => structuredClone(current.memory ?? emptyMemory()),
    async noteRules(rules) {
      const names = rules.map(({ name }) => name);
      if (JSON.stringify(names) === JSON.stringify(current.known_rules)) return;
      await enqueue((base) => {
        const events = rules
          .filter(({ name }) => !base.known_rules.includes(name))
          .map(({ name, spec }): NewEvent => ({ obj_name: name, user: 'system', action: 'create', notes: spec }));
        const [next, rows] = prepare(base, { events });
        return [{ ...next, known_rules: names }, rows];
      });
    },
  };
}

function toRow(event: NewEvent, id: number, time: string): JournalEvent {
  return {
    id,
    ops_time: time,
    obj_id: event.obj_name,
    obj_type: 'migrationalert',
    obj_name: event.obj_name,
    user: event.user,
    tenant: 'system',
    action: event.action,
    notes: event.notes,
    ...(event.batch !== undefined && { batch: event.batch }),
  };
}

async function readOrPutAside(db: Low<JournalFile | null>, path: string, clock: Clock): Promise<string | undefined> {
  let problem: string | undefined;
  try {
    await db.read();
    if (db.data !== null && !isJournalFile(db.data)) problem = 'it is not a journal of automigrate';
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problem = error.message;
  }
  if (problem === undefined) return undefined;
  db.data = null;
  const aside = `${path}.broken-${new Date(clock.now()).toISOString().replaceAll(':', '')}`;
  await rename(path, aside);
  return `journal: ${path} could not be read (${problem}); it was kept as ${aside} and a new journal was begun`;
}
