import { createHash } from 'node:crypto';
import { access, mkdir } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join } from 'node:path';
import { Low } from 'lowdb';
import { errorMessage } from '../../common/error-message.js';
import type { Clock } from '../../common/clock.js';
import type { EventArchive } from './archive.js';
import { openArchive } from './archive.js';
import { diskFile } from './disk-file.js';
import type { JournalFile } from './journal-file.js';
import { expiredDays } from './expired-days.js';
import { checkJournal, emptyJournal, pruneAside, readOrPutAside } from './journal-file.js';
import { passes } from '../event-filter.js';
import type { EventFilter, Journal, JournalChange } from '../journal.js';
import { withText } from '../event-text.js';
import { differences } from '../differences.js';
import type { EventWithText, JournalEvent, NewEvent } from '../events.js';
import { JournalError } from '../journal.js';
import { bounded, emptyMemory, frozen } from '../memory.js';

/** Events kept in the journal's own file; all of it is written each time, so it stays small. */
const MOST_EVENTS = 200;
/** How many stay when the older ones move to the archive. */
const EVENTS_LEFT = 100;
/** Ended batches that are kept. */
const MOST_ENDED = 50;

/** How a journal is kept. */
export interface JournalOptions {
  /** Whether a change is kept only when the disk itself holds it, so that it outlives the loss of power; `true` by default. */
  sync?: boolean;
  /** How long files of past days, and files put aside, are kept, ms; for ever by default. */
  retentionMs?: number;
}

/** A journal that was opened for writing. */
export interface FileJournal extends Journal {
  /** A sentence if the file that was found could not be read and was put aside; for the log. */
  readonly warning?: string;
  /** Records which rules are new (`create`), say something else than before (`changed`) or are gone (`deleted`). */
  noteRules(rules: readonly { name: string; spec: Record<string, unknown> }[]): Promise<void>;
  /**
   * Removes what is older than it has to be kept, now and from then on once a day. To be called once the receiver listens:
   * a start that comes to nothing removes nothing.
   * @throws JournalError if the journal cannot be written.
   */
  beginPruning(): Promise<void>;
  /** What could not be written the last time it was tried; none means that all is well. */
  problems(): string[];
  /** How many writes have failed since it was opened. */
  writeErrors(): number;
  /** Tells of events once they are kept, whoever recorded them, in order. Listeners must not throw, and be quick: all else waits. */
  onCommitted(listener: (rows: readonly EventWithText[]) => void): void;
}

/** Events that may stand in both places, each once, oldest first: the newest `limit`, or the oldest where those after another are wanted. */
function merge(older: JournalEvent[], newer: JournalEvent[], { limit, after }: EventFilter): JournalEvent[] {
  const byId = new Map([...older, ...newer].map((event) => [event.id, event]));
  const all = [...byId.values()].sort((a, b) => a.id - b.id);
  if (limit === undefined) return all;
  return after === undefined ? all.slice(Math.max(0, all.length - limit)) : all.slice(0, limit);
}

async function readEvents(file: JournalFile, archive: EventArchive, filter: EventFilter): Promise<EventWithText[]> {
  const { limit = Infinity, after } = filter;
  const recent = file.events.filter((event) => passes(event, filter));
  const [oldest] = file.events;
  // Whoever follows the journal asks every second: all that is newer stands in the journal itself.
  const isAllHere =
    after === undefined
      ? recent.length >= limit
      : (oldest?.id ?? file.next_id) <= after + 1 || file.next_id <= after + 1;
  return merge(isAllHere ? [] : await archive.read(filter), recent, filter).map(withText);
}

/**
 * Reads events of a data directory without opening its journal for writing: a server may be running on it.
 * @param directory - the data directory; one that does not exist has no events.
 * @throws Error that names the file, if it cannot be understood.
 */
export async function readJournalEvents(directory: string, filter: EventFilter = {}): Promise<EventWithText[]> {
  const path = join(directory, 'journal.json');
  const found = await diskFile<unknown>(path, false)
    .read()
    .catch((error: unknown) => {
      throw new Error(`journal: cannot read ${path}: ${errorMessage(error)}`, { cause: error });
    });
  const checked = found === null ? { ok: true as const, file: emptyJournal(1) } : checkJournal(found, path);
  if (!checked.ok) throw new Error(`journal: cannot read ${path}: ${checked.problem}`);
  return readEvents(checked.file, openArchive(join(directory, 'events')), filter);
}

