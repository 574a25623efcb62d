import type { Clock } from '../../../src/common/clock.js';
import { passes } from '../../../src/journal/event-filter.js';
import type { BatchEnding, BatchRecord, Journal } from '../../../src/journal/journal.js';
import { withText } from '../../../src/journal/event-text.js';
import type { EventWithText } from '../../../src/journal/events.js';
import { emptyMemory } from '../../../src/journal/memory.js';

/** A journal that lives as long as the run: a day writes ten thousand events, and none has to survive. */
export function memoryJournal(clock: Clock): Journal {
  const all: EventWithText[] = [];
  const endings: BatchEnding[] = [];
  let remembered = emptyMemory();
  let open: BatchRecord | undefined;
  return {
    commit({ events = [], batch, ended, memory }) {
      const rows = events.map((event): EventWithText =>
        withText({
          ...event,
          id: all.length + 1,
          ops_time: new Date(clock.now()).toISOString(),
          obj_id: event.obj_name,
          obj_type: 'migrationalert',
          tenant: 'system',
        }),
      );
      // One after the other: the spread of a whole day's rows would not fit on the stack.
      for (const row of rows) all.push(row);
      if (ended) endings.push(ended);
      if (memory) remembered = memory(remembered);
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
    endedBatches: () => endings,
    memory: () => remembered,
  };
}
