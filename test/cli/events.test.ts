import { describe, expect, it } from 'vitest';
import type { EventFilter } from '../../src/journal/journal.js';
import { withText } from '../../src/journal/event-text.js';
import type { EventWithText, JournalEvent } from '../../src/journal/events.js';
import { run as runLine, type RunOptions } from './run.js';

/** On a machine without a receiver. */
const run = (line: string, options: RunOptions = {}) =>
  runLine(line, { ...options, env: { PORT: '1', ...options.env } });

const notes = {
  guest: {
    host: 'a15',
    host_id: '733b',
    id: 'a310',
    name: 'aisenzhe',
    score: 10.769393333333335,
    vcpu_count: 8,
    vmem_size: 8192,
  },
  target_host: { id: '6fc1', name: 'test-66-onecloud02', score: 22.65071999099409 },
};
const event = (id: number, more: Partial<JournalEvent>): EventWithText =>
  withText({
    id,
    ops_time: '2022-06-28T07:40:02.000Z',
    obj_id: 'test-cpu',
    obj_type: 'migrationalert',
    obj_name: 'test-cpu',
    user: 'alertmanager',
    tenant: 'system',
    action: 'create',
    notes: {},
    ...more,
  } as JournalEvent);
const EVENTS = [
  event(9, { action: 'find_result_fail', notes: 'find result to migrate: not found target' }),
  event(10, { action: 'migrating', notes, batch: 'b1' }),
];

function journal(events = EVENTS) {
  const asked: { filter: EventFilter; dataDir: string }[] = [];
  const readEvents = (filter: EventFilter, dataDir: string) => {
    asked.push({ filter, dataDir });
    return Promise.resolve(events);
  };
  return { asked, handlers: { readEvents } };
}

describe('events', () => {
  it('prints the table of the original with its columns where it may be wide', async () => {
    const { status, out } = await run('events test-cpu --wide', journal());
    const [border, head, , first, second] = out.split('\n');
    expect(status).toBe(0);
    expect(border).toMatch(/^\+(-+\+){9}$/);
    expect(
      head
        ?.split('|')
        .map((name) => name.trim())
        .slice(1, -1),
    ).toEqual(['id', 'ops_time', 'obj_id', 'obj_type', 'obj_name', 'user', 'tenant', 'action', 'notes']);
    expect(first).toContain(
      '|  9 | 2022-06-28T07:40:02.000Z | test-cpu | migrationalert | test-cpu | alertmanager | system | find_result_fail | find result',
    );
    expect(second).toContain(`| migrating        | ${JSON.stringify(notes)} |`);
  });

  it('fits the terminal', async () => {
    const { out } = await run('events --wide', { ...journal(), width: 100 });
    expect(
      new Set(
        out
          .trimEnd()
          .split('\n')
          .map((line) => line.length),
      ),
    ).toEqual(new Set([100]));
  });

  it('prints JSON, also of nothing', async () => {
    expect(JSON.parse((await run('events --json', journal())).out)).toEqual(EVENTS);
    expect((await run('events --json', journal([]))).out).toBe('[]\n');
  });

  it('asks for what the options say, in the data directory', async () => {
    const { asked, handlers } = journal();
    const now = Date.parse('2022-06-28T10:00:00Z');
    await run('events', { handlers });
    await run('events test-cpu --action migrating --since 2h --limit 5 --batch b1', {
      handlers,
      now,
      env: { DATA_DIR: '/a' },
    });
    await run('events --since 2022-06-28T07:00:00Z --data-dir /b', { handlers, now, env: { DATA_DIR: '/a' } });
    const whether = { limit: 1 };
    expect(asked).toEqual([
      { filter: whether, dataDir: 'data' },
      { filter: { limit: 50 }, dataDir: 'data' },
      { filter: whether, dataDir: '/a' },
      {
        filter: { rule: 'test-cpu', action: 'migrating', since: now - 7_200_000, limit: 5, batch: 'b1' },
        dataDir: '/a',
      },
      { filter: { since: Date.parse('2022-06-28T07:00:00Z') }, dataDir: '/b' },
    ]);
  });

  it.each([
    ['--limit 0', 'Expected a whole number above 0'],
    ['--limit x', 'Expected a whole number above 0'],
    ['--since yesterday', 'Expected a time such as 2022-06-28T07:40:02Z, or 2h for two hours ago'],
    ['--since 2022-13-45', 'Expected a time such as'],
    ['--action moving', 'Allowed choices are create, find_result_fail'],
  ])('refuses %s', async (option, message) => {
    const { asked, handlers } = journal();
    const { status, out, err } = await run(`events ${option}`, { handlers });
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain(option.split(' ')[0]);
    expect(err).toContain(message);
    expect(asked).toEqual([]);
  });

  it('ends with 1 and the reason if the journal cannot be read', async () => {
    const readEvents = () => Promise.reject(new Error('data/journal.json: line 3 is no JSON'));
    expect(await run('events --data-dir d', { handlers: { readEvents } })).toEqual({
      status: 1,
      out: '',
      err: 'automigrate: data/journal.json: line 3 is no JSON\n',
    });
  });
});
