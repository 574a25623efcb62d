import { createHash } from 'node:crypto';
import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { EventWithText } from '../journal/events.js';
import type { Journal } from '../journal/journal.js';
import type { NoticeCursors } from './cursors.js';
import { noticeOf } from './notice.js';
import type { NoticeCounts, Outbox } from './outbox.js';
import { MOST_WAITING, createOutbox } from './outbox.js';
import { createSender } from './sender.js';
import type { NoticeTarget } from './targets.js';
import { wants } from './targets.js';

/** Tells people outside what happens. Nothing waits for it, and nothing that goes wrong in it reaches anybody else. */
export interface Notifier {
  /** Takes on events that stand in the journal, in order. */
  take(events: readonly EventWithText[]): void;
  /** Begins to send: first what a former process has recorded and not sent, of the last day. */
  begin(journal: Pick<Journal, 'events'>): Promise<void>;
  /** Notices that wait, by target. */
  waiting(): Record<string, number>;
  /** Sends for some moments what still waits, and ends; what is left is sent after the next start. */
  stop(): Promise<void>;
}

/** What {@link createNotifier} needs. */
export interface NotifierDeps {
  targets: readonly NoticeTarget[];
  /** Where people reach the page; absent: notices have no links. */
  publicUrl?: string;
  cursors: NoticeCursors;
  counts: NoticeCounts;
  clock: Clock;
  /** 0 ≤ x < 1. */
  random: () => number;
  log: Log;
  /** The longest that one request may take, ms. */
  timeoutMs: number;
}

/** What is older than this when the process starts is no news, ms. */
const NEWS_MS = 86_400_000;
/** How long stopping waits for what still waits, ms. */
const LAST_WORDS_MS = 2000;

/** Makes it. */
export function createNotifier(deps: NotifierDeps): Notifier {
  const { targets, publicUrl, cursors, counts, clock, random, log, timeoutMs } = deps;
  const boxes = targets.map((target): Outbox => {
    const send = createSender(target, { clock, random, timeoutMs });
    const onSettled = (id: number) => cursors.set(keyOf(target), id);
    return createOutbox(target, { send, clock, random, log, counts, onSettled });
  });

  return {
    take(events) {
      for (const event of events) {
        for (const box of boxes) if (wants(box.target, event)) box.add(noticeOf(event, publicUrl));
      }
    },

    async begin(journal) {
      const read = async () => {
        const [newest] = await journal.events({ limit: 1 });
        const known = boxes.some(({ target }) => cursors.get(keyOf(target)) !== undefined);
        const recent = known ? await journal.events({ since: clock.now() - NEWS_MS }) : [];
        return { newest: newest?.id ?? 0, recent };
      };
      const { newest, recent } = await read().catch((error: unknown) => {
        log.error({ err: error }, 'what was not sent before the start could not be read, and is not sent');
        return { newest: undefined, recent: [] };
      });
      for (const box of boxes) {
        const key = keyOf(box.target);
        const told = cursors.get(key);
        // Who is new is told from now on.
        if (told === undefined && newest !== undefined) cursors.set(key, newest);
        const older = recent.filter((event) => told !== undefined && event.id > told && wants(box.target, event));
        box.begin(older.slice(-MOST_WAITING).map((event) => noticeOf(event, publicUrl)));
      }
    },

    waiting: () => Object.fromEntries(boxes.map((box) => [box.target.name, box.waiting()])),

    async stop() {
      await Promise.all(boxes.map((box) => box.stop(LAST_WORDS_MS)));
      await cursors.written();
    },
  };
}

/** What a target is known by over restarts, whatever its name; an address without saying it. */
function keyOf({ format, url, actions, rules }: NoticeTarget): string {
  return createHash('sha256')
    .update(JSON.stringify([format, url, actions, rules]))
    .digest('hex')
    .slice(0, 16);
}
