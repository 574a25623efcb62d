/**
 * The long fuzz: over real HTTP connections that are kept, against the whole receiver in this process.
 * Options: --bodies 1000000, --seed (a new one each time).
 */
import { parseArgs } from 'node:util';
import { runFuzz } from './run.js';

const { values } = parseArgs({
  options: {
    bodies: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const bodies = Number(values.bodies);
process.stdout.write(`${bodies} bodies, seed ${values.seed}\n`);
const result = await runFuzz({
  bodies,
  seed: Number(values.seed),
  fixtures: 'test/fixtures/webhooks',
  onProgress: (done) => {
    if (process.stderr.isTTY || done % 100_000 === 0) process.stderr.write(`${done} bodies\n`);
  },
});
const counts = (of: Record<string, number>): string =>
  Object.entries(of)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `  ${name.padEnd(36)} ${count}\n`)
    .join('');
process.stdout.write(`status\n${counts(result.statuses)}outcome\n${counts(result.outcomes)}`);
process.stdout.write(`${(bodies / result.seconds).toFixed(0)} bodies a second, ${result.seconds.toFixed(0)} s\n`);
process.stdout.write(`longest answer: ${result.slowest.toFixed(0)} ms\n`);
process.stdout.write(`calls of the cloud because of a body: ${result.asked}\n`);
process.stdout.write(`the intended alert was carried out: before ${result.intended[0]}, after ${result.intended[1]}\n`);
for (const { status, shot } of result.bad) {
  process.stdout.write(
    `BAD ${status}: ${shot.sender} ${JSON.stringify(shot.headers)} ${shot.body.toString('latin1')}\n`,
  );
}
process.exitCode = result.bad.length > 0 || result.asked > 0 || !result.intended.every(Boolean) ? 1 : 0;
