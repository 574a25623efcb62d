import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import axios from 'axios';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processLog } from '../../src/cli/terminal-log.js';
import { bare, inTerminalStarted } from '../support/command-line.js';
import { ensureBuilt, startProgram } from '../support/program.js';

let directory: string;
beforeAll(async () => {
  ensureBuilt();
  directory = await mkdtemp(join(tmpdir(), 'automigrate-log-'));
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

const env = (name: string) => ({ RULES_DIR: 'rules', DATA_DIR: join(directory, name), PORT: '0' });
const firing = (alertname: string) => ({
  alerts: [{ status: 'firing', labels: { alertname, host: 'a15' }, fingerprint: alertname }],
});

describe('the log of the receiver', () => {
  it('is JSON with names of levels and ISO times where it goes into a file or a pipe', async () => {
    const program = startProgram(env('pipe'));
    const url = await program.listening;
    await axios.get(`${url}/api/rules`, { proxy: false });
    await axios.post(`${url}/webhooks/alertmanager`, firing('w\u001b[2Ji'), { proxy: false });
    program.kill('SIGTERM');
    await program.ended;
    const lines = program
      .output()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const { level, time } of lines) {
      expect(level).toMatch(/^(info|warn)$/);
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    const messages = lines.map(({ msg }) => msg);
    expect(messages).toContain('POST /webhooks/alertmanager 200');
    // Reads of the API are for debugging.
    expect(messages).not.toContain('GET /api/rules 200');
  });

  it('is a line for people at a terminal, and nothing in it steers that', async () => {
    const receiver = inTerminalStarted(['serve'], 80, env('terminal'));
    await receiver.prints((out) => out.includes('listening on'));
    const [url = ''] = /http:\/\/[\d.:]+/.exec(receiver.printed().out) ?? [];
    await axios.post(`${url}/webhooks/alertmanager`, firing('w\u001b[2Ji\u202e\u009bk'), { proxy: false });
    await receiver.prints((out) => out.includes('POST /webhooks'));
    receiver.end();
    const { out } = await receiver.ended;
    expect(bare(out)).toMatch(/^\d\d:\d\d:\d\d info {2}listening on http:\S+ url=\S+ cloud=simulated/m);
    expect(bare(out)).toMatch(
      /^\d\d:\d\d:\d\d info {2}POST \/webhooks\/alertmanager 200 from=127\.0\.0\.1 .*outcome=ignored/m,
    );
    expect(out).toContain('\u001b[32minfo');
    expect(out).not.toContain('\u001b[2J');
    expect(out).not.toMatch(/[\u0080-\u009f\u202a-\u202e]/);
  });
});

describe('a line for people', () => {
  const printed = (write: (log: ReturnType<typeof processLog>) => void) => {
    let text = '';
    write(processLog('info', false, { isTTY: true, write: (more: string) => (text += more) }));
    return text;
  };

  it('has time, level, words, and each field as key=value', () => {
    const text = printed((log) => log.info({ rule: 'test-cpu', hosts: 'a b', moves: 2 }, 'planned'));
    expect(text).toMatch(/^\d\d:\d\d:\d\d info {2}planned rule=test-cpu hosts="a b" moves=2\n$/);
  });

  it('tells of a fault where it came from', () => {
    const forged = new Error('no\u001b[2J\n03:41:56 info  all is well');
    const [line, ...rest] = printed((log) => log.error({ err: forged }, 'it broke'))
      .trimEnd()
      .split('\n');
    expect(line).toMatch(/^\S+ error it broke err="no\\u001b\[2J\\n03:41:56 info {2}all is well"$/);
    expect(rest.length).toBeGreaterThan(0);
    for (const each of rest) expect(each).toMatch(/^ +at /);
  });

  it('says nothing below its level', () => {
    expect(printed((log) => log.debug({}, 'quiet'))).toBe('');
  });
});

it('the manual tells of it', async () => {
  expect(await readFile('src/manual/en/operating.md', 'utf8')).toContain('03:41:56 info  planned');
});
