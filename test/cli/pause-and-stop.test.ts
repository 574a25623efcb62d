import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import stringWidth from 'string-width';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bare, inPipe, seen, startReceiver } from '../support/command-line.js';
import { fleet, guest, host } from '../support/fleet.js';
import { startLocalServer } from '../support/local-server.js';

const rules = [
  { name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60, headroom: 0 },
  { name: 'ask-first', metric: 'cpu.usage_active', threshold: 55, headroom: 0, mode: 'recommend' },
];

let receiver: Awaited<ReturnType<typeof startReceiver>>;
const automigrate = (...args: string[]) => inPipe(args, receiver.env);
const json = async <Body>(...args: string[]) => JSON.parse((await automigrate(...args, '--json')).out) as Body;

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-scenario-'));
  const file = join(directory, 'scenario.json');
  const hosts = [host('a', 70), host('b', 20), host('far', 5, { enabled: false })];
  // Its guests are under way for as long as a test wants.
  const snapshot = fleet(hosts, [guest('g', 'a', 60), guest('w\u001b[2Jiki', 'a', 50)]);
  await writeFile(file, JSON.stringify({ ...snapshot, simulation: { time_scale: 0.05 } }));
  receiver = await startReceiver(rules, { SIMULATION: file });
  await rm(directory, { recursive: true });
}, 120_000);
afterAll(() => receiver.end());

describe('the fleet and how the service stands', () => {
  it.each([80, 40])('is told within %i columns', async (columns) => {
    for (const command of ['status', 'fleet', 'plans']) {
      const { out, status } = await seen([command], columns, receiver.env);
      expect(status, out).toBe(0);
      for (const line of bare(out).split('\n')) expect(stringWidth(line), line).toBeLessThanOrEqual(columns);
    }
  });

  it('lists hosts by their distance to the nearest threshold, with their guests counted', async () => {
    const { out } = await automigrate('fleet');
    expect(out.split('\n').map((line) => line.replaceAll(/ +/g, ' '))).toEqual([
      'host CPU memory left guests to the threshold',
      'a 70.0 % 100.0 GiB 2 15.0 points past it (ask-first, 55 %)',
      'b 20.0 % 100.0 GiB 0 35.0 points left (ask-first, 55 %)',
      'far 5.0 % 100.0 GiB 0 disabled, 50.0 points left (ask-first, 55 %)',
      expect.stringMatching(/^3 hosts, 2 guests, read at /),
      '',
    ]);
    expect((await automigrate('fleet', '-n', '1')).out).toContain('and 2 hosts that are farther from it');
  });
});

describe('pausing', () => {
  it('holds until it is resumed, and is shown by status', async () => {
    const paused = await automigrate('pause', '--reason', 'maintenance of b', '--for', '2h');
    expect(paused.out).toMatch(/^paused by alice until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d: maintenance of b\n/);
    expect((await automigrate('status')).out).toMatch(/^paused +by alice since .* until .*: maintenance of b$/m);
    expect(await receiver.alert('test-cpu', 'a')).toMatchObject({ outcome: 'ignored', reason: 'paused' });
    expect((await automigrate('resume')).out).toBe('resumed\n');
    expect((await automigrate('resume')).out).toBe('it was not paused\n');
    expect((await automigrate('status')).out).not.toContain('paused');
  });

  it.each([
    [['pause'], "required option '--reason <text>' not specified"],
    [['pause', '--reason', 'x', '--for', 'long'], 'Expected a duration such as 2h'],
    [['pause', '--reason', ' '], 'reason: expected a text of 1 to 500 characters'],
  ])('is refused as %j', async (args, message) => {
    const { err, status } = await automigrate(...args);
    expect(status).toBe(2);
    expect(err).toContain(message);
  });
});

interface ShownPlan {
  id: string;
  state: string;
}

