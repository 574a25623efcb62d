import { type Command, InvalidArgumentError, Option } from 'commander';
import type { BatchView } from '../intake/views.js';
import { type BatchEnding, type EventFilter, NoJournalError } from '../journal/journal.js';
import { EVENT_ACTIONS, type EventAction, type EventWithText } from '../journal/events.js';
import { parseDuration } from '../common/units.js';
import { batchStory } from './batch-story.js';
import { type CliContext, InputError, printJson } from './context.js';
import { eventLines } from './event-lines.js';
import { type Receiver, NoLocalReceiver, TOKEN_HELP, receiverOf, urlOption } from './receiver-client.js';
import { renderTable } from './table.js';

/** Reads the events of the journal in a directory, oldest first. */
export type ReadEvents = (filter: EventFilter, dataDir: string) => Promise<EventWithText[]>;

interface EventsOptions {
  action?: EventAction;
  since?: number;
  limit?: number;
  batch?: string;
  follow?: true;
  wide?: true;
  json?: true;
  url?: string;
}

/** So many are shown unless somebody says otherwise. */
const USUAL = 50;
/** As many as the receiver tells at once. */
const MOST_AT_ONCE = 10_000;
/** How often it is looked whether there is more, ms. */
const POLL_MS = 1000;
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
export function eventTable(events: readonly EventWithText[], terminal: CliContext['terminal']): string {
  const rows = events.map((event) =>
    COLUMNS.map((column) => {
      const value = event[column];
      return typeof value === 'object' ? JSON.stringify(value) : value;
    }),
  );
  return renderTable(COLUMNS, rows, terminal);
}

/** Where events are read. */
interface Source {
  events(filter: EventFilter): Promise<EventWithText[]>;
  /** What the receiver knows of a batch beside its events; nothing is known without one. */
  batch(id: string): Promise<{ running?: BatchView; ending?: BatchEnding }>;
}

function receiverSource(receiver: Receiver): Source {
  return {
    async events({ since, limit = MOST_AT_ONCE, ...filter }) {
      const params = {
        ...(filter as Record<string, string>),
        ...(since !== undefined && { since: new Date(since).toISOString() }),
        limit: Math.min(limit, MOST_AT_ONCE),
      };
      return (await receiver.get<{ events: EventWithText[] }>('/api/events', params)).events;
    },
    async batch(id) {
      const { batch } = await receiver.get<{ batch: BatchView | null }>('/api/batch');
      const { batches } = await receiver.get<{ batches: BatchEnding[] }>('/api/batches');
      const ending = batches.find((each) => each.id === id);
      return { ...(batch?.id === id && { running: batch }), ...(ending && { ending }) };
    },
  };
}

/** The receiver's events; where this machine has none and nobody named another, those of the data directory. */
async function sourceFor(context: CliContext, url: string | undefined, readEvents: ReadEvents): Promise<Source> {
  const journal: Source = {
    events: (filter) => readEvents(filter, context.dataDir()),
    batch: () => Promise.resolve({}),
  };
  if (context.givenDataDir() !== undefined && url === undefined) return journal;
  const source = receiverSource(receiverOf(context, url));
  try {
    await source.events({ limit: 1 });
    return source;
  } catch (error) {
    if (!(error instanceof NoLocalReceiver)) throw error;
    const nothing = error.message;
    await journal.events({ limit: 1 }).catch((fault: unknown) => {
      throw fault instanceof NoJournalError ? new InputError([nothing, fault.message]) : fault;
    });
    context.terminal.err(`${nothing}; this is the journal in ${context.dataDir()}\n`);
    return journal;
  }
}

/** Events that came after one, however many they are. */
async function newer(source: Source, filter: EventFilter, than: number): Promise<EventWithText[]> {
  for (let limit = 20; ; limit *= 10) {
    const found = await source.events({ ...filter, limit });
    const fresh = found.filter(({ id }) => id > than);
    if (fresh.length < found.length || found.length < limit || limit > MOST_AT_ONCE) return fresh;
  }
}

/** Prints what comes, until nobody reads it any more; what cannot be asked for a while is asked for again. */
async function follow(
  context: CliContext,
  source: Source,
  filter: EventFilter,
  from: number,
  print: (events: readonly EventWithText[]) => void,
): Promise<void> {
  const { terminal, clock } = context;
  let last = from;
  let isGone = false;
  while (terminal.closed?.aborted !== true) {
    await clock.sleep(POLL_MS, terminal.closed).catch(() => undefined);
    try {
      const events = await newer(source, filter, last);
      last = events.at(-1)?.id ?? last;
      if (events.length > 0) print(events);
      isGone = false;
    } catch (error) {
      if (!(error instanceof Error) || error instanceof InputError) throw error;
      if (!isGone) terminal.err(`${error.message}; asking again\n`);
      isGone = true;
    }
  }
}

async function runEvents(
  context: CliContext,
  readEvents: ReadEvents,
  word: string | undefined,
  { json, wide, follow: goesOn, url, ...options }: EventsOptions,
): Promise<void> {
  const { terminal } = context;
  const source = await sourceFor(context, url, readEvents);
  // What is written for programs, or asked for from a moment on, is not cut short unasked.
  const isAll = options.since !== undefined || options.batch !== undefined || (json === true && !goesOn);
  const limit = options.limit ?? (isAll ? undefined : USUAL);
  const filter: EventFilter = { ...options, ...(word !== undefined && { rule: word }) };
  const events = await source.events({ ...filter, ...(limit !== undefined && { limit }) });
  const ofBatch = word === undefined || events.length > 0 ? [] : await source.events({ ...options, batch: word });

  if (word !== undefined && ofBatch.length > 0 && !goesOn) {
    if (json) printJson(context, ofBatch);
    else if (wide) terminal.out(eventTable(ofBatch, terminal));
    else terminal.out(batchStory({ id: word, events: ofBatch, ...(await source.batch(word)) }, terminal));
    return;
  }
  const lines = eventLines(terminal, () => context.clock.now());
  const print = (some: readonly EventWithText[]) => {
    if (json) terminal.out(some.map((event) => `${JSON.stringify(event)}\n`).join(''));
    else terminal.out(wide ? eventTable(some, terminal) : lines(some));
  };
  if (json && !goesOn) printJson(context, events);
  else if (events.length > 0 || (wide && !goesOn)) print(events);
  else if (!goesOn) terminal.err('no such events\n');
  if (goesOn) {
    const from = events.at(-1)?.id ?? (await source.events({ limit: 1 })).at(-1)?.id ?? 0;
    await follow(context, source, filter, from, print);
  }
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
    .description('tell what has happened, the newest last; a batch is told as a story')
    .argument('[rule|batch]', 'only events of this rule; or the story of this batch')
    .addOption(new Option('--action <action>', 'only events of this kind').choices(EVENT_ACTIONS))
    .option('--since <time>', 'only events since this time, or since so long ago (2h)', since)
    .option(
      '-n, --limit <number>',
      `only the newest so many (default: ${USUAL}; all with --since, --batch or --json)`,
      parseLimit,
    )
    .option('--batch <id>', 'only events of this batch')
    .option('-f, --follow', 'go on with what happens from now on')
    .option('--wide', 'a table with all columns of the journal')
    .option('--json', 'print JSON; one event a line with --follow')
    .addOption(urlOption())
    .addHelpText(
      'after',
      `\nAsks the running receiver; where this machine has none, or with --data-dir, reads the journal in DATA_DIR.${TOKEN_HELP}`,
    )
    .action((word: string | undefined, options: EventsOptions) => runEvents(context, readEvents, word, options));
}
