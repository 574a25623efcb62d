import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { openNoticeCursors } from '../../src/notices/cursors.js';
import { createNotifier } from '../../src/notices/notifier.js';
import { MOST_WAITING } from '../../src/notices/outbox.js';
import { parseTargets } from '../../src/notices/targets.js';
import { temporaryJournal } from '../support/journal.js';
import type { LocalRequest } from '../support/local-server.js';
import { createVirtualClock } from '../support/virtual-clock.js';
import { counts, event, receiver } from './support.js';

const texts = (requests: readonly LocalRequest[]) => requests.map(({ body }) => (body as { text: string }).text);

/** A notifier with real requests on a virtual clock, telling of what a real journal records. */
async function notifying(
  addresses: string,
  { secret, over, timeoutMs = 10_000 }: { secret?: string; over?: { directory: string }; timeoutMs?: number } = {},
) {
  const clock = createVirtualClock();
  const { directory, journal } = over
    ? { ...over, journal: await openJournal(over.directory, clock, { sync: false }) }
    : await temporaryJournal(clock);
  const parsed = parseTargets(addresses, secret);
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  const lines: { level: string; fields: object; message: string }[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, fields, message });
  const log = { info: at('info'), warn: at('warn'), error: at('error') };
  const { counting, seen } = counts();
  const cursors = await openNoticeCursors(directory, log);
  const notifier = createNotifier({
    targets: parsed.targets,
    cursors,
    counts: counting,
    clock,
    timeoutMs,
    random: () => 0.5,
    log,
  });
  journal.onCommitted((rows) => notifier.take(rows));
  onTestFinished(() => notifier.stop());
  const record = (...texts: string[]) =>
    journal.commit({
      events: texts.map((notes) => ({ obj_name: 'test-cpu', user: 'grafana', action: 'partial', notes })),
    });
  const messages = () => lines.map(({ message }) => message);
  return { notifier, journal, directory, clock, lines, messages, seen, record };
}