describe('plans', () => {
  it('are shown with their loads before and after, dismissed, and approved in part', async () => {
    expect((await automigrate('plans')).out).toBe('no plan waits for an approval\n');
    await receiver.alert('ask-first', 'a');
    await receiver.idle();
    const [plan] = await json<ShownPlan[]>('plans');
    const id = plan?.id ?? '';
    const { out } = await seen(['plans'], 80, receiver.env);
    expect(bare(out)).toMatch(
      / {2}a before █+·+ +70\.0 %\n {4}after +█+.*│·+ +48\.0 %\n {2}b before █+·+│·+ +20\.0 %\n/,
    );
    expect(bare(out)).toContain(String.raw`w\u001b[2Jiki: a → b (8 vCPUs, 8192 MiB)`);

    const unknownGuest = await automigrate('approve', id, '--moves', 'nobody');
    expect(unknownGuest.status).toBe(2);
    expect(unknownGuest.err).toContain(`--moves: ${id} does not move "nobody"; it moves g, `);

    expect((await automigrate('dismiss', id, '--reason', 'not today')).out).toBe(
      `plan ${id} is dismissed: not today\n`,
    );
    const again = await automigrate('approve', id);
    expect(again.status).toBe(3);
    expect(again.out).toMatch(/is not carried out \(dismissed\):\n {2}\S/);
    expect(await json('plans')).toEqual([]);
    expect((await json<ShownPlan[]>('plans', '--all')).map(({ state }) => state)).toEqual(['dismissed']);
  });

  it('wait for the running batch with --when-free; stop says what becomes of each move', async () => {
    expect((await automigrate('stop')).status).toBe(3);
    await receiver.alert('ask-first', 'a');
    await receiver.idle();
    const [plan] = await json<ShownPlan[]>('plans');
    const id = plan?.id ?? '';
    const { batch = '' } = await receiver.alert('test-cpu', 'a');
    await receiver.recorded(({ action }) => action === 'migrating');
    expect((await automigrate('approve', id, '--moves', 'g', '--when-free')).out).toBe(
      `plan ${id} is carried out when batch ${batch} has ended, if it still holds then\n`,
    );
    expect((await automigrate('status')).out).toMatch(
      new RegExp(`^batch +${batch} .*migrating, 0 of 1 moves over`, 'm'),
    );
    const stopped = await automigrate('stop', '--abort');
    expect(stopped.out).toMatch(new RegExp(`^batch ${batch} begins nothing more\nis being cancelled:\n {2}.* to b\n`));
    await receiver.idle();
  });
});

