import { type Command, InvalidArgumentError, Option } from 'commander';
import { type EventFilter } from '../journal/journal.js';
import { EVENT_ACTIONS, type EventAction, type JournalEvent } from '../journal/events.js';
import { parseDuration } from '../common/units.js';
import { type CliContext, printJson } from './context.js';
import { renderTable } from './table.js';

/** Reads the events of the journal in a directory, oldest first. */
export type ReadEvents = (filter: EventFilter, dataDir: string) => Promise<JournalEvent[]>;

interface EventsOptions {
  action?: EventAction;
  since?: number;
  limit?: number;
  batch?: string;
  json?: boolean;
}

const COLUMNS = ['id', 'ops_time', 'obj_id', 'obj_type', 'obj_name', 'user', 'tenant', 'action', 'notes'] as const;

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Expected a whole number above 0.');
  return Number(text);
}

/**
 * Reads a point in time: ISO 8601, or how long ago.
 * @param now - ms since the epoch.
 * @returns ms since the epoch, or undefined if the text is neither.
 */
export function parseSince(text: string, now: number): number | undefined {
  const ago = parseDuration(text);
  if (ago !== undefined) return now - ago;
  const at = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** Prints events with the columns of the documents. */
export function eventTable(events: readonly JournalEvent[], terminal: CliContext['terminal']): string {
  const rows = events.map((event) =>
    COLUMNS.map((column) => {
      const value = event[column];
      return typeof value === 'object' ? JSON.stringify(value) : value;
    }),
  );
  return renderTable(COLUMNS, rows, terminal);
}

/** Adds `automigrate events`. */
export function addEventsCommand(program: Command, context: CliContext, readEvents: ReadEvents): void {
  const since = (text: string) => {
    const at = parseSince(text, context.clock.now());
    if (at === undefined)
      throw new InvalidArgumentError('Expected a time such as 2022-06-28T07:40:02Z, or 2h for two hours ago.');
    return at;
  };
  program
    .command('events')
    .description('print what has happened, oldest first')
    .argument('[rule]', 'only events of this rule')
    .addOption(new Option('--action <action>', 'only events of this kind').choices(EVENT_ACTIONS))
    .option('--since <time>', 'only events since this time, or since so long ago (2h)', since)
    .option('--limit <number>', 'only the newest so many', parseLimit)
    .option('--batch <id>', 'only events of this batch')
    .option('--json', 'print JSON')
    .action(async (rule: string | undefined, { json, ...options }: EventsOptions) => {
      const filter: EventFilter = { ...(rule !== undefined && { rule }), ...options };
      const events = await readEvents(filter, context.dataDir());
      if (json) printJson(context, events);
      else context.terminal.out(eventTable(events, context.terminal));
    });
}
