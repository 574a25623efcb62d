import { onTestFinished } from 'vitest';
import type { EventWithText, NewEvent } from '../../src/journal/events.js';
import { withText } from '../../src/journal/event-text.js';
import type { NoticeCounts } from '../../src/notices/outbox.js';
import type { LocalAnswer, LocalRequest } from '../support/local-server.js';
import { startLocalServer } from '../support/local-server.js';

/** A service that is told, on loopback; closed when the test is over. */
export async function receiver(handle: (request: LocalRequest) => LocalAnswer = () => ({ body: 'ok' })) {
  const server = await startLocalServer(handle);
  onTestFinished(() => server.close());
  return server;
}

let ids = 0;
/** An event as the journal tells it. */
export function event(over: Partial<NewEvent> & { id?: number; ops_time?: string } = {}): EventWithText {
  const id = over.id ?? (ids += 1);
  return withText({
    id,
    ops_time: '2026-11-21T05:00:00.000Z',
    obj_id: 'test-cpu',
    obj_type: 'migrationalert',
    obj_name: 'test-cpu',
    user: 'alertmanager',
    tenant: 'system',
    action: 'partial',
    notes: 'host a15 stays over its threshold',
    ...over,
  } as EventWithText);
}

/** What was counted, as `sent 1-json 3`. */
export function counts() {
  const seen = new Map<string, number>();
  const add = (result: string) => (target: string, notices: number) =>
    void seen.set(`${result} ${target}`, (seen.get(`${result} ${target}`) ?? 0) + notices);
  const counting: NoticeCounts = { sent: add('sent'), failed: add('failed'), dropped: add('dropped') };
  return { counting, seen: () => Object.fromEntries(seen) };
}
