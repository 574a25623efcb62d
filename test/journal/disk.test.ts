import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { NewEvent } from '../../src/journal/events.js';
import { lockDirectory } from '../../src/journal/lowdb/directory-lock.js';
import { openJournal, readJournalEvents } from '../../src/journal/lowdb/open-journal.js';
import { createVirtualClock } from '../support/virtual-clock.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'disk-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
});

const note = (text: string): NewEvent => ({ obj_name: 'r', user: 'grafana', action: 'dropped', notes: text });
const fill = Array.from({ length: 100 }, () => note('x'.repeat(500)));

/** A disk of its own, if this machine lets us have one. */
function mounted(options: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory], { stdio: 'ignore' });
  } catch {
    return false;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', directory]));
  return true;
}

describe('a full disk', () => {
  it('loses nothing that was kept, refuses the rest, and goes on when there is space', async (context) => {
    if (!mounted('size=1m')) context.skip('a small disk cannot be mounted here (it takes root)');
    const journal = await openJournal(directory, createVirtualClock());
    await writeFile(join(directory, 'other'), 'x'.repeat(700_000));
    const kept: number[] = [];
    let refused = 0;
    for (let n = 0; n < 20; n += 1) {
      await journal.commit({ events: fill }).then(
        (rows) => kept.push(...rows.map(({ id }) => id)),
        (error: unknown) => {
          refused += 1;
          expect(error).toMatchObject({ name: 'JournalError', message: expect.stringMatching(/ENOSPC/) });
        },
      );
    }
    expect(refused).toBeGreaterThan(0);
    expect(journal.problems()).toEqual(expect.arrayContaining([expect.stringMatching(/ENOSPC/)]));
    expect((await readJournalEvents(directory)).map(({ id }) => id)).toEqual(kept);

    await rm(join(directory, 'other'));
    const [row] = await journal.commit({ events: [note('after')] });
    expect(row!.id).toBe(kept.length + 1);
    expect(journal.problems()).toEqual([]);
    const again = await openJournal(directory, createVirtualClock());
    expect(again.warning).toBeUndefined();
    expect((await again.events()).map(({ id }) => id)).toEqual([...kept, row!.id]);
  });
});

describe('a data directory that can only be read', () => {
  it('is named, by the lock and by the journal', async (context) => {
    if (!mounted('size=1m,ro')) context.skip('a disk that can only be read cannot be mounted here (it takes root)');
    await expect(lockDirectory(directory, 'me')).rejects.toThrow(`DATA_DIR: cannot write to ${directory}`);
    await expect(openJournal(directory, createVirtualClock())).rejects.toThrow(/DATA_DIR: cannot write to .*EROFS/);
  });

  it('is told of once it has become so, and takes changes again later', async (context) => {
    if (!mounted('size=1m')) context.skip('a small disk cannot be mounted here (it takes root)');
    const journal = await openJournal(directory, createVirtualClock());
    await journal.commit({ events: [note('one')] });
    execFileSync('mount', ['-o', 'remount,ro', directory]);
    await expect(journal.commit({ events: [note('two')] })).rejects.toThrow(/EROFS/);
    execFileSync('mount', ['-o', 'remount,rw', directory]);
    await journal.commit({ events: [note('three')] });
    expect((await readJournalEvents(directory)).map(({ id, notes }) => [id, notes])).toEqual([
      [1, 'one'],
      [2, 'three'],
    ]);
  });
});

describe('an archive that cannot be written', () => {
  it('keeps all events in the journal meanwhile, says so, and moves them later', async () => {
    const journal = await openJournal(directory, createVirtualClock(), { sync: false });
    await writeFile(join(directory, 'events'), 'in the way');
    for (let n = 0; n < 5; n += 1) await journal.commit({ events: fill });
    expect(journal.problems()).toEqual([expect.stringMatching(/cannot move older events/)]);
    await rm(join(directory, 'events'));
    await journal.commit({ events: fill });
    expect(journal.problems()).toEqual([]);
    expect((await journal.events()).map(({ id }) => id)).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
    const file = JSON.parse(await readFile(join(directory, 'journal.json'), 'utf8')) as { events: unknown[] };
    expect(file.events).toHaveLength(100);
  });
});

describe('the lock of a data directory', () => {
  it('is held by one, who is named to the second, and free again when given back', async () => {
    const first = await lockDirectory(directory, 'process 1 on a since yesterday');
    expect(first.warning).toBeUndefined();
    await expect(lockDirectory(directory, 'another')).rejects.toThrow(
      `DATA_DIR: ${directory} is in use by another automigrate: process 1 on a since yesterday`,
    );
    first.release();
    (await lockDirectory(directory, 'another')).release();
  });

  it('is not held by a file that a dead process has left', async () => {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, 'lock'), `process ${process.pid} on here since now\n`);
    (await lockDirectory(directory, 'me')).release();
  });
});
