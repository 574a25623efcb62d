import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BatchRecord } from '../../src/journal/journal.js';
import type { NewEvent } from '../../src/journal/events.js';
import type { Clock } from '../../src/common/clock.js';
import { emptyMemory } from '../../src/journal/memory.js';
import { openJournal as openSynced, readJournalEvents } from '../../src/journal/lowdb/open-journal.js';
import type { JournalOptions } from '../../src/journal/lowdb/open-journal.js';
import { createVirtualClock } from '../support/virtual-clock.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'journal-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Without waiting for the disk: some of these tests write a thousand times. */
const openJournal = (path: string, clock: Clock, options: JournalOptions = {}) =>
  openSynced(path, clock, { sync: false, ...options });

const note = (text: string, over: Partial<NewEvent> = {}): NewEvent =>
  ({
    obj_name: 'test-cpu',
    user: 'alertmanager',
    action: 'dropped',
    notes: text,
    ...over,
  }) as NewEvent;
const batch: BatchRecord = {
  id: 'b1',
  sender: 'grafana',
  accepted_at: '2026-11-21T05:00:00.000Z',
  parts: [{ rule: 'test-cpu', hosts: [['a15']], done: false }],
  migrations: [],
};

describe('the journal', () => {
  it('gives events rising ids and the columns of the documents', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    const [first] = await journal.commit({ events: [note('one', { batch: 'b1' })] });
    const [second] = await journal.commit({ events: [note('two')] });
    expect(first).toEqual({
      id: 1,
      ops_time: '2026-11-21T05:00:00.000Z',
      obj_id: 'test-cpu',
      obj_type: 'migrationalert',
      obj_name: 'test-cpu',
      user: 'alertmanager',
      tenant: 'system',
      action: 'dropped',
      notes: 'one',
      batch: 'b1',
      text: 'one',
    });
    expect(second).toMatchObject({ id: 2 });
    expect(second).not.toHaveProperty('batch');
  });

  it('has on disk what it says it has kept: events and the open batch, together', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    await journal.commit({ events: [note('one')], batch });
    const again = await openJournal(directory, createVirtualClock());
    expect(await again.events()).toHaveLength(1);
    expect(again.openBatch()).toEqual(batch);
    await again.commit({ batch: null });
    expect((await openJournal(directory, createVirtualClock())).openBatch()).toBeUndefined();
  });

  it('keeps every one of many events that come at once', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    const rows = await Promise.all(Array.from({ length: 50 }, (_, n) => journal.commit({ events: [note(`${n}`)] })));
    expect(new Set(rows.flat().map(({ id }) => id)).size).toBe(50);
    expect(await readJournalEvents(directory)).toHaveLength(50);
  });

  it('tells listeners of every event that it has kept, in order, and of none that it has not', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    const told: string[] = [];
    journal.onCommitted((rows) => told.push(...rows.map(({ id, action, text }) => `${id} ${action} ${text}`)));
    await journal.noteRules([{ name: 'test-cpu', spec: { metric: 'cpu.usage_active' } }]);
    await journal.commit({ events: [note('one')] });
    await journal.commit({ batch });
    await mkdir(join(directory, '.journal.json.tmp'));
    await expect(journal.commit({ events: [note('refused')] })).rejects.toThrow('cannot write');
    expect(told).toEqual(['1 create rule test-cpu was added: cpu.usage_active', '2 dropped one']);
  });

  it('moves older events to files by day and still reads them, each once and in order', async () => {
    const clock = createVirtualClock();
    const journal = await openJournal(directory, clock);
    for (let n = 0; n < 450; n += 1) {
      clock.advance(600_000);
      await journal.commit({ events: [note(`${n}`)] });
    }
    const own = JSON.parse(await readFile(join(directory, 'journal.json'), 'utf8')) as { events: unknown[] };
    expect(own.events.length).toBeLessThanOrEqual(200);
    expect((await readdir(join(directory, 'events'))).length).toBeGreaterThan(1);
    const events = await journal.events();
    expect(events.map(({ notes }) => notes)).toEqual(Array.from({ length: 450 }, (_, n) => `${n}`));
    expect((await readJournalEvents(directory, { limit: 3 })).map(({ id }) => id)).toEqual([448, 449, 450]);
    expect(await journal.events({ since: Date.parse(events[10]!.ops_time) })).toHaveLength(440);
  });

  it('passes over a line that a crash has torn, and writes the next event on a line of its own', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    const many = Array.from({ length: 201 }, (_, n) => note(`${n}`));
    await journal.commit({ events: many });
    const day = join(directory, 'events', '2026-11-21.jsonl');
    await writeFile(day, `${await readFile(day, 'utf8')}{"id": 99`);
    await journal.commit({ events: many });
    expect(await journal.events()).toHaveLength(402);
  });

  it('filters by rule, action, batch, time and number', async () => {
    const clock = createVirtualClock();
    const journal = await openJournal(directory, clock);
    await journal.commit({
      events: [note('a'), note('b', { obj_name: 'other' }), note('c', { action: 'migrating', batch: 'b9' })],
    });
    const texts = async (filter: Parameters<typeof journal.events>[0]) =>
      (await journal.events(filter)).map(({ notes }) => notes);
    expect(await texts({ rule: 'other' })).toEqual(['b']);
    expect(await texts({ action: 'migrating' })).toEqual(['c']);
    expect(await texts({ batch: 'b9' })).toEqual(['c']);
    expect(await texts({ limit: 2 })).toEqual(['b', 'c']);
    expect(await texts({ since: clock.now() + 1 })).toEqual([]);
  });

  it('keeps a file that it cannot understand under another name, says so, and goes on with higher ids', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    await journal.commit({ events: Array.from({ length: 201 }, (_, n) => note(`${n}`)) });
    await writeFile(join(directory, 'journal.json'), '{"version":1,"events":[{"id"');
    const again = await openJournal(directory, createVirtualClock());
    expect(again.warning).toMatch(/journal\.json could not be read .*kept as .*journal\.json\.broken-/);
    expect((await readdir(directory)).some((name) => name.startsWith('journal.json.broken-'))).toBe(true);
    const [row] = await again.commit({ events: [note('after')] });
    expect(row!.id).toBeGreaterThan(100);
  });

  it('does not use an id again that may have stood in the broken file', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    await journal.commit({ events: Array.from({ length: 90 }, (_, n) => note(`${n}`)) });
    const path = join(directory, 'journal.json');
    const text = await readFile(path, 'utf8');
    await writeFile(path, text.slice(0, text.length / 2));
    const [told] = await (await openJournal(directory, createVirtualClock())).commit({ events: [note('after')] });
    expect(told!.id).toBe(91);
    await writeFile(path, '');
    const [guessed] = await (await openJournal(directory, createVirtualClock())).commit({ events: [note('after')] });
    expect(guessed!.id).toBeGreaterThan(91);
  });

  it('goes on behind the archive when an older journal file was put back', async () => {
    const clock = createVirtualClock();
    const path = join(directory, 'journal.json');
    await (await openJournal(directory, clock)).commit({ events: [note('early')] });
    const backup = await readFile(path);
    const many = Array.from({ length: 250 }, (_, n) => note(`${n}`));
    await (await openJournal(directory, clock)).commit({ events: many });
    await writeFile(path, backup);
    const [row] = await (await openJournal(directory, clock)).commit({ events: [note('late')] });
    expect(row!.id).toBe(152);
  });

  it.each([
    ['a batch without parts', { batch: { id: 'b', sender: 's', accepted_at: 't', migrations: [] } }, /batch\.parts/],
    ['an event that is none', { events: [null] }, /events\.0/],
    ['a next id that is none', { next_id: 'seven' }, /next_id/],
  ])('puts aside a journal with %s, and says what is wrong', async (_what, wrong, words) => {
    const file = { version: 1, next_id: 1, events: [], batch: null, known_rules: [], ...wrong };
    await writeFile(join(directory, 'journal.json'), JSON.stringify(file));
    const { warning } = await openJournal(directory, createVirtualClock());
    expect(warning).toMatch(words);
    expect(warning).toMatch(/look at the migrations in the cloud/);
  });

  it('leaves the journal of a newer version alone', async () => {
    const text = '{"version":2}';
    await writeFile(join(directory, 'journal.json'), text);
    await expect(openJournal(directory, createVirtualClock())).rejects.toThrow(/is of version 2/);
    expect(await readFile(join(directory, 'journal.json'), 'utf8')).toBe(text);
  });

  it('removes what is older than it has to be kept', async () => {
    const clock = createVirtualClock();
    const day = 86_400_000;
    const journal = await openJournal(directory, clock, { retentionMs: 3 * day });
    await writeFile(join(directory, 'journal.json'), 'garbage');
    await openJournal(directory, clock);
    await journal.beginPruning();
    for (let n = 0; n < 8; n += 1) {
      await journal.commit({ events: Array.from({ length: 100 }, () => note(`day ${n}`)) });
      clock.advance(day);
    }
    const left = (await readdir(join(directory, 'events'))).sort();
    expect(left.at(0)).toBe('2026-11-25.jsonl');
    expect((await readdir(directory)).filter((name) => name.includes('broken'))).toEqual([]);
    expect((await journal.events()).at(-1)!.id).toBe(800);
  });

  it('removes nothing by being opened, and no archive because a clock was ahead', async () => {
    const clock = createVirtualClock();
    const day = 86_400_000;
    const retentionMs = 10 * day;
    const journal = await openJournal(directory, clock, { retentionMs });
    for (let n = 0; n < 10; n += 1) {
      await journal.commit({ events: Array.from({ length: 100 }, () => note(`day ${n}`)) });
      clock.advance(day);
    }
    const kept = () => readdir(join(directory, 'events'));
    const [oldest, second] = await kept();
    clock.advance(100 * day);
    const ahead = await openJournal(directory, clock, { retentionMs });
    await ahead.commit({ events: [note('of a wrong clock')] });
    const before = await kept();
    expect(before).toEqual(expect.arrayContaining([oldest, second]));
    expect(before.length).toBeGreaterThan(9);
    await ahead.beginPruning();
    expect(await kept()).toEqual(before.filter((name) => name !== oldest && name !== second));
    for (let n = 0; n < 5; n += 1) await (await openJournal(directory, clock, { retentionMs })).beginPruning();
    expect(await kept()).toHaveLength(before.length - 2);
  });

  it('refuses a change that throws, and only that one', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    const fails = new Error('a bug');
    const results = await Promise.allSettled([
      journal.commit({ events: [note('before')] }),
      journal.commit({
        events: [note('never')],
        memory: () => {
          throw fails;
        },
      }),
      journal.commit({ events: [note('beside')] }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: fails });
    await journal.commit({ events: [note('after')] });
    expect((await readJournalEvents(directory)).map(({ id, notes }) => [id, notes])).toEqual([
      [1, 'before'],
      [2, 'beside'],
      [3, 'after'],
    ]);
  });

  describe('what it remembers', () => {
    const standings = { 'test-cpu': { misses: 2, note_of_a_newer_version: true } };
    const write = async (memory: unknown) => {
      const file = { version: 1, next_id: 8, events: [], batch: null, ended: [], known_rules: [], memory };
      await writeFile(join(directory, 'journal.json'), JSON.stringify(file));
      return openJournal(directory, createVirtualClock());
    };

    it('is taken with keys that it does not know', async () => {
      const journal = await write({ verifications: [], standings, plans: [], more: 1 });
      expect(journal.warning).toBeUndefined();
      expect(journal.memory()).toEqual({ ...emptyMemory(), standings, more: 1 });
    });

    it.each([
      ['a plan without an end', { plans: [{ id: 'p' }] }, /memory\.plans\.0\.rule/, { plans: [] }],
      ['a standing that is a word', { standings: { r: 'x' } }, /memory\.standings\.r/, { standings: {} }],
      ['no verifications', { verifications: null }, /memory\.verifications: /, { verifications: [] }],
    ])('is not trusted with %s: that begins anew, the rest is kept', async (_what, wrong, words, instead) => {
      const journal = await write({ verifications: [], standings, plans: [], ...wrong });
      expect(journal.warning).toMatch(words);
      expect(journal.memory()).toEqual({ ...emptyMemory(), standings, ...instead });
      const aside = (await readdir(directory)).find((name) => name.startsWith('journal.json.broken-'));
      expect(JSON.parse(await readFile(join(directory, aside!), 'utf8'))).toMatchObject({ memory: wrong });
      const [row] = await journal.commit({ events: [note('on')] });
      expect(row!.id).toBe(8);
      expect((await openJournal(directory, createVirtualClock())).warning).toBeUndefined();
    });

    it('is not trusted where it is no object', async () => {
      expect((await write('x')).warning).toMatch(/memory: expected an object/);
    });
  });

  it('keeps the ends of the last batches', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    for (let n = 1; n <= 60; n += 1) {
      const at = '2026-11-21T05:00:00.000Z';
      const ended = { id: `b${n}`, sender: 's', accepted_at: at, ended_at: at, rules: [], succeeded: n, failed: 0 };
      await journal.commit({ batch: null, ended });
    }
    const endings = (await openJournal(directory, createVirtualClock())).endedBatches();
    expect(endings.map(({ id }) => id)).toEqual(Array.from({ length: 50 }, (_, index) => `b${index + 11}`));
  });

  it('gives rising ids when the clock is put back', async () => {
    const clock = createVirtualClock();
    const journal = await openJournal(directory, clock);
    const rows = [];
    for (let n = 0; n < 10; n += 1) {
      rows.push(...(await journal.commit({ events: Array.from({ length: 50 }, () => note(`${n}`)) })));
      clock.set(-86_400_000);
    }
    const all = await journal.events();
    expect(all.map(({ id }) => id)).toEqual(rows.map(({ id }) => id));
    expect(await journal.events({ since: Date.parse('2026-11-21T00:00:00Z') })).toHaveLength(50);
    expect((await journal.events({ limit: 5 })).map(({ id }) => id)).toEqual([496, 497, 498, 499, 500]);
  });

  it('puts aside valid JSON that is no journal', async () => {
    await writeFile(join(directory, 'journal.json'), '[]');
    expect((await openJournal(directory, createVirtualClock())).warning).toMatch(/not a journal/);
  });

  it('records the creation of a rule once, over restarts', async () => {
    const rules = [{ name: 'test-cpu', spec: { metric: 'cpu.usage_active' } }];
    await (await openJournal(directory, createVirtualClock())).noteRules(rules);
    const journal = await openJournal(directory, createVirtualClock());
    await journal.noteRules(rules);
    expect(await journal.events()).toMatchObject([{ action: 'create', obj_name: 'test-cpu', user: 'system' }]);
    await journal.noteRules([]);
    await journal.noteRules(rules);
    expect(await journal.events({ action: 'create' })).toHaveLength(2);
    expect(await journal.events({ action: 'deleted' })).toMatchObject([
      { obj_name: 'test-cpu', text: 'rule test-cpu is gone from the rules' },
    ]);
  });

  it('records that a rule says something else than before, over restarts', async () => {
    const rules = (threshold: number) => [{ name: 'test-cpu', spec: { metric: 'cpu.usage_active', threshold } }];
    const noted = async (threshold: number) => {
      const journal = await openJournal(directory, createVirtualClock());
      await journal.noteRules(rules(threshold));
      return (await journal.events()).map(({ action, text }) => [action, text]);
    };
    await noted(60);
    expect(await noted(60)).toHaveLength(1);
    expect(await noted(70)).toEqual([
      ['create', 'rule test-cpu was added: cpu.usage_active, threshold 60'],
      ['changed', 'rule test-cpu was changed: threshold: 60 → 70'],
    ]);
  });

  it('tells of each change of a rule by what is different from the one before', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    const base = { metric: 'cpu.usage_active', threshold: 60 };
    for (const spec of [
      base,
      { ...base, mode: 'auto', ignore: { guests: ['db'] } },
      { ...base, mode: 'recommend', enabled: false },
    ]) {
      await journal.noteRules([{ name: 'test-cpu', spec }]);
    }
    expect((await journal.events({ action: 'changed' })).map(({ text }) => text)).toEqual([
      'rule test-cpu was changed: mode: not set → auto; ignore.guests: not set → ["db"]',
      'rule test-cpu was changed: mode: auto → recommend; ignore.guests: ["db"] → not set; enabled: not set → false',
    ]);
  });

  it('keeps nothing of a change that could not be written, and works again when it can', async () => {
    const journal = await openJournal(directory, createVirtualClock());
    await journal.commit({ events: [note('one')] });
    const file = join(directory, 'journal.json');
    // A directory in the way of the temporary file makes the write fail for root too.
    await mkdir(join(directory, '.journal.json.tmp'));
    await expect(journal.commit({ events: [note('two')], batch })).rejects.toThrow(
      /journal: cannot write .*journal\.json/,
    );
    expect(await journal.events()).toHaveLength(1);
    expect(journal.openBatch()).toBeUndefined();
    expect(journal.problems()).toEqual([expect.stringMatching(/cannot write/)]);
    await rm(join(directory, '.journal.json.tmp'), { recursive: true });
    await journal.commit({ events: [note('three')] });
    expect(journal.problems()).toEqual([]);
    expect((await readJournalEvents(directory)).map(({ notes }) => notes)).toEqual(['one', 'three']);
    expect(await readFile(file, 'utf8')).not.toMatch(/two/);
  });

  it('names the directory that it cannot use', async () => {
    await writeFile(join(directory, 'file'), '');
    await expect(openJournal(join(directory, 'file'), createVirtualClock())).rejects.toThrow(
      /DATA_DIR: cannot write to .*file/,
    );
  });
});

describe('reading a journal from outside', () => {
  it('finds no events where there is no journal', async () => {
    expect(await readJournalEvents(join(directory, 'nowhere'))).toEqual([]);
  });

  it('names a file that it cannot read', async () => {
    await writeFile(join(directory, 'journal.json'), 'garbage');
    await expect(readJournalEvents(directory)).rejects.toThrow(/journal: cannot read .*journal\.json/);
  });
});
