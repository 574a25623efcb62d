import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock } from '../../src/common/clock.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';

/** A real journal in a directory of its own, removed when the test is over. */
export async function temporaryJournal(clock: Clock) {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return { directory, journal: await openJournal(directory, clock, { sync: false }) };
}
