import type { Clock } from '../../../src/clock.js';
import { passes } from '../../../src/journal/archive.js';
import type { BatchRecord, Journal, JournalEvent } from '../../../src/journal/journal.js';

/** A journal that lives as long as the run: a day writes ten thousand events, and none has to survive. */
export function memoryJournal(clock: Clock): Journal {
  const all: JournalEvent[] = [];
  let open: BatchRecord | undefined;
  return {
    commit({ events = [], batch }) {
      const rows = events.map((event): JournalEvent => ({
        ...event,
        id: all.length + 1,
        ops_time: new Date(clock.now()).toISOString(),
        obj_id: event.obj_name,
        obj_type: 'migrationalert',
        tenant: 'system',
      }));
      // One after the other: the spread of a whole day's rows would not fit on the stack.
      for (const row of rows) all.push(row);
      if (batch !== undefined) open = batch === null ? undefined : structuredClone(batch);
      return Promise.resolve(rows);
    },
    events(filter = {}) {
      const found = all.filter((event) => passes(event, filter));
      return Promise.resolve(
        filter.limit === undefined ? found : found.slice(Math.max(0, found.length - filter.limit)),
      );
    },
    openBatch: () => open,
  };
}
