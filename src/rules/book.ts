import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type LoadedRules, type RuleTexts, readRuleTexts, rulesOf } from './load.js';
import type { Rule, RuleFile } from './rule.js';

/** Where the book tells of changes; a pino logger fits. */
export interface RuleLog {
  info(fields: object, text: string): void;
  error(fields: object, text: string): void;
}

export interface RuleBookOptions {
  log: RuleLog;
  /** How often the directory is read though nothing was reported, ms: network mounts report nothing. Default 5000. */
  pollMs?: number;
  /** How long a directory has to be quiet before it is read, ms: editors write in several steps. Default 100. */
  settleMs?: number;
  /** Whether to listen to the operating system's reports of changes. Default true. */
  watch?: boolean;
}

/** The rules in force, kept in step with the directory. */
export interface RuleBook {
  /** The last good rules of the whole directory, by name. */
  rules(): readonly Rule[];
  /** The same as they were written. */
  files(): readonly RuleFile[];
  /** Why the directory as it is now cannot be used, one line each; empty if it is in force. */
  problems(): string[];
  /** Calls back after every change of rules or problems. Returns the way to stop that. */
  onChange(listener: () => void): () => void;
  /** Reads the directory now; resolves when what it held is in force or refused. */
  reload(): Promise<void>;
  /** Stops watching; what is being read is thrown away. */
  close(): void;
}

/** A book, or everything that is wrong with the rules: no start with broken rules. */
export type OpenedRuleBook = { ok: true; book: RuleBook } | { ok: false; problems: string[] };

function changes(before: readonly RuleFile[], after: readonly RuleFile[]) {
  const old = new Map(before.map((file) => [file.name, JSON.stringify(file)]));
  const names = new Set(after.map(({ name }) => name));
  return {
    added: after.filter(({ name }) => !old.has(name)).map(({ name }) => name),
    changed: after
      .filter((file) => old.has(file.name) && old.get(file.name) !== JSON.stringify(file))
      .map((f) => f.name),
    removed: [...old.keys()].filter((name) => !names.has(name)),
  };
}

class DirectoryRuleBook implements RuleBook {
  readonly #dir: string;
  readonly #options: Required<RuleBookOptions>;
  readonly #listeners = new Set<() => void>();
  #good: LoadedRules;
  #problems: string[] = [];
  /** What was read last, so that nothing is said twice about the same texts. */
  #seen: string;
  #watcher: FSWatcher | undefined;
  #watched: string | undefined;
  #settling: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(dir: string, texts: RuleTexts, good: LoadedRules, options: RuleBookOptions) {
    this.#dir = dir;
    this.#seen = JSON.stringify(texts);
    this.#good = good;
    this.#options = { pollMs: 5000, settleMs: 100, watch: true, ...options };
  }

  rules = (): readonly Rule[] => this.#good.rules;
  files = (): readonly RuleFile[] => this.#good.files;
  problems = (): string[] => [...this.#problems];

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Begins to watch, and reads once more: something may have changed since the first look. */
  async start(): Promise<void> {
    await this.#watch();
    await this.reload();
    this.#pollLater();
  }

  reload(): Promise<void> {
    // One reading after the other: an older one must never overtake a newer one.
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  close(): void {
    this.#closed = true;
    this.#watcher?.close();
    clearTimeout(this.#settling);
    clearTimeout(this.#poll);
    this.#listeners.clear();
  }

  async #read(): Promise<void> {
    const texts = await readRuleTexts(this.#dir);
    const seen = JSON.stringify(texts);
    if (this.#closed || seen === this.#seen) return;
    this.#seen = seen;
    const loaded = rulesOf(texts);
    const mended = this.#problems.length > 0;
    this.#problems = loaded.problems.map(({ text }) => text);
    const log = this.#options.log;
    if (loaded.problems.length > 0) {
      log.error({ problems: this.#problems }, 'the rules on disk are broken; the last good ones stay in force');
    } else {
      const difference = changes(this.#good.files, loaded.files);
      this.#good = loaded;
      log.info(difference, mended ? 'the rules on disk are mended and in force' : 'the rules have changed');
    }
    for (const listener of this.#listeners) listener();
  }

  /** Watches the directory that now stands under the path: it may have been replaced since. */
  async #watch(): Promise<void> {
    if (!this.#options.watch) return;
    const found = await stat(this.#dir).catch(() => undefined);
    const identity = found && `${found.dev}:${found.ino}`;
    if (this.#closed || identity === this.#watched) return;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#watched = undefined;
    if (identity === undefined) return;
    try {
      this.#watcher = watch(this.#dir, { persistent: false }, () => this.#settle());
      // Whatever a watch may suffer, the poll goes on and opens another.
      this.#watcher.on('error', () => (this.#watched = undefined));
      this.#watched = identity;
    } catch (error) {
      this.#options.log.info({ err: error }, 'the rules cannot be watched; they are read every few seconds instead');
      this.#watched = identity;
    }
  }

  #settle(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.reload(), this.#options.settleMs);
    this.#settling.unref();
  }

  #pollLater(): void {
    if (this.#closed) return;
    this.#poll = setTimeout(() => {
      void this.#watch()
        .then(() => this.reload())
        .finally(() => this.#pollLater());
    }, this.#options.pollMs);
    this.#poll.unref();
  }
}

/**
 * Loads the rules of a directory and keeps them in step with it. A change that breaks anything keeps the last good
 * rules of the whole directory, is logged once, and stands in `problems()` until it is mended.
 * @param dir - the directory, as it shall stand in messages.
 */
export async function openRuleBook(dir: string, options: RuleBookOptions): Promise<OpenedRuleBook> {
  const texts = await readRuleTexts(dir);
  const loaded = rulesOf(texts);
  if (loaded.problems.length > 0) return { ok: false, problems: loaded.problems.map(({ text }) => text) };
  const book = new DirectoryRuleBook(dir, texts, loaded, options);
  await book.start();
  return { ok: true, book };
}
