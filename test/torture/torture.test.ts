import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { ensureBuilt } from '../support/program.js';
import { torture } from './rounds.js';

beforeAll(ensureBuilt, 120_000);

it('loses nothing and doubles nothing when it is killed at any instant', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-torture-'));
  const score = await torture({ rounds: 5, seed: 7, directory });
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  expect(score.rounds).toBe(5);
  expect(score.kills).toBeGreaterThanOrEqual(5);
}, 300_000);
