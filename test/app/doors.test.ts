import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SENDERS } from '../../src/alerts/alert.js';
import { healthCommand } from '../../src/cli/health.js';
import { readJournalEvents } from '../../src/journal/lowdb/open-journal.js';
import { SetupError } from '../../src/app/receiver.js';
import { run } from '../cli/run.js';
import { start } from '../support/started.js';

const pem = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));

const warningsOf = (log: readonly string[]): unknown[] =>
  log
    .map((line) => JSON.parse(line) as { level: number; msg: string })
    .flatMap(({ level, msg }) => (level === 40 ? [msg] : []));

describe('a door that nobody can pass is told of at the start', () => {
  it('the API, where only webhooks have a secret; its page and its answers say so', async () => {
    const { log, url } = await start({ WEBHOOK_TOKEN: 'a-token-that-is-long-enough' });
    expect(warningsOf(log)).toContain('secrets are set, but no API_TOKEN: /api, and with it the page, is closed');
    const answer = await fetch(`${url}/api/rules`, {
      headers: { Authorization: 'Bearer a-token-that-is-long-enough' },
    });
    expect([answer.status, await answer.json()]).toEqual([
      403,
      { error: 'api_closed', message: 'the API is closed: secrets are set, but no API_TOKEN. Set one and start again' },
    ]);
  });

  it('the webhooks, where only the API has one', async () => {
    const { log } = await start({ API_TOKEN: 'a-token-that-is-long-enough' });
    expect(warningsOf(log)).toContain('API_TOKEN is set, but no secret of a webhook: all of /webhooks is closed');
  });

  it('none, where each has its own, or nothing has any', async () => {
    const tokens = { WEBHOOK_TOKEN: 'a-token-that-is-long-enough', API_TOKEN: 'a-token-that-is-long-enough' };
    for (const env of [{}, tokens]) expect(warningsOf((await start(env)).log).join()).not.toContain('closed');
  });
});

const firing = (alertname: string, labels: Record<string, string> = {}) => ({
  alerts: [{ status: 'firing', labels: { alertname, host: 'a', ...labels } }],
});

describe('with API_TOKEN as the only secret', () => {
  it('listens anywhere, takes no webhook at all, and shows the page without its data', async () => {
    const { url, post, moves } = await start({ HOST: '0.0.0.0', API_TOKEN: 'an-api-token-of-some-length' });
    const bearer = { Authorization: 'Bearer an-api-token-of-some-length' };
    for (const sender of SENDERS) {
      expect((await post(sender, firing('test-cpu'))).status).toBe(401);
      expect((await post(sender, firing('test-cpu'), bearer)).status).toBe(401);
    }
    expect((await fetch(`${url}/`)).status).toBe(200);
    expect((await fetch(`${url}/api/fleet`, { headers: bearer })).status).toBe(200);
    expect((await fetch(`${url}/api/fleet`)).status).toBe(401);
    expect(moves).toEqual([]);
  });
});

describe('what has been recorded', () => {
  it('is not removed by a start that cannot listen, and only the oldest of it by a clock that is ahead', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'doors-data-'));
    onTestFinished(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
    await mkdir(join(dataDir, 'events'));
    // As this clock sees it, all of it is past its retention.
    const days = Array.from({ length: 9 }, (_, n) => `2020-01-0${n + 1}`);
    for (const [n, day] of days.entries()) {
      const event = { id: n + 1, ops_time: `${day}T12:00:00.000Z`, obj_name: 'r', action: 'dropped', notes: 'n' };
      await writeFile(join(dataDir, 'events', `${day}.jsonl`), `${JSON.stringify(event)}\n`);
    }
    const left = async () => (await readdir(join(dataDir, 'events'))).length;
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const env = { DATA_DIR: dataDir, RETENTION: '30d' };
    const taken = { ...env, PORT: String((other.address() as AddressInfo).port) };
    await expect(start(taken)).rejects.toThrow(/PORT: cannot listen/);
    other.close();
    expect(await left()).toBe(9);
    await start(env);
    await vi.waitFor(async () => expect(await left()).toBe(7));
  });

  it('has to be kept for as long as decisions look back at it', async () => {
    await expect(start({ RETENTION: '3d' }, [{ name: 'slow', cooldown: '2d' }])).rejects.toThrow(
      'RETENTION: 3d is too short, 4d are looked back at for rule slow',
    );
  });
});

