import { appendFile, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { passes } from '../../src/journal/event-filter.js';
import { openArchive } from '../../src/journal/lowdb/archive.js';
import type { JournalEvent } from '../../src/journal/events.js';
import { linesBackward } from '../../src/journal/lowdb/lines.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'archive-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
});

const event = (id: number, day: string, over: Partial<JournalEvent> = {}): JournalEvent =>
  ({
    id,
    ops_time: `${day}T12:00:00.000Z`,
    obj_id: 'r',
    obj_type: 'migrationalert',
    obj_name: 'r',
    user: 'grafana',
    tenant: 'system',
    action: 'dropped',
    notes: 'n',
    ...over,
  }) as JournalEvent;
const range = (from: number, to: number, day: string) =>
  Array.from({ length: to - from + 1 }, (_, index) => event(from + index, day));
async function all(lines: AsyncIterable<string>): Promise<string[]> {
  const list: string[] = [];
  for await (const line of lines) list.push(line);
  return list;
}
const ids = (events: JournalEvent[]) => events.map(({ id }) => id);

describe('the archive', () => {
  it('takes each event once, also when a crash has it given twice', async () => {
    const archive = openArchive(directory);
    await archive.append(range(1, 3, '2026-11-20'));
    await archive.append([...range(2, 3, '2026-11-20'), ...range(4, 5, '2026-11-21')]);
    expect(ids(await openArchive(directory).read({}))).toEqual([1, 2, 3, 4, 5]);
    expect((await readFile(join(directory, '2026-11-20.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(3);
    expect(await openArchive(directory).lastId()).toBe(5);
  });

  it('goes on behind a line that was torn by a full disk or a crash', async () => {
    const archive = openArchive(directory);
    await archive.append(range(1, 2, '2026-11-20'));
    await appendFile(join(directory, '2026-11-20.jsonl'), JSON.stringify(event(3, '2026-11-20')).slice(0, 20));
    const again = openArchive(directory);
    expect(await again.lastId()).toBe(2);
    await again.append(range(1, 4, '2026-11-20'));
    expect(ids(await again.read({}))).toEqual([1, 2, 3, 4]);
  });

  it('keeps the order of ids, and filters by time rightly, when the clock was put back and forward', async () => {
    const archive = openArchive(directory);
    await archive.append([
      ...range(1, 3, '2026-11-21'),
      ...range(4, 5, '2026-11-20'),
      ...range(6, 7, '2099-01-01'),
      ...range(8, 9, '2026-11-21'),
    ]);
    expect(ids(await archive.read({}))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(ids(await archive.read({ limit: 4 }))).toEqual([6, 7, 8, 9]);
    expect(ids(await archive.read({ since: Date.parse('2026-11-21T00:00:00Z') }))).toEqual([1, 2, 3, 6, 7, 8, 9]);
    expect(await openArchive(directory).lastId()).toBe(9);
  });

  it('reads no more of its files than the limit asks for', async () => {
    const archive = openArchive(directory);
    await archive.append([...range(1, 500, '2026-11-20'), ...range(501, 1000, '2026-11-21')]);
    const day = join(directory, '2026-11-21.jsonl');
    // What stands before the last lines is never looked at: it is one endless line here.
    const tail = (await readFile(day, 'utf8')).split('\n').slice(-11).join('\n');
    await writeFile(day, `${'x'.repeat(1_000_000)}\n${tail}`);
    await writeFile(join(directory, '2026-11-20.jsonl'), 'garbage');
    expect(ids(await openArchive(directory).read({ limit: 10 }))).toEqual(ids(range(991, 1000, '2026-11-21')));
    let lines = 0;
    for await (const line of linesBackward(day)) if (line.startsWith('{') && (lines += 1) === 10) break;
    expect(lines).toBe(10);
  });

  it('passes over lines that are no events', async () => {
    await writeFile(
      join(directory, '2026-11-20.jsonl'),
      `5\nnull\n{}\n${JSON.stringify(event(1, '2026-11-20'))}\n[]\n`,
    );
    expect(ids(await openArchive(directory).read({}))).toEqual([1]);
  });

  it('removes the days that it is told to, and nothing else', async () => {
    const archive = openArchive(directory);
    await archive.append([...range(1, 1, '2026-11-19'), ...range(2, 2, '2026-11-20'), ...range(3, 3, '2026-11-21')]);
    await writeFile(join(directory, 'notes.txt'), 'mine');
    expect((await archive.days()).sort()).toEqual(['2026-11-19', '2026-11-20', '2026-11-21']);
    await archive.remove(['2026-11-19', '2026-11-18']);
    expect((await readdir(directory)).sort()).toEqual(['2026-11-20.jsonl', '2026-11-21.jsonl', 'notes.txt']);
  });
});

describe('reading by rule, action and batch', () => {
  const actions = ['dropped', 'migrating', 'migrate_success', 'not_needed'] as const;
  const rules = ['r', 'q"uote', 'ä€😀', 'back\\slash'];
  const text = fc.oneof(
    fc.string(),
    // Words that look like those of another event.
    fc.constantFrom('"action":"migrating"', 'action: migrating', '"batch":"b1"', 'x'.repeat(70_000)),
  );
  const row = fc.record({
    day: fc.constantFrom('2026-11-19', '2026-11-20', '2026-11-21'),
    action: fc.constantFrom(...actions),
    obj_name: fc.constantFrom(...rules),
    batch: fc.option(fc.constantFrom('b1', 'b2'), { nil: undefined }),
    notes: text,
  });
  const filter = fc.record(
    {
      action: fc.oneof(fc.constantFrom(...actions), fc.subarray([...actions])),
      rule: fc.constantFrom(...rules, 'none'),
      batch: fc.constantFrom('b1', 'b2', 'b'),
      since: fc.constantFrom('2026-11-20T00:00:00Z', '2026-11-21T12:00:00Z').map((at) => Date.parse(at)),
      limit: fc.nat(12),
    },
    { requiredKeys: [] },
  );

  it('finds just what reading and parsing everything finds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 40 }), filter, async (rows, asked) => {
        await rm(directory, { recursive: true, force: true });
        const events = rows.map(({ day, batch, ...rest }, index) =>
          event(index + 1, day, { ...rest, ...(batch !== undefined && { batch }) } as Partial<JournalEvent>),
        );
        await openArchive(directory).append(events);
        const naive = events.filter((each) => passes(each, asked));
        const expected = asked.limit === undefined ? naive : naive.slice(Math.max(0, naive.length - asked.limit));
        expect(await openArchive(directory).read(asked)).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('parses no line that cannot be meant', async () => {
    const archive = openArchive(directory);
    const rare = [1000, 3000].map((id) => event(id, '2026-11-20', { action: 'migrating' }));
    const many = range(1, 3001, '2026-11-20').map((each) => rare.find(({ id }) => id === each.id) ?? each);
    await archive.append(many);
    const parse = vi.spyOn(JSON, 'parse');
    onTestFinished(() => parse.mockRestore());
    expect(ids(await archive.read({ action: 'migrating' }))).toEqual([1000, 3000]);
    // The newest of the file tells its place among the days.
    expect(parse).toHaveBeenCalledTimes(3);
  });
});

describe('reading lines backward', () => {
  it.each([
    ['', []],
    ['a', ['a']],
    ['a\n', ['', 'a']],
    ['a\nb\n\nc', ['c', '', 'b', 'a']],
  ])('%j', async (text, expected) => {
    await writeFile(join(directory, 'f'), text);
    expect(await all(linesBackward(join(directory, 'f')))).toEqual(expected);
  });

  it('keeps characters whole that lie across two pieces, and lines that are longer than one', async () => {
    const lines = Array.from({ length: 40 }, (_, n) => 'ä€😀'.repeat(n * 401) + String(n));
    await writeFile(join(directory, 'f'), lines.join('\n'));
    expect(await all(linesBackward(join(directory, 'f')))).toEqual(lines.reverse());
  });
});
