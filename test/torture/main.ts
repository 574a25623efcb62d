import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { torture } from './rounds.js';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' } },
});
const directory = await mkdtemp(join(tmpdir(), 'automigrate-torture-'));
const begun = performance.now();
const score = await torture({
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  directory,
  onRound: (round, { kills, moves }) => {
    if (round % 10 === 0) process.stdout.write(`round ${round}: ${kills} kills, ${moves} moves\n`);
  },
});
await rm(directory, { recursive: true, force: true });
const lines = Object.entries({ ...score, seconds: Math.round((performance.now() - begun) / 1000) });
for (const [name, value] of lines) process.stdout.write(`${name.padEnd(16)} ${value}\n`);
process.stdout.write('Nothing was lost, nothing was doubled.\n');