describe('secrets that can be guessed', () => {
  it('are told of at the start, without telling them', async () => {
    const { log } = await start({ WEBHOOK_TOKEN: 'hunter2' });
    expect(log.filter((line) => line.includes('can be guessed'))).toHaveLength(1);
    expect(log.join()).not.toContain('hunter2');
  });
});

describe('what the cloud warns of', () => {
  const rules = [{ name: 'test-cpu' }];
  const warned = (log: string[], words: string) =>
    vi.waitFor(() => expect(log.filter((line) => line.includes(words))).toHaveLength(1));

  it('stands in the log after the start, a line each', async () => {
    const { log } = await start({}, rules, () => Promise.resolve(['no right to see vm 7', 'it balances by itself']));
    await warned(log, 'simulated: no right to see vm 7');
    await warned(log, 'simulated: it balances by itself');
  });

  it('does not keep the receiver from starting where the cloud cannot be asked', async () => {
    const { log, url } = await start({}, rules, () => Promise.reject(new Error('the cloud is away')));
    await warned(log, 'the cloud is away');
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });
});

describe('TLS', () => {
  it('broken new files show on /readyz, and the receiver goes on with the old ones', async () => {
    const files = await mkdtemp(join(tmpdir(), 'doors-tls-'));
    onTestFinished(() => rm(files, { recursive: true, force: true }));
    const cert = join(files, 'cert.pem');
    await copyFile(pem('server.pem'), cert);
    const { receiver, environment } = await start({ TLS_CERT: cert, TLS_KEY: pem('server.key.pem') });
    expect(receiver.url).toMatch(/^https:/);
    const ready = async (): Promise<unknown> => {
      const asked = get(`${receiver.url}/readyz`, { ca: readFileSync(pem('ca.pem')), agent: false });
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      return JSON.parse(Buffer.concat((await response.toArray()) as Buffer[]).toString()) as unknown;
    };
    expect(await ready()).toEqual({ status: 'ready' });
    await writeFile(cert, 'half a certificate');
    await expect
      .poll(ready, { timeout: 20_000 })
      .toEqual({ status: 'not_ready', problems: [expect.stringMatching(/^TLS_CERT: expected a certificate in PEM/)] });
    expect(await health(environment)).toEqual({ status: 0, err: '' });
  });

  it('wrong files stop the start, with the variable', async () => {
    const started = start({ TLS_CERT: '/nowhere/cert.pem', TLS_KEY: pem('server.key.pem') });
    await expect(started).rejects.toThrow(SetupError);
    await expect(started).rejects.toThrow(/^TLS_CERT: ENOENT/);
  });
});

async function health(env: Record<string, string>) {
  const { status, err } = await run('health', { env, handlers: { commands: [healthCommand] } });
  return { status, err };
}

describe('automigrate health', () => {
  it('ends with 0 while the receiver lives, wherever it listens, with TLS and client certificates too', async () => {
    expect(await health((await start()).environment)).toEqual({ status: 0, err: '' });
    const open = { HOST: '0.0.0.0', API_TOKEN: 'an-api-token-of-some-length' };
    expect(await health((await start(open)).environment)).toEqual({ status: 0, err: '' });
    const tls = { TLS_CERT: pem('server.pem'), TLS_KEY: pem('server.key.pem'), TLS_CLIENT_CA: pem('ca.pem') };
    expect(await health((await start(tls)).environment)).toEqual({ status: 0, err: '' });
  });

  it('ends with 1 and a reason where nobody answers, and with 2 for a wrong environment', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    other.close();
    await once(other, 'close');
    expect(await health({ PORT: String(port) })).toEqual({ status: 1, err: expect.stringMatching(/ECONNREFUSED/) });
    expect(await health({ PORT: 'x' })).toMatchObject({ status: 2, err: expect.stringMatching(/^PORT: /) });
  });
});