/** Whether a journal was ever kept in a directory: in its file, or in the archive where the file was lost. */
export async function hasJournal(directory: string): Promise<boolean> {
  const found = await Promise.allSettled([access(join(directory, 'journal.json')), access(join(directory, 'events'))]);
  return found.some(({ status }) => status === 'fulfilled');
}

/**
 * Opens the journal of a data directory, which is made if it is missing. A journal file that cannot be understood is kept
 * under another name, never emptied.
 * @throws Error that names the directory, if it cannot be written.
 */
export async function openJournal(directory: string, clock: Clock, options: JournalOptions = {}): Promise<FileJournal> {
  const { sync = true, retentionMs = Infinity } = options;
  const path = join(directory, 'journal.json');
  const archive = openArchive(join(directory, 'events'), sync);
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (error) {
    throw new Error(`DATA_DIR: cannot write to ${directory}: ${errorMessage(error)}`, { cause: error });
  }
  const db = new Low<JournalFile | null>(diskFile(path, sync), null);
  const { file, aside } = await readOrPutAside(db, path, clock.now());
  // Ids never come again: not those of the archive, nor those that may have stood in a broken file that does not tell.
  const unused = (await archive.lastId()) + 1 + (aside && aside.nextId === undefined ? MOST_EVENTS : 0);
  const base = file ?? emptyJournal(aside?.nextId ?? 1);
  let current: JournalFile = {
    ...base,
    next_id: Math.max(base.next_id, unused),
    memory: frozen({ ...emptyMemory(), ...base.memory }),
  };
  let archiveProblem: string | undefined;
  let writeProblem: string | undefined;
  let pruneProblem: string | undefined;
  let writeErrors = 0;

  let isPruning = false;
  const today = () => new Date(clock.now()).toISOString().slice(0, 10);
  /** Removes what is older than it has to be kept. */
  const prune = async (): Promise<void> => {
    try {
      const days = [...(await archive.days()), ...current.events.map(({ ops_time }) => ops_time.slice(0, 10))];
      const expired = expiredDays(days, { now: clock.now(), retentionMs });
      await archive.remove(expired.days);
      await pruneAside(path, expired.warrantedBefore);
      pruneProblem = undefined;
    } catch (error) {
      pruneProblem = `journal: cannot remove what is older than it has to be kept: ${errorMessage(error)}`;
    }
  };

  const prepare = (base: JournalFile, change: JournalChange): [JournalFile, JournalEvent[]] => {
    const { events = [], batch, ended, memory } = change;
    const time = new Date(clock.now()).toISOString();
    const rows = events.map((event, index) => toRow(event, base.next_id + index, time));
    const next = { ...base, next_id: base.next_id + rows.length, events: [...base.events, ...rows] };
    if (batch !== undefined) next.batch = batch === null ? null : structuredClone(batch);
    if (ended !== undefined) next.ended = [...base.ended, ended].slice(-MOST_ENDED);
    if (memory) next.memory = frozen(bounded(memory(structuredClone(base.memory ?? emptyMemory()))));
    return [next, rows];
  };

  const write = async (next: JournalFile): Promise<void> => {
    let kept = next;
    if (next.events.length > MOST_EVENTS) {
      const moving = next.events.slice(0, next.events.length - EVENTS_LEFT);
      try {
        // The archive first: a crash in between leaves events in both places, and each is told of once.
        await archive.append(moving);
        kept = { ...next, events: next.events.slice(moving.length) };
        archiveProblem = undefined;
      } catch (error) {
        // The events stay in the journal and move another time: what must be durable now matters more.
        archiveProblem = `journal: cannot move older events to ${join(directory, 'events')}: ${errorMessage(error)}`;
      }
    }
    db.data = kept;
    try {
      await db.write();
    } catch (error) {
      db.data = current;
      const failure = new JournalError(path, error);
      writeProblem = failure.message;
      writeErrors += 1;
      throw failure;
    }
    writeProblem = undefined;
    current = kept;
  };

  interface Waiting {
    change: (base: JournalFile) => [JournalFile, JournalEvent[]];
    resolve: (rows: EventWithText[]) => void;
    reject: (error: unknown) => void;
  }
  const listeners: ((rows: readonly EventWithText[]) => void)[] = [];
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
      const made: { rows: JournalEvent[]; of: Waiting }[] = [];
      for (const each of group) {
        try {
          const [changed, rows] = each.change(next);
          next = changed;
          made.push({ rows, of: each });
        } catch (error) {
          // A bug of whoever made this change, which nobody else has to suffer from.
          each.reject(error);
        }
      }
      if (made.length === 0) continue;
      // Written down first: what starts over and over does not remove more each time.
      const isDue = isPruning && next.pruned_on !== today();
      if (isDue) next = { ...next, pruned_on: today() };
      try {
        await write(next);
        if (isDue) await prune();
        for (const { rows, of } of made) {
          const told = rows.map(withText);
          for (const listener of told.length > 0 ? listeners : []) listener(told);
          of.resolve(told);
        }
      } catch (error) {
        for (const { of } of made) of.reject(error);
      }
    }
    writing = false;
  };

  const enqueue = (change: Waiting['change']): Promise<EventWithText[]> =>
    new Promise((resolve, reject) => {
      waiting.push({ change, resolve, reject });
      void drain();
    });

  return {
    ...(aside && { warning: aside.warning }),
    commit: (change) => enqueue((base) => prepare(base, change)),
    events: (filter = {}) => readEvents(current, archive, filter),
    endedBatches: () => structuredClone(current.ended),
    problems: () => [writeProblem, archiveProblem, pruneProblem].filter((problem) => problem !== undefined),
    writeErrors: () => writeErrors,
    openBatch: () => (current.batch ? structuredClone(current.batch) : undefined),
    // Asked for by every alert: nobody can change what stands there, so nobody needs a copy.
    memory: () => current.memory ?? emptyMemory(),
    onCommitted: (listener) => void listeners.push(listener),
    async beginPruning() {
      isPruning = retentionMs < Infinity;
      if (isPruning) await enqueue((base) => [base, []]);
    },
    async noteRules(rules) {
      const prints = Object.fromEntries(rules.map(({ name, spec }) => [name, printOf(spec)]));
      if (JSON.stringify(prints) === JSON.stringify(current.rule_prints)) return;
      const before = await specsOf(
        rules.map(({ name }) => name).filter((name) => changedPrint(name, prints, current)),
        (filter) => readEvents(current, archive, filter),
      );
      await enqueue((base) => {
        const [next, rows] = prepare(base, { events: ruleEvents(rules, prints, before, base) });
        return [{ ...next, known_rules: Object.keys(prints), rule_prints: prints }, rows];
      });
    },
  };
}

