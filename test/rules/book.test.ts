import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type RuleBook, type RuleBookOptions, openRuleBook } from '../../src/rules/book.js';
import { directory, put, ruleFile } from './files.js';

interface Line {
  msg: string;
  level: number;
}

async function open(dir: string, options: Partial<RuleBookOptions> = {}) {
  const lines: Line[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Line) });
  const opened = await openRuleBook(dir, { log, settleMs: 5, pollMs: 20, ...options });
  if (!opened.ok) throw new Error(opened.problems.join('\n'));
  onTestFinished(() => opened.book.close());
  return { book: opened.book, lines };
}

/** Resolves as soon as the book is in that state: now, or after one of its changes. */
function until(book: RuleBook, state: (book: RuleBook) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (state(book)) resolve();
    };
    onTestFinished(book.onChange(look));
    look();
  });
}

const names = (book: RuleBook) => book.rules().map(({ name }) => name);
const calls =
  (...expected: string[]) =>
  (book: RuleBook) =>
    names(book).join() === expected.join();
const isBroken = (book: RuleBook) => book.problems().length > 0;

describe('at the start', () => {
  it('a broken rule stops it, with all problems', async () => {
    const dir = await directory({ 'a.json': '{', 'b.json': ruleFile('b', { threshold: 0 }), 'c.json': ruleFile('c') });
    const opened = await openRuleBook(dir, { log: pino({ enabled: false }) });
    expect(opened).toEqual({
      ok: false,
      problems: [expect.stringContaining('a.json: line 1'), expect.stringContaining('b.json: threshold: expected')],
    });
  });

  it('no rules at all are fine', async () => {
    const { book } = await open(await directory());
    expect(book.rules()).toEqual([]);
    expect(book.problems()).toEqual([]);
  });
});

describe.each([
  ['told by the operating system', { watch: true, pollMs: 3_600_000 }],
  ['looking by itself', { watch: false }],
])('while it runs, %s', (_, options) => {
  it('takes up rules that are added, changed, renamed and removed', async () => {
    const dir = await directory({ 'a.json': ruleFile('a') });
    const { book } = await open(dir, options);
    await put(dir, 'b.json', ruleFile('b'));
    await until(book, calls('a', 'b'));
    await put(dir, 'a.json', ruleFile('a', { threshold: 70 }));
    await until(book, (now) => now.rules()[0]?.threshold === 70);
    expect(book.files()[0]).toEqual(ruleFile('a', { threshold: 70 }));
    await rm(join(dir, 'a.json'));
    await until(book, calls('b'));
    await put(dir, '.c.json', ruleFile('c'));
    await rename(join(dir, '.c.json'), join(dir, 'c.json'));
    await rm(join(dir, 'b.json'));
    await until(book, calls('c'));
    expect(book.problems()).toEqual([]);
  });

  it('keeps the last good rules of the whole directory while one file is broken, until that is mended', async () => {
    const dir = await directory({ 'a.json': ruleFile('a'), 'b.json': ruleFile('b') });
    const { book } = await open(dir, options);
    await put(dir, 'a.json', ruleFile('a', { threshold: 700 }));
    await until(book, (now) => now.problems().join().includes('a.json: threshold: expected a number above 0'));
    await rm(join(dir, 'b.json'));
    await book.reload();
    expect(names(book)).toEqual(['a', 'b']);
    expect(book.rules()[0]?.threshold).toBe(60);
    await put(dir, 'a.json', ruleFile('a', { threshold: 70 }));
    await until(book, (now) => !isBroken(now));
    expect(names(book)).toEqual(['a']);
    expect(book.rules()[0]?.threshold).toBe(70);
  });
});

it('says each change once, however often it looks', async () => {
  const dir = await directory({ 'a.json': ruleFile('a') });
  const { book, lines } = await open(dir, { watch: false, pollMs: 3_600_000 });
  await put(dir, 'a.json', '{');
  for (let time = 0; time < 3; time++) await book.reload();
  await put(dir, 'a.json', '{"name": 1}');
  for (let time = 0; time < 3; time++) await book.reload();
  await put(dir, 'a.json', ruleFile('a'));
  for (let time = 0; time < 3; time++) await book.reload();
  await put(dir, 'b.json', ruleFile('b'));
  for (let time = 0; time < 3; time++) await book.reload();
  expect(lines.map(({ msg, level }) => [level, msg])).toEqual([
    [50, 'the rules on disk are broken; the last good ones stay in force'],
    [50, 'the rules on disk are broken; the last good ones stay in force'],
    [30, 'the rules on disk are mended and in force'],
    [30, 'the rules have changed'],
  ]);
  expect(lines[3]).toMatchObject({ added: ['b'], changed: [], removed: [] });
});

it('outlives the directory, and finds the one that takes its place', async () => {
  const dir = join(await directory(), 'rules');
  await mkdir(dir);
  await put(dir, 'a.json', ruleFile('a'));
  const { book } = await open(dir);
  await rename(dir, `${dir}-gone`);
  await until(book, isBroken);
  expect(book.problems().at(-1)).toBe(`${dir}: the directory of rules does not exist`);
  expect(names(book)).toEqual(['a']);
  await mkdir(dir);
  await put(dir, 'b.json', ruleFile('b'));
  await until(book, calls('b'));
  await put(dir, 'c.json', ruleFile('c'));
  await until(book, calls('b', 'c'));
});

it('follows links that are swapped below it, as a mounted ConfigMap does', async () => {
  const dir = await directory();
  const version = async (name: string, threshold: number) => {
    await mkdir(join(dir, name));
    await put(join(dir, name), 'a.json', ruleFile('a', { threshold }));
    await symlink(name, join(dir, '..data_tmp'));
    await rename(join(dir, '..data_tmp'), join(dir, '..data'));
  };
  await version('..v1', 60);
  await symlink(join('..data', 'a.json'), join(dir, 'a.json'));
  const { book } = await open(dir, { pollMs: 3_600_000 });
  expect(book.rules()[0]?.threshold).toBe(60);
  await version('..v2', 70);
  await until(book, (now) => now.rules()[0]?.threshold === 70);
});

it('says nothing more once it is closed', async () => {
  const dir = await directory({ 'a.json': ruleFile('a') });
  const { book, lines } = await open(dir);
  book.close();
  await put(dir, 'b.json', ruleFile('b'));
  await book.reload();
  expect(names(book)).toEqual(['a']);
  expect(lines).toEqual([]);
});
