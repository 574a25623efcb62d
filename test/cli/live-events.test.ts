import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventWithText } from '../../src/journal/events.js';
import { bare, inPipe, inPipeStarted, piped, seen, startReceiver } from '../support/command-line.js';
import { fleet, guest, host } from '../support/fleet.js';

/** A name that would steer a terminal, and turn the writing direction. */
const WILD = 'w\u001b[2Ji\u202ek\u009bi';
const rules = [{ name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60, headroom: 0 }];

let receiver: Awaited<ReturnType<typeof startReceiver>>;
let batch: string;

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-scenario-'));
  const file = join(directory, 'scenario.json');
  const snapshot = fleet([host('a', 70), host('b', 20)], [guest(WILD, 'a', 60), guest('h', 'a', 5)]);
  await writeFile(file, JSON.stringify({ ...snapshot, simulation: { time_scale: 20 } }));
  receiver = await startReceiver(rules, { SIMULATION: file });
  await rm(directory, { recursive: true });
  batch = (await receiver.alert('test-cpu', 'a')).batch ?? '';
  await receiver.idle();
  await receiver.alert('no-rule', 'a');
  await receiver.recorded(({ action }) => action === 'ignored');
});
afterAll(() => receiver.end());

describe('automigrate events, asking a receiver', () => {
  it('prints a line an event, the newest last', async () => {
    const { out, err, status } = await inPipe(['events'], receiver.env);
    expect({ err, status }).toEqual({ err: '', status: 0 });
    const lines = out.trimEnd().split('\n');
    expect(lines.map((line) => line.split(/ +/)[2])).toEqual(['create', 'migrating', 'migrate_success', 'ignored']);
    expect(lines[1]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z test-cpu +migrating +guest w\\u001b\[2Ji.* goes from a to b$/);
  });

  it.each([80, 40])('keeps to %i columns at a terminal, in colours, and lets no name steer it', async (columns) => {
    const { out } = await seen(['events'], columns, receiver.env);
    const lines = bare(out).trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns);
    for (const line of lines) expect(line).toMatch(/^\d\d:\d\d:\d\d \S+ +(create|migrat|ignored)/);
    expect(out).toContain('\u001b[32mmigrate_success');
    expect(out).not.toContain('\u001b[2J');
    expect(out).not.toMatch(/[\u0080-\u009f\u202a-\u202e]/);
  });

  it('has no colours with NO_COLOR', async () => {
    expect((await seen(['events'], 80, { ...receiver.env, NO_COLOR: '1' })).out).not.toContain('\u001b');
  });

  it('tells a batch as a story', async () => {
    const { out } = await seen(['events', batch], 80, receiver.env);
    const text = bare(out);
    for (const line of text.split('\n')) expect(stringWidth(line)).toBeLessThanOrEqual(80);
    expect(text.replaceAll(/\s+/g, ' ')).toMatch(
      new RegExp(
        `^Batch ${batch} came of an alert by alertmanager on .*, for rule test-cpu. What was found a is at 70 % of its CPUs.*` +
          'The plan: .*What was done .* goes from a to b .* has moved from a to b.* How it ended It ended .*: 1 guest moved.',
      ),
    );
  });

  it('prints the table with --wide, JSON with --json, and only so many with -n', async () => {
    expect((await seen(['events', '--wide', '-n', '1'], 200, receiver.env)).out).toMatch(/\| .*obj_type.* \|/);
    const { out } = await inPipe(['events', '--json', '-n', '2'], receiver.env);
    expect((JSON.parse(out) as EventWithText[]).map(({ action }) => action)).toEqual(['migrate_success', 'ignored']);
  });

  it('follows what happens', async () => {
    const following = inPipeStarted(['events', '--follow', '-n', '1', '--json'], receiver.env);
    await following.prints((out) => out.includes('no-rule'));
    await receiver.writeRule({ ...rules[0], name: 'second' });
    await following.prints((out) => out.includes('"second"'));
    following.end();
    const { out } = await following.ended;
    const events = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as EventWithText);
    expect(events.map(({ action, obj_name }) => [action, obj_name])).toEqual([
      ['ignored', 'no-rule'],
      ['create', 'second'],
    ]);
  });

  it('ends in silence when nobody reads any more, also while it follows', async () => {
    expect(await piped(['events'], 'true', receiver.env)).toMatchObject({ err: '', status: 0 });
    const following = piped(['events', '--follow'], 'head -n 1', receiver.env);
    const over = following.then(() => true);
    // It finds out when it has something to write.
    for (let count = 1; !(await Promise.race([over, Promise.resolve(false)])); count += 1) {
      await receiver.writeRule({ ...rules[0], name: `more-${count}` });
      await receiver.recorded((event) => event.obj_name === `more-${count}`);
    }
    expect(await following).toMatchObject({ err: '', status: 0 });
  });
});

describe('without a receiver', () => {
  const nobody = { PORT: '1' };

  it('reads the journal of DATA_DIR and says so', async () => {
    const { out, err, status } = await inPipe(['events', 'test-cpu'], { ...nobody, DATA_DIR: receiver.dataDir });
    expect(status).toBe(0);
    expect(err).toBe(
      `no receiver answers at http://127.0.0.1:1 (ECONNREFUSED); AUTOMIGRATE_URL or --url says where it is; this is the journal in ${receiver.dataDir}\n`,
    );
    expect(out.trimEnd().split('\n')).toHaveLength(3);
    const story = await inPipe(['events', batch, '--data-dir', receiver.dataDir]);
    expect(story).toMatchObject({ err: '', status: 0 });
    expect(story.out).toContain('So far 1 guest moved.');
  });

  it('says of a folder that it holds no journal, and makes none', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'automigrate-'));
    expect(await inPipe(['events'], { ...nobody, DATA_DIR: empty })).toEqual({
      status: 2,
      out: '',
      err:
        'no receiver answers at http://127.0.0.1:1 (ECONNREFUSED); AUTOMIGRATE_URL or --url says where it is\n' +
        `${empty}: holds no journal; DATA_DIR or --data-dir says where it is\n`,
    });
    expect(await readdir(empty)).toEqual([]);
    await rm(empty, { recursive: true });
  });

  it('does not take another journal for that of a receiver that was named', async () => {
    const env = { AUTOMIGRATE_URL: 'http://127.0.0.1:1', DATA_DIR: receiver.dataDir };
    expect(await inPipe(['events'], env)).toEqual({
      status: 1,
      out: '',
      err: 'automigrate: no receiver answers at http://127.0.0.1:1 (ECONNREFUSED); is that what AUTOMIGRATE_URL should say?\n',
    });
  });
});
