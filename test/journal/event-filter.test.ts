import { describe, expect, test } from 'vitest';
import { concerns, passes } from '../../src/journal/event-filter.js';
import type { EventFilter } from '../../src/journal/journal.js';
import type { JournalEvent, NewEvent } from '../../src/journal/events.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { temporaryJournal } from '../support/journal.js';
import { createVirtualClock } from '../support/virtual-clock.js';

const migration = {
  guest: { host: 'a15', host_id: 'id-a15', id: 'id-web', name: 'web', score: 9, vcpu_count: 8, vmem_size: 8192 },
  target_host: { id: 'id-b2', name: 'b2', score: 20 },
};
const event = (content: Pick<NewEvent, 'action' | 'notes'>): NewEvent =>
  ({ obj_name: 'r', user: 'system', ...content }) as NewEvent;

describe('an event is about the hosts and guests', () => {
  test.each<[string, Pick<NewEvent, 'action' | 'notes'>, string[], string[]]>([
    ['of its move', { action: 'migrating', notes: migration }, ['a15', 'id-a15', 'b2', 'id-b2'], ['web', 'id-web']],
    [
      'of a plan',
      {
        action: 'recommended',
        notes: { plan: 'p', outcome: 'migrate', cost: 1, expires_at: '', migrations: [migration] },
      },
      ['a15', 'b2'],
      ['web'],
    ],
    ['of what was left out', { action: 'limited', notes: { text: 't', left_out: [migration] } }, ['b2'], ['id-web']],
    [
      'of moves by others',
      {
        action: 'foreign_move',
        notes: { text: 't', paused_until: '', moves: [{ guest: 'web', from: 'a15', to: 'b2' }] },
      },
      ['a15', 'b2'],
      ['web'],
    ],
    [
      'that were looked at again',
      {
        action: 'verified',
        notes: {
          batch: 'b',
          metric: 'cpu.usage_active',
          outcome: 'no_reading',
          hosts: [{ id: 'id-a15', name: 'a15', role: 'source', before: 1, predicted: 1 }],
        },
      },
      ['a15', 'id-a15'],
      [],
    ],
    ['that its sentence names', { action: 'not_needed', notes: 'a15 is at 50 %, web-1 too.' }, ['a15'], ['web-1']],
  ])('%s', (_what, content, hosts, guests) => {
    for (const host of hosts) expect(concerns(event(content), 'host', host)).toBe(true);
    for (const guest of guests) expect(concerns(event(content), 'guest', guest)).toBe(true);
    for (const kind of ['host', 'guest'] as const) expect(concerns(event(content), kind, 'a1')).toBe(false);
    expect(concerns(event(content), 'guest', 'web-2')).toBe(false);
  });

  test('and not about one whose name is part of another', () => {
    const told = event({ action: 'not_needed', notes: 'compute-13.example is at 50 %' });
    expect(concerns(told, 'host', 'compute-13.example')).toBe(true);
    for (const other of ['compute-1', 'compute-13', 'example', '13']) expect(concerns(told, 'host', other)).toBe(false);
  });
});

test('pages lead through the whole journal, both ways, with archive and without', async () => {
  const clock = createVirtualClock();
  const { journal, directory } = await temporaryJournal(clock);
  for (let round = 0; round < 9; round += 1) {
    const events = Array.from({ length: 50 }, () => event({ action: 'ignored', notes: `round ${round}` }));
    await journal.commit({ events });
    clock.advance(3 * 3_600_000);
  }
  const all = (await journal.events()).map(({ id }) => id);
  expect(all).toHaveLength(450);

  const walk = async (
    filter: (at: number) => EventFilter,
    from: number,
    next: (ids: number[]) => number | undefined,
  ) => {
    const seen: number[][] = [];
    for (let at: number | undefined = from; at !== undefined;) {
      const ids = (await journal.events({ ...filter(at), limit: 70 })).map(({ id }) => id);
      seen.push(ids);
      at = next(ids);
    }
    return seen;
  };
  const back = await walk(
    (before) => ({ before }),
    Infinity,
    (ids) => ids[0],
  );
  expect(back.reverse().flat()).toEqual(all);
  const on = await walk(
    (after) => ({ after }),
    0,
    (ids) => ids.at(-1),
  );
  expect(on.flat()).toEqual(all);

  const reopened = await openJournal(directory, clock);
  expect((await reopened.events({ after: 0, limit: 2 })).map(({ id }) => id)).toEqual(all.slice(0, 2));
});

test('a filter by time has both ends', () => {
  const at = (ops_time: string) => ({ ...event({ action: 'ignored', notes: 'n' }), id: 1, ops_time }) as JournalEvent;
  const filter = { since: Date.parse('2026-01-01T10:00:00Z'), until: Date.parse('2026-01-01T11:00:00Z') };
  expect(passes(at('2026-01-01T10:00:00Z'), filter)).toBe(true);
  expect(passes(at('2026-01-01T11:00:00Z'), filter)).toBe(true);
  expect(passes(at('2026-01-01T09:59:59Z'), filter)).toBe(false);
  expect(passes(at('2026-01-01T11:00:01Z'), filter)).toBe(false);
});