type RuleSpec = Parameters<FileJournal['noteRules']>[0][number];

function changedPrint(
  name: string,
  prints: Readonly<Record<string, string>>,
  { rule_prints: before = {} }: Pick<JournalFile, 'rule_prints'>,
): boolean {
  return before[name] !== undefined && before[name] !== prints[name];
}

/** What the events say that rules said last; nothing of rules whose events are pruned. */
async function specsOf(
  names: readonly string[],
  read: (filter: EventFilter) => Promise<JournalEvent[]>,
): Promise<Map<string, Record<string, unknown>>> {
  const found = new Map<string, Record<string, unknown>>();
  for (const rule of names) {
    const [last] = await read({ rule, action: ['create', 'changed'], limit: 1 });
    if (last?.action === 'create' || last?.action === 'changed') found.set(rule, last.notes);
  }
  return found;
}

/** What has become of the rules since they were noted last. */
function ruleEvents(
  rules: readonly RuleSpec[],
  prints: Readonly<Record<string, string>>,
  before: ReadonlyMap<string, Record<string, unknown>>,
  file: Pick<JournalFile, 'known_rules' | 'rule_prints'>,
): NewEvent[] {
  const known = file.known_rules;
  const base = (name: string) => ({ obj_name: name, user: 'system' });
  const noted = rules.flatMap(({ name, spec }): NewEvent[] => {
    if (!known.includes(name)) return [{ ...base(name), action: 'create', notes: spec }];
    if (!changedPrint(name, prints, file)) return [];
    const was = before.get(name);
    const changes = was && differences(was, spec);
    return [{ ...base(name), action: 'changed', notes: { ...spec, ...(changes && { changes }) } }];
  });
  const gone = known.filter((name) => prints[name] === undefined);
  return [
    ...noted,
    ...gone.map((name): NewEvent => ({
      ...base(name),
      action: 'deleted',
      notes: `rule ${name} is gone from the rules`,
    })),
  ];
}

function printOf(spec: Record<string, unknown>): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16);
}

function toRow(event: NewEvent, id: number, ops_time: string): JournalEvent {
  const { obj_name, user, batch, links, explanation, ...content } = event;
  return {
    id,
    ops_time,
    obj_id: obj_name,
    obj_type: 'migrationalert',
    obj_name,
    user,
    tenant: 'system',
    ...content,
    ...(batch !== undefined && { batch }),
    ...(links !== undefined && { links }),
    ...(explanation !== undefined && { explanation }),
  };
}
