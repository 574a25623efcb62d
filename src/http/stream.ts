import type { Request, Response, Router } from 'express';
import type { Clock } from '../common/clock.js';
import type { EventWithText } from '../journal/events.js';
import { HttpProblem, onlyMethods } from './errors.js';
import type { StatusSource } from './operator-routes.js';
import { statusOf } from './operator-routes.js';
import type { Backend } from './ports.js';

/** How the stream is bounded. */
export const STREAM_LIMITS = {
  /** Who follow at once. */
  clients: 100,
  /** Bytes that wait for one who reads slowly; more end the connection, and it comes back with what it has seen last. */
  buffered: 1024 * 1024,
  /** Events that are made up for; whoever has missed more reads them anew. */
  missed: 1000,
  /** How often the service is looked at, ms: once for all who follow. */
  pollMs: 1000,
  /** Silence after which a comment tells that the connection lives, ms. */
  heartbeatMs: 15_000,
};

/** What {@link addStream} needs. */
export interface StreamDeps {
  backend: StatusSource & Pick<Backend, 'events'>;
  clock: Pick<Clock, 'now' | 'sleep'>;
  /** Ends every stream. */
  ending: AbortSignal;
  limits?: Partial<typeof STREAM_LIMITS> | undefined;
}

/** How long a budget stands where nothing has happened, ms. */
const BUDGET_MS = 30_000;

interface Client {
  response: Response;
  /** The last event that it has; undefined: it begins with what comes. */
  seen: number | undefined;
  status: string;
  /** ms since the epoch. */
  writtenAt: number;
}

/**
 * What happens, as it happens (server-sent events): `status` when it has changed, `journal` for each event, whose id is the
 * event's, so that `Last-Event-ID` goes on where a connection broke; `reset` where that is too long ago.
 * @param router - has let in nobody without a valid token.
 */
export function addStream(router: Router, { backend, clock, ending, limits }: StreamDeps): void {
  const bounds = { ...STREAM_LIMITS, ...limits };
  const clients = new Set<Client>();
  let wake = new AbortController();
  let isRunning = false;

  /** Read from the journal, so only when that has grown, or an hour may have moved on. */
  let budget: { at: number; newest: number; value: ReturnType<StatusSource['operator']['budget']> } | undefined;
  const newestId = async () => (await backend.events({ limit: 1 })).at(-1)?.id ?? 0;
  const statusNow = async (newest: number): Promise<string> => {
    if (budget?.newest !== newest || clock.now() - budget.at > BUDGET_MS) {
      const value = backend.operator.budget();
      budget = { at: clock.now(), newest, value };
      value.catch(() => (budget = undefined));
    }
    return JSON.stringify(await statusOf(backend, await budget.value));
  };

  const send = (client: Client, text: string) => {
    client.response.write(text);
    client.writtenAt = clock.now();
    if (client.response.writableLength > bounds.buffered) client.response.destroy();
  };

  const look = async () => {
    const newest = await newestId();
    const status = await statusNow(newest);
    let oldest = newest;
    for (const client of clients) {
      if (client.status !== status) send(client, frame('status', status));
      client.status = status;
      client.seen ??= newest;
      if (client.seen > newest || newest - client.seen > bounds.missed) {
        send(client, frame('reset', '{}', newest));
        client.seen = newest;
      }
      oldest = Math.min(oldest, client.seen);
    }
    const events = oldest < newest ? await backend.events({ after: oldest, limit: bounds.missed }) : [];
    for (const client of clients) {
      for (const event of events) {
        if (client.seen === undefined || event.id <= client.seen) continue;
        send(client, journalFrame(event));
        client.seen = event.id;
      }
      if (clock.now() - client.writtenAt >= bounds.heartbeatMs) send(client, ': alive\n\n');
    }
  };

  const run = async () => {
    isRunning = true;
    while (clients.size > 0) {
      // What cannot be read now may be there the next time; who follows sees that nothing comes.
      await look().catch(() => undefined);
      wake = new AbortController();
      await clock.sleep(bounds.pollMs, wake.signal).catch(() => undefined);
    }
    isRunning = false;
  };

  const endAll = () => {
    for (const { response } of clients) response.end();
    clients.clear();
  };
  ending.addEventListener('abort', endAll, { once: true });

  router
    .route('/api/stream')
    .get(async (request, response) => {
      const status = await statusNow(await newestId());
      if (clients.size >= bounds.clients) {
        throw new HttpProblem('overloaded', {
          message: `${bounds.clients} follow already; come again`,
          headers: { 'Retry-After': '10' },
        });
      }
      const seen = lastEventId(request);
      response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store', 'X-Accel-Buffering': 'no' });
      const client: Client = { response, seen, status, writtenAt: clock.now() };
      response.on('close', () => clients.delete(client));
      response.flushHeaders();
      send(client, `retry: 2000\n\n${frame('status', status)}`);
      clients.add(client);
      if (ending.aborted) endAll();
      else if (isRunning) wake.abort();
      else void run();
    })
    .all(onlyMethods('GET, HEAD'));
}

/** @throws HttpProblem `invalid_query` for one that no event can have. */
function lastEventId(request: Request): number | undefined {
  const given = request.get('last-event-id');
  if (given === undefined || given === '') return undefined;
  if (/^\d{1,15}$/.test(given)) return Number(given);
  throw new HttpProblem('invalid_query', {
    problems: [{ field: 'Last-Event-ID', message: 'expected the id of an event' }],
  });
}

function frame(event: string, data: string, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${data}\n\n`;
}

function journalFrame(event: EventWithText): string {
  return frame('journal', JSON.stringify(event), event.id);
}