describe('a notice', () => {
  it('is sent with a signature that whoever has the secret can check', async () => {
    const { url, requests } = await receiver();
    const { notifier, journal, record, seen } = await notifying(`${url}/hook?a=b`, {
      secret: 'a secret of sixteen',
    });
    await notifier.begin(journal);
    await record('host a15 stays over');
    await expect.poll(() => requests.length).toBe(1);
    const { method, path, query, headers, text } = requests[0]!;
    expect([method, path, query.get('a'), headers['content-type']]).toEqual([
      'POST',
      '/hook',
      'b',
      'application/json; charset=utf-8',
    ]);
    const timestamp = String(headers['x-automigrate-timestamp']);
    const expected = createHmac('sha256', 'a secret of sixteen').update(`${timestamp}.`).update(text).digest('hex');
    expect(headers['x-automigrate-signature']).toBe(`sha256=${expected}`);
    expect(Number(timestamp)).toBe(Date.parse('2026-11-21T05:00:00Z') / 1000);
    expect(JSON.parse(text)).toMatchObject({ id: 1, action: 'partial', text: 'host a15 stays over' });
    expect(headers['x-automigrate-event']).toBe('1');
    await expect.poll(seen).toEqual({ 'sent 1-json': 1 });
  });

  it('goes to each target that wants it, and one that fails holds up no other', async () => {
    const good = await receiver();
    const bad = await receiver(() => ({ status: 500 }));
    const { notifier, journal, record, seen } = await notifying(
      `${bad.url} ${good.url} ${good.url}/fails#actions=migrate_fail`,
    );
    await notifier.begin(journal);
    for (const text of ['one', 'two', 'three']) await record(text);
    await expect.poll(() => texts(good.requests)).toEqual(['one', 'two', 'three']);
    await expect.poll(seen).toMatchObject({ 'sent 2-json': 3 });
  });

  it('is tried again with growing pauses, and the later ones wait their turn', async () => {
    const times: number[] = [];
    const { url, requests } = await receiver(() => {
      times.push(clock.monotonic());
      return { status: times.length <= 4 ? 503 : 200 };
    });
    const { notifier, journal, clock, record, seen, messages } = await notifying(url);
    await notifier.begin(journal);
    await record('one');
    await record('two');
    await expect.poll(seen).toEqual({ 'sent 1-json': 2 });
    expect(texts(requests)).toEqual(['one', 'one', 'one', 'one', 'one', 'two']);
    expect(times.slice(1, 5).map((at, index) => at - times[index]!)).toEqual([1000, 2000, 4000, 8000]);
    expect(messages()).toEqual(['a notice was not delivered yet: it is tried again']);
  });

  it.each([
    ['seconds', '90'],
    ['a date', 'Sat, 21 Nov 2026 05:01:30 GMT'],
  ])('waits as long as a 429 asks, in %s', async (_kind, retryAfter) => {
    const times: number[] = [];
    const { url } = await receiver(() => {
      times.push(clock.monotonic());
      return times.length === 1 ? { status: 429, headers: { 'retry-after': retryAfter } } : {};
    });
    const { notifier, journal, clock, record, seen } = await notifying(url);
    await notifier.begin(journal);
    await record('one');
    await expect.poll(seen).toEqual({ 'sent 1-json': 1 });
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(90_000);
    expect(times[1]! - times[0]!).toBeLessThan(100_000);
  });

  it.each([400, 401, 404, 302])('is not tried again where the answer is %i, and the log says so', async (status) => {
    const { url, requests } = await receiver(() => ({
      status,
      headers: { location: '/elsewhere' },
      body: 'no such hook',
    }));
    const { notifier, journal, record, seen, lines } = await notifying(
      `${url}/services/T0KEN?key=S3CRET#secret=S1GNATURE`,
    );
    await notifier.begin(journal);
    await record('one');
    await expect.poll(seen).toEqual({ 'failed 1-json': 1 });
    expect(requests.map(({ path }) => path)).toEqual(['/services/T0KEN']);
    expect(lines).toEqual([
      {
        level: 'error',
        fields: { target: '1-json', events: [1], reason: expect.stringContaining(`HTTP ${status}`) },
        message: 'notices were not delivered',
      },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/T0KEN|S3CRET|S1GNATURE/);
  });

  it('is given up after half an hour, counted, and the next one sent', async () => {
    const { url } = await receiver(({ text }) => ({ status: text.includes('poison') ? 500 : 200 }));
    const { notifier, journal, record, seen, messages } = await notifying(url);
    await notifier.begin(journal);
    await record('poison', 'wholesome');
    await expect.poll(seen).toEqual({ 'failed 1-json': 1, 'sent 1-json': 1 });
    expect(messages()).toContain('notices were not delivered');
  });

  it('survives a receiver that tears the connection, and one whose answer has no end', async () => {
    const faults = ['torn', 'endless', undefined] as const;
    const server = await receiver();
    let asked = 0;
    server.fault = () => faults[(asked += 1) - 1];
    const { notifier, journal, record, seen } = await notifying(server.url);
    await notifier.begin(journal);
    await record('one');
    await expect.poll(seen).toEqual({ 'sent 1-json': 1 });
    expect(server.requests).toHaveLength(3);
  });

  it('waits for no receiver that hangs, or trickles', async () => {
    const faults = ['silent', 'trickle', undefined] as const;
    const server = await receiver();
    let asked = 0;
    server.fault = () => faults[(asked += 1) - 1];
    const { notifier, journal, record, seen, lines } = await notifying(server.url, { timeoutMs: 100 });
    await notifier.begin(journal);
    await record('one');
    await expect.poll(seen).toEqual({ 'sent 1-json': 1 });
    expect(server.requests).toHaveLength(3);
    expect(lines[0]?.fields).toMatchObject({ reason: expect.stringContaining('no answer within 100 ms') });
  });

  it('is refused where a robot says so in a 200, and tried again where it was only too fast', async () => {
    const answers = [
      { errcode: 130_101, errmsg: 'send too fast' },
      { errcode: 0, errmsg: 'ok' },
      { errcode: 310_000, errmsg: 'sign not match' },
    ];
    const { url } = await receiver(() => ({ body: answers.shift() }));
    const { notifier, journal, record, seen, lines } = await notifying(`dingtalk+${url}`);
    await notifier.begin(journal);
    await record('one');
    await expect.poll(seen).toEqual({ 'sent 1-dingtalk': 1 });
    await record('two');
    await expect.poll(seen).toEqual({ 'sent 1-dingtalk': 1, 'failed 1-dingtalk': 1 });
    expect(lines.at(-1)?.fields).toMatchObject({ reason: 'errcode 310000: sign not match' });
  });
});

describe('a storm of 10,000 notices', () => {
  it('is bounded: the oldest are dropped, counted and told of once, the newest arrive', async () => {
    const { url, requests } = await receiver();
    const { notifier, journal, seen, messages } = await notifying(url);
    const storm = Array.from({ length: 10_000 }, (_, n) => event({ id: n + 1, notes: `host ${n} stays over` }));
    notifier.take(storm);
    expect(notifier.waiting()).toEqual({ '1-json': MOST_WAITING });
    expect(seen()).toEqual({ 'dropped 1-json': 10_000 - MOST_WAITING });
    await notifier.begin(journal);
    await expect.poll(seen, { timeout: 60_000 }).toMatchObject({ 'sent 1-json': MOST_WAITING });
    expect(texts(requests).at(-1)).toBe('host 9999 stays over');
    expect(messages().filter((text) => text.includes('dropped'))).toEqual([
      'too many notices wait: the oldest are dropped',
      'notices were dropped, too many were waiting',
    ]);
  });

  it('reaches a robot in messages of many lines, at its pace', async () => {
    const times: number[] = [];
    const { url, requests } = await receiver(() => {
      times.push(clock.monotonic());
      return { body: { errcode: 0 } };
    });
    const { notifier, journal, clock, seen } = await notifying(`wecom+${url}`);
    notifier.take(Array.from({ length: 200 }, (_, n) => event({ notes: `host ${n} stays over` })));
    await notifier.begin(journal);
    await expect.poll(seen).toEqual({ 'sent 1-wecom': 200 });
    expect(requests.length).toBeLessThan(20);
    const pauses = times.slice(1).map((at, index) => at - times[index]!);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(3000);
  });
});

describe('the end of the process', () => {
  it('does not wait long for a receiver that hangs', async () => {
    const server = await receiver();
    server.fault = () => 'silent';
    const { notifier, journal, record, messages, clock } = await notifying(server.url);
    await notifier.begin(journal);
    await record('one', 'two');
    await expect.poll(() => server.requests.length).toBe(1);
    const before = clock.monotonic();
    await notifier.stop();
    expect(clock.monotonic() - before).toBeLessThanOrEqual(2000);
    expect(messages()).toEqual(['notices are left for the next start']);
  });

  it('has what waits in a back-off tried once more', async () => {
    let asked = 0;
    const { url } = await receiver(() => ({ status: (asked += 1) <= 5 ? 500 : 200 }));
    const { notifier, journal, record, seen } = await notifying(url);
    await notifier.begin(journal);
    await record('one');
    await expect.poll(() => asked).toBeGreaterThan(1);
    await notifier.stop();
    expect(Object.keys(seen()).filter((key) => key.startsWith('failed'))).toEqual([]);
  });

  it('loses nothing: what was recorded and not sent is sent by the next one, and what was sent is not sent again', async () => {
    const server = await receiver();
    const first = await notifying(server.url);
    await first.notifier.begin(first.journal);
    await first.record('told');
    await expect.poll(first.seen).toEqual({ 'sent 1-json': 1 });
    server.fault = () => 'silent';
    await first.record('recorded as the process ends');
    await first.notifier.stop();
    // And one that was killed before it could begin to send.
    await first.record('recorded by a process that was killed');
    server.fault = () => undefined;
    server.requests.length = 0;
    const second = await notifying(server.url, { over: { directory: first.directory } });
    await second.record('recorded by the next');
    await second.notifier.begin(second.journal);
    await expect
      .poll(() => texts(server.requests))
      .toEqual(['recorded as the process ends', 'recorded by a process that was killed', 'recorded by the next']);
    await expect.poll(second.seen).toEqual({ 'sent 1-json': 3 });
    expect(await readFile(join(first.directory, 'notices.json'), 'utf8')).not.toContain('127.0.0.1');
  });

  it('tells a new target of what comes, not of what was', async () => {
    const first = await notifying('http://127.0.0.1:9/');
    await first.record('old');
    const { url, requests } = await receiver();
    const second = await notifying(url, { over: { directory: first.directory } });
    await second.notifier.begin(second.journal);
    await second.record('new');
    await expect.poll(() => texts(requests)).toEqual(['new']);
  });
});
