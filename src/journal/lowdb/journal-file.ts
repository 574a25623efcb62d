import { copyFile, readFile, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Low } from 'lowdb';
import { z } from 'zod';
import type { BatchEnding, BatchRecord } from '../journal.js';
import type { JournalEvent } from '../events.js';
import type { Memory } from '../memory.js';
import { checkMemory } from './memory-schema.js';

const VERSION = 1;

/** What stands in `journal.json`. */
export interface JournalFile {
  version: typeof VERSION;
  next_id: number;
  /** Oldest first. */
  events: JournalEvent[];
  batch: BatchRecord | null;
  /** The batches that ended last, oldest first. */
  ended: BatchEnding[];
  /** Absent in journals of old. */
  memory?: Memory;
  /** Rules whose `create` event is recorded. */
  known_rules: string[];
  /** What those rules said, as a hash, by name. */
  rule_prints?: Record<string, string>;
  /** The day, `2026-11-21`, on which days that are past their retention were removed last. */
  pruned_on?: string;
}

export function emptyJournal(nextId: number): JournalFile {
  return { version: VERSION, next_id: nextId, events: [], batch: null, ended: [], known_rules: [] };
}

const named = z.looseObject({ id: z.string(), name: z.string() });
const migration = z.looseObject({
  rule: z.string(),
  phase: z.string(),
  notes: z.looseObject({ guest: named.extend({ host: z.string(), host_id: z.string() }), target_host: named }),
});
const event = z.looseObject({ id: z.int(), ops_time: z.string(), obj_name: z.string(), action: z.string() });
const part = z.looseObject({ rule: z.string(), hosts: z.array(z.array(z.string())), done: z.boolean() });
/** What the program relies on; whatever else stands there is kept. */
const fileSchema = z.looseObject({
  version: z.literal(VERSION),
  next_id: z.int().positive(),
  events: z.array(event),
  batch: z
    .looseObject({
      id: z.string(),
      sender: z.string(),
      accepted_at: z.string(),
      parts: z.array(part),
      migrations: z.array(migration),
    })
    .nullable(),
  ended: z.array(z.looseObject({ id: z.string() })).default([]),
  known_rules: z.array(z.string()),
  rule_prints: z.record(z.string(), z.string()).optional(),
  pruned_on: z.string().optional(),
});

/** What a file turned out to be; parts of its memory that cannot be understood are left out and named. */
type Checked = { ok: true; file: JournalFile; leftOut: string[] } | { ok: false; problem: string };

/**
 * Checks what was read from a journal file.
 * @throws Error if a newer version of the program has written it: that one understands it, so it is not put aside.
 */
export function checkJournal(value: unknown, path: string): Checked {
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'number' && version > VERSION) {
    throw new Error(`journal: ${path} is of version ${version}, this program knows versions up to ${VERSION}`);
  }
  const result = fileSchema.safeParse(value);
  if (result.success) {
    const file = result.data as unknown as JournalFile;
    const { memory, problems } = checkMemory(file.memory);
    return { ok: true, file: { ...file, memory }, leftOut: problems };
  }
  const [issue] = result.error.issues;
  const where = issue && issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  return { ok: false, problem: `it is not a journal of automigrate: ${where}${issue?.message ?? ''}` };
}

const ASIDE = '.broken-';

/** A journal file as it was found. */
interface Found {
  /** `null` if there is none, or none that can be understood. */
  file: JournalFile | null;
  /** What could not be understood was kept under another name. */
  aside?: { warning: string; nextId?: number };
}

/**
 * Reads a journal file. One that cannot be understood is renamed, never emptied; where it is only a part of the memory,
 * the file is copied and the rest of it taken.
 * @param now - ms since the epoch, for the new name.
 */
export async function readOrPutAside(db: Low<JournalFile | null>, path: string, now: number): Promise<Found> {
  const aside = `${path}${ASIDE}${new Date(now).toISOString().replaceAll(':', '')}`;
  let problem: string;
  try {
    await db.read();
    if (db.data === null) return { file: null };
    const checked = checkJournal(db.data, path);
    if (checked.ok) return checked.leftOut.length === 0 ? { file: checked.file } : await withoutParts(checked);
    problem = checked.problem;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problem = error.message;
  }
  const nextId = salvageNextId(await readFile(path, 'utf8'));
  await rename(path, aside);
  const warning =
    `journal: ${path} could not be read (${problem}); it was kept as ${aside} and a new journal was begun. ` +
    'A batch that was running is not followed any more: look at the migrations in the cloud';
  return { file: null, aside: { warning, ...(nextId !== undefined && { nextId }) } };

  async function withoutParts({ file, leftOut }: Extract<Checked, { ok: true }>): Promise<Found> {
    await copyFile(path, aside);
    const warning =
      `journal: what ${path} remembers could not be read whole (${leftOut.join('; ')}); the file as it was is kept as ` +
      `${aside}, and what is named begins anew`;
    return { file, aside: { warning, nextId: file.next_id } };
  }
}

/** Ids must not come again, so what is left of a broken file is searched for the next one. */
function salvageNextId(text: string): number | undefined {
  const found = /"next_id":\s*(\d{1,15})/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/**
 * Removes journal files that were put aside before a moment.
 * @param before - ms since the epoch.
 */
export async function pruneAside(path: string, before: number): Promise<void> {
  const prefix = basename(path) + ASIDE;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue;
    const at = Date.parse(name.slice(prefix.length).replace(/T(\d\d)(\d\d)/, 'T$1:$2:'));
    if (at < before) await rm(join(dirname(path), name), { force: true });
  }
}