/** Words that would mean something to a shell, a path, a URL, a query, a log, a terminal or a page. */
const HOSTILE = [
  '$(touch /tmp/pwned)',
  '; reboot #',
  '../../../etc/passwd',
  '%2e%2e%2fadmin',
  'http://169.254.169.254/',
  '"} or up{x="',
  "a' OR '1'='1'; DROP MEASUREMENT cpu",
  'a\n{"level":60,"msg":"forged"}',
  'a\r\nSet-Cookie: x=y',
  '\u001b[2J\u001b]0;title\u0007',
  '\u202edlog',
  '<img src=x onerror=alert(1)>',
  '__proto__',
  'constructor',
  '\u0000',
  'x'.repeat(100_000),
];

describe('hostile words in an alert are data and nothing else', () => {
  it('as its name: no rule takes it', async () => {
    const { post, receiver, moves, log } = await start();
    for (const word of HOSTILE) {
      const answer = await post('alertmanager', firing(word));
      expect(await answer.json()).toMatchObject({ outcome: 'ignored', reason: 'no_rule' });
    }
    await receiver.service.idle();
    expect(moves).toEqual([]);
    for (const line of log) expect(line.trimEnd().split('\n')).toHaveLength(1);
    expect(log.join('').length).toBeLessThan(HOSTILE.length * 3000);
  });

  it('as its host: no host is called so, and nothing is moved', async () => {
    const { post, receiver, moves, url, log } = await start();
    for (const [index, word] of HOSTILE.entries()) {
      const answer = await post('alertmanager', {
        alerts: [{ ...firing('test-cpu', { host: word }).alerts[0], fingerprint: `f${index}` }],
      });
      expect([200, 202]).toContain(answer.status);
      await receiver.service.idle();
    }
    expect(moves).toEqual([]);
    const text = await (await fetch(`${url}/api/events?limit=1000`)).text();
    const { events } = JSON.parse(text) as { events: { action: string; notes: unknown }[] };
    expect(new Set(events.map(({ action }) => action))).toEqual(new Set(['create', 'ignored']));
    // However long the words are, an event is not.
    for (const { notes } of events) expect(JSON.stringify(notes).length).toBeLessThan(5000);
    for (const line of log) expect(() => JSON.parse(line) as unknown).not.toThrow();
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('as the rule that it asks for: only the names of rules that stand there count', async () => {
    const { post, moves } = await start();
    for (const word of [...HOSTILE, '../test-cpu', 'test-cpu.json', '/rules/test-cpu', 'TEST-CPU', 'test-cpu\u0000']) {
      const answer = await post('alertmanager', firing('other', { migration_rule: word }));
      expect(await answer.json()).toMatchObject({ outcome: 'ignored', reason: 'no_rule' });
    }
    expect(moves).toEqual([]);
  });

  it('in any other label: the rule and the cloud are what they are without it', async () => {
    const { post, receiver, moves } = await start();
    const labels = Object.fromEntries(HOSTILE.map((word, index) => [word.slice(0, 50), HOSTILE[index]!]));
    const extra = {
      target: 'b; reboot',
      guest: 'everything',
      command: 'migrate --all',
      url: 'http://evil.example',
      ...labels,
    };
    const answer = await post('alertmanager', {
      ...firing('test-cpu', extra),
      externalURL: 'http://evil.example/$(x)',
    });
    expect(answer.status).toBe(202);
    await receiver.service.idle();
    expect(moves).toHaveLength(1);
    expect(moves[0]).toMatchObject({ guest: { id: 'id-g' }, target: { id: 'id-b' } });
  });

  it('in the table of events: the terminal gets none of its control characters', async () => {
    const { post, receiver, directory } = await start();
    for (const word of HOSTILE) await post('grafana', firing(word, { host: word }));
    await receiver.service.idle();
    const { out } = await run('events', {
      env: { DATA_DIR: join(directory, 'data') },
      width: 120,
      handlers: { readEvents: (filter, dataDir) => readJournalEvents(dataDir, filter) },
    });
    expect(out).toContain('\\u001b');
    // eslint-disable-next-line no-control-regex -- they are what must not be there
    expect(out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  });
});