describe('trying', () => {
  it('a rule on the fleet as it is: a plan as on a snapshot, and what an alert would lead to', async () => {
    const { out, status } = await seen(['plan', 'ask-first', '--host', 'a'], 80, receiver.env);
    expect(status, out).toBe(0);
    expect(out).toMatch(/^migrate: /);
    expect(bare(out).replaceAll(/\s+/g, ' ')).toMatch(/ An alert now would recommend it/);
    expect(await json<{ outcome: string }>('plan', '--rule', 'ask-first', '--host', 'a')).toMatchObject({
      outcome: 'migrate',
      rule: 'ask-first',
      sources: [{ name: 'a', current: 70 }],
    });
    expect((await automigrate('plan', 'test-cpu', '--host', 'b')).status).toBe(3);
    const nothing = await automigrate('plan', 'nobody', '--host', 'a');
    expect(nothing.status).toBe(2);
    expect(nothing.err).toContain('nobody');
  });

  it('an alert: what the door answers and what would be planned; nothing moves without --go', async () => {
    const before = (await json<unknown[]>('events')).length;
    const { out, status } = await automigrate('test-alert', 'ask-first', '--host', 'a');
    expect(status).toBe(0);
    expect(out).toMatch(/^the receiver answers: accepted\n\nmigrate: /);
    expect(out).toMatch(/nothing was moved; --go carries it out\n$/);
    expect((await json<unknown[]>('events')).length).toBe(before);
    const gone = await automigrate('test-alert', 'ask-first', '--host', 'a', '--go');
    expect(gone.out).toMatch(/nothing moves without an approval: "automigrate events/);
    const [, batch = ''] = /"automigrate events (\w+)" tells how it goes/.exec(gone.out) ?? [];
    await receiver.idle();
    expect((await automigrate('events', batch)).out).toMatch(/recommended: plan /);
    await automigrate('pause', '--reason', 'work');
    const ignored = await automigrate('test-alert', 'ask-first', '--host', 'a', '--go');
    await automigrate('resume');
    expect(ignored.status).toBe(3);
    expect(ignored.out).toMatch(/ignored \(paused\)[^]*nothing moves: the alert was not accepted\n$/);
  });
});

describe('where it cannot be asked', () => {
  const asks = async (env: Record<string, string>) => inPipe(['status'], env);

  it('says what is wrong with the token', async () => {
    const { AUTOMIGRATE_URL: url } = receiver.env;
    expect(await asks({ AUTOMIGRATE_URL: url })).toEqual({
      status: 2,
      out: '',
      err: `${url}: asks for a token; API_TOKEN or API_TOKEN_FILE holds it\n`,
    });
    expect((await asks({ AUTOMIGRATE_URL: url, API_TOKEN: 'wrong' })).err).toBe(
      `${url}: the token is not valid; API_TOKEN or API_TOKEN_FILE holds it\n`,
    );
    const file = join(receiver.directory, 'token');
    await writeFile(file, 'bob:bob-secret-01234567\nanother\n');
    expect((await asks({ AUTOMIGRATE_URL: url, API_TOKEN_FILE: file })).status).toBe(0);
    expect((await asks({ AUTOMIGRATE_URL: url, API_TOKEN_FILE: '/nowhere' })).err).toMatch(
      /^API_TOKEN_FILE: expected a file that can be read, got "\/nowhere"/,
    );
    expect((await asks({ AUTOMIGRATE_URL: url, API_TOKEN_FILE: file, API_TOKEN: 'x' })).err).toBe(
      'API_TOKEN and API_TOKEN_FILE: expected only one of them\n',
    );
  });

  it('finds the receiver of this environment by HOST and PORT', async () => {
    const env = { HOST: '0.0.0.0', PORT: new URL(receiver.url).port, API_TOKEN: 'alice:alice-secret-0123' };
    expect((await asks(env)).out).toContain(`receiver  http://127.0.0.1:${env.PORT},`);
  });

  it('says that something else listens there', async () => {
    const answers = [
      { status: 200, body: 'hello' },
      { status: 404, body: { message: 'no route' } },
    ];
    for (const answer of answers) {
      const server = await startLocalServer(() => answer);
      const { err, status } = await asks({ AUTOMIGRATE_URL: server.url });
      expect({ err, status }).toEqual({
        err: `${server.url}: what answers there is no automigrate receiver\n`,
        status: 2,
      });
      await server.close();
    }
  });

  it('passes on what the receiver says of a name that is not its own', async () => {
    const misdirected = { error: 'misdirected', message: 'this is not the host that was asked' };
    const server = await startLocalServer(() => ({ status: 421, body: misdirected }));
    expect((await asks({ AUTOMIGRATE_URL: server.url })).err).toBe(
      `${server.url}: the receiver is not called 127.0.0.1 (this is not the host that was asked)\n`,
    );
    await server.close();
  });

  it('goes through no proxy to its own machine', async () => {
    const env = { ...receiver.env, HTTP_PROXY: 'http://127.0.0.1:1', http_proxy: 'http://127.0.0.1:1' };
    expect((await asks(env)).status).toBe(0);
  });
});

describe('over HTTPS', () => {
  const fixture = (name: string) => join('test/fixtures/tls', name);

  it("trusts an authority of one's own by NODE_EXTRA_CA_CERTS, and names it where it is missing", async () => {
    const tls = { TLS_CERT: fixture('server.pem'), TLS_KEY: fixture('server.key.pem') };
    const secure = await startReceiver(rules, tls);
    const port = new URL(secure.url).port;
    const env = { ...secure.env, AUTOMIGRATE_URL: `https://localhost:${port}` };
    const untrusted = await inPipe(['status'], env);
    expect(untrusted.status).toBe(1);
    expect(untrusted.err).toContain('(NODE_EXTRA_CA_CERTS names the file of an authority of your own)');
    expect(await inPipe(['status'], { ...env, NODE_EXTRA_CA_CERTS: fixture('ca.pem') })).toMatchObject({ status: 0 });
    const local = { PORT: port, TLS_CERT: 'any', API_TOKEN: 'alice:alice-secret-0123' };
    expect(await inPipe(['status'], local)).toMatchObject({ status: 0 });
    const plain = await inPipe(['status'], { ...env, AUTOMIGRATE_URL: `http://localhost:${port}` });
    expect(plain.err).toContain('does it speak https:// there?');
    await secure.end();
  });
});
