import type { Alert } from '../alerts/alert.js';
import type { Clock } from '../common/clock.js';
import type { Journal } from '../journal/journal.js';
import { textOf } from '../journal/event-text.js';
import type { NewEvent } from '../journal/events.js';
import type { Log } from '../common/log.js';

/** So many events of one action and reason get a row of their own within {@link WINDOW_MS}, however many batches that spans. */
const OWN_ROWS = 100;
const WINDOW_MS = 60_000;
/** Further ones are counted, and their number gets a row after this, ms; each time twice as late while the storm lasts. */
const FIRST_FLUSH_MS = 1000;
const LAST_FLUSH_MS = 30_000;
/** Rules and alerts that are counted apart between two flushes: names of alerts come from outside. */
const MOST_NAMES = 50;

/** An event of an alert that comes to nothing. */
export type EventOfNothing = Extract<NewEvent, { action: 'dropped' | 'ignored' | 'flapping' | 'paused' }>;

/** Records what came to nothing, however much of it pours in. */
export interface CoalescedEvents {
  /**
   * Records an event that leads to no batch. While few come, it resolves when the event stands in the journal; in a storm it
   * is counted and the row that says how many is written soon after, at the end of its batch, or when stopping.
   * @param reason - events of one reason are counted together.
   */
  record(event: EventOfNothing, reason: string): Promise<void>;
  /**
   * Writes the rows of what was counted. What the journal refuses stays counted for another time.
   * @param batch - only what belongs to this batch; absent: everything.
   */
  flush(batch?: string): Promise<void>;
  /** Flushes for the last time. */
  stop(): Promise<void>;
}

interface Counted {
  event: EventOfNothing;
  count: number;
}

/** Makes them. */
export function createCoalescedEvents({
  journal,
  clock,
  log,
}: {
  journal: Journal;
  clock: Clock;
  log: Log;
}): CoalescedEvents {
  const stopping = new AbortController();
  const windows = new Map<string, { since: number; rows: number }>();
  let counted = new Map<string, Counted>();
  let waiting = false;

  const hasOwnRow = ({ action }: EventOfNothing, reason: string): boolean => {
    const now = clock.monotonic();
    const kind = `${action} ${reason}`;
    let window = windows.get(kind);
    if (!window || now - window.since >= WINDOW_MS) {
      window = { since: now, rows: 0 };
      windows.set(kind, window);
    }
    window.rows += 1;
    return window.rows <= OWN_ROWS;
  };

  const count = (event: EventOfNothing, reason: string, times = 1): void => {
    const keyOf = (name: string) => JSON.stringify([event.action, name, event.user, event.batch, reason]);
    const key = keyOf(event.obj_name);
    const known = counted.has(key) || counted.size < MOST_NAMES;
    const [name, own] = known ? [event.obj_name, key] : ['others', keyOf('others')];
    const entry = counted.get(own);
    if (entry) entry.count += times;
    else counted.set(own, { event: { ...event, obj_name: name }, count: times });
  };

  const write = async (batch: string | undefined): Promise<void> => {
    const isMeant = ({ event }: Counted) => batch === undefined || event.batch === batch;
    const rows = new Map([...counted].filter(([, each]) => isMeant(each)));
    if (rows.size === 0) return;
    counted = new Map([...counted].filter(([, each]) => !isMeant(each)));
    const events = [...rows.values()].map(({ event, count: times }): EventOfNothing => ({
      ...event,
      notes: { count: times, text: `${times} more in a storm; the first: ${textOf(event)}` },
    }));
    try {
      await journal.commit({ events });
    } catch (error) {
      for (const [key, { event, count: times }] of rows) {
        const later = counted.get(key);
        if (later) later.count += times;
        else counted.set(key, { event, count: times });
      }
      log.error({ err: error }, 'what was counted in a storm could not be recorded, it stays counted');
      return;
    }
    for (const { action, obj_name: name, batch: of, notes } of events)
      log.info({ action, name, batch: of, notes }, 'storm');
  };

  /** One after the other: who flushes waits for what another flush is still writing. */
  let writing: Promise<void> = Promise.resolve();
  const flush = (batch?: string): Promise<void> => (writing = writing.then(() => write(batch)));

  const flushLater = async (): Promise<void> => {
    if (waiting) return;
    waiting = true;
    for (let pause = FIRST_FLUSH_MS; counted.size > 0 && !stopping.signal.aborted; pause *= 2) {
      await clock.sleep(Math.min(pause, LAST_FLUSH_MS), stopping.signal).catch(() => undefined);
      await flush();
    }
    waiting = false;
  };

  return {
    flush,
    async record(event, reason) {
      if (hasOwnRow(event, reason)) {
        await journal.commit({ events: [event] });
        log.info({ action: event.action, name: event.obj_name, batch: event.batch }, textOf(event));
        return;
      }
      count(event, reason);
      void flushLater();
    },
    async stop() {
      stopping.abort(new Error('the service is stopping'));
      await flush();
    },
  };
}

/** Records that a sender has left alerts out of a body: their hosts are not looked at. */
export async function recordTruncated(
  rows: Pick<CoalescedEvents, 'record'>,
  [first]: readonly Alert[],
  truncated: number,
): Promise<void> {
  const { name, sender } = first ?? { name: 'notification', sender: 'unknown' };
  const left = truncated === 1 ? '1 alert was' : `${truncated} alerts were`;
  const text = `${left} left out of the notification by its sender, whose max_alerts is too low; their hosts are not looked at`;
  await rows.record({ obj_name: name, user: sender, action: 'ignored', notes: `truncated: ${text}` }, 'truncated');
}
