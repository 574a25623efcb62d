import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { ensureBuilt, MAIN, startProgram } from '../support/program.js';

beforeAll(ensureBuilt, 120_000);

/** One command of the chapter, and what it is said to print. */
interface Step {
  command: string;
  printed: string;
}

/** The steps of the chapter in order; `serve` is where the receiver is started. */
function stepsOf(chapter: string): Step[] {
  const blocks = [...chapter.matchAll(/^```console\n\$ automigrate (.*)\n([^]*?)^```$|^automigrate serve.*$/gm)];
  return blocks.map(([, command = 'serve', printed = '']) => ({ command, printed }));
}

/** The words of a command line; single quotes keep a text together. */
const wordsOf = (line: string) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);

/** What a run prints, without what is another each time: times, ids, ports and how far a move is. */
function constant(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\d[T ](?:at )?\d\d:\d\d:\d\d(?:\.\d+Z)?/g, '<time>')
    .replaceAll(/\d\d:\d\d:\d\d/g, '<time>')
    .replaceAll(/on \d{4}-\d\d-\d\d at/g, 'on <day> at')
    .replaceAll(/\b[0-9a-f]{12}\b/g, '<id>')
    .replaceAll(/127\.0\.0\.1:\d+/g, '<address>')
    .replaceAll(/[█▏▎▍▌▋▊▉·]+ +\d+ % +\w+/g, '<progress>')
    .replaceAll(/after \d+s|at once/g, '<after>')
    .replaceAll(/\d+ s to \d+ s old/g, '<age>')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** A line that holds nothing but `…` stands for any lines. */
function pattern(printed: string): RegExp {
  const parts = printed.split(/^…$/m).map((part) => constant(part).replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('[^]*')}$`);
}

it('goes as the manual tells it, from doctor to stop --abort', { timeout: 240_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'walkthrough-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const started = (env: Record<string, string>, command?: string[]) => {
    const program = startProgram(env, [], command);
    onTestFinished(async () => {
      program.kill('SIGKILL');
      await program.ended;
    });
    return program.listening;
  };
  const scenario = resolve('test/manual/walkthrough.json');
  const env: Record<string, string> = {
    SIMULATION: await started({}, ['simulate', '--port', '0', '--scenario', scenario]),
    WEBHOOK_TOKEN: 'webhook-secret-of-the-night',
    API_TOKEN: 'alice:token-of-alice-at-night,bob:token-of-bob-at-night',
    COLUMNS: '80',
    TZ: 'UTC',
  };
  const run = (words: string[]) =>
    new Promise<string>((done) => {
      const options = { cwd: directory, env: { PATH: process.env.PATH, ...env } };
      execFile(process.execPath, [MAIN, ...words], options, (error, out, err) =>
        done(`${out}${err}${error ? `[exit status ${error.code}]` : ''}`),
      );
    });
  const last = { plan: '', batch: '' };
  for (const { command, printed } of stepsOf(await readFile('src/manual/en/walkthrough.md', 'utf8'))) {
    if (command === 'serve') {
      const place = { RULES_DIR: join(directory, 'rules'), DATA_DIR: join(directory, 'data') };
      env.AUTOMIGRATE_URL = await started({ ...env, ...place });
      continue;
    }
    const words = wordsOf(
      command
        .replace(/plan-[0-9a-f]{12}/, () => last.plan)
        .replace(/^events [0-9a-f]{12}$/, () => `events ${last.batch}`),
    );
    const once = async () => {
      const text = await run(words);
      last.plan = /\bplan-[0-9a-f]{12}\b/.exec(text)?.[0] ?? last.plan;
      last.batch = /\b(?:batch|events)\s+([0-9a-f]{12})\b/.exec(text)?.[1] ?? last.batch;
      for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
      return constant(text);
    };
    // What changes nothing is asked again until the receiver has come so far.
    const isLook = /^(?:doctor|status|fleet|plans|events)/.test(command);
    if (isLook) await expect.poll(once, { timeout: 60_000 }).toMatch(pattern(printed));
    else expect(await once(), command).toMatch(pattern(printed));
    if (command.startsWith('rules set'))
      await expect.poll(() => run(['events', '--json']), { timeout: 30_000 }).toContain('"changed"');
  }
});
