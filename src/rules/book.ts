import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type LastGood, openLastGood } from '../common/last-good.js';
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
  readonly #kept: LastGood<LoadedRules>;
  readonly #listeners: Set<() => void>;
  #watcher: FSWatcher | undefined;
  #watched: string | undefined;
  #quietTimer: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(dir: string, kept: LastGood<LoadedRules>, listeners: Set<() => void>, options: RuleBookOptions) {
    this.#dir = dir;
    this.#kept = kept;
    this.#listeners = listeners;
    this.#options = { pollMs: 5000, settleMs: 100, watch: true, ...options };
  }

  rules = (): readonly Rule[] => this.#kept.value().rules;
  files = (): readonly RuleFile[] => this.#kept.value().files;
  problems = (): string[] => this.#kept.problems();
  reload = (): Promise<void> => this.#kept.reload();

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

  close(): void {
    this.#closed = true;
    this.#kept.close();
    this.#watcher?.close();
    clearTimeout(this.#quietTimer);
    clearTimeout(this.#poll);
    this.#listeners.clear();
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
      this.#watcher = watch(this.#dir, { persistent: false }, () => this.#reloadOnceQuiet());
      // Whatever a watch may suffer, the poll goes on and opens another.
      this.#watcher.on('error', () => (this.#watched = undefined));
      this.#watched = identity;
    } catch (error) {
      this.#options.log.info({ err: error }, 'the rules cannot be watched; they are read every few seconds instead');
      this.#watched = identity;
    }
  }

  #reloadOnceQuiet(): void {
    clearTimeout(this.#quietTimer);
    this.#quietTimer = setTimeout(() => void this.reload(), this.#options.settleMs);
    this.#quietTimer.unref();
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
  const { log } = options;
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const opened = await openLastGood<RuleTexts, LoadedRules>({
    read: () => readRuleTexts(dir),
    load: (texts) => {
      const value = rulesOf(texts);
      return value.problems.length === 0
        ? { ok: true, value }
        : { ok: false, problems: value.problems.map(({ text }) => text) };
    },
    onGood: (rules, before, isMended) => {
      const text = isMended ? 'the rules on disk are mended and in force' : 'the rules have changed';
      log.info(changes(before.files, rules.files), text);
      tell();
    },
    onBroken: (problems) => {
      log.error({ problems }, 'the rules on disk are broken; the last good ones stay in force');
      tell();
    },
  });
  if (!opened.ok) return opened;
  const book = new DirectoryRuleBook(dir, opened.kept, listeners, options);
  await book.start();
  return { ok: true, book };
}
