import { inspect } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CloudOptions } from '../../../src/fleet/clouds/cloud-options.js';
import type { Cloud } from '../../../src/fleet/fleet.js';
import { FleetError } from '../../../src/fleet/fleet.js';
import type { LocalFault, LocalRequest, LocalServer } from '../../support/local-server.js';
import type { CloudHarness, HarnessOptions } from './contract.js';
import { followed, requestTo } from './contract.js';

/** What a cloud over HTTP can be made to stumble over. */
export interface HttpHarness extends CloudHarness {
  readonly server: LocalServer;
  /** The cloud, asked at another address: a proxy's. */
  connect(url: string, how: CloudOptions): Cloud;
  isMigrationRequest(request: LocalRequest): boolean;
  /** A page of guests, or all of them. */
  isListOfGuests(request: LocalRequest): boolean;
  /** Moves that the cloud has begun. */
  movesTaken(): number;
  /** Absent where there is no login. */
  readonly login?: { revoke(): void; count(): number };
  /** What must stand in no error. */
  secrets(): string[];
}

export type MakeHttpHarness = (options?: HarnessOptions) => Promise<HttpHarness>;

/** So short that a server that never answers is given up at once. */
const SHORT_MS = 150;

/**
 * What the service relies on where a cloud is asked over HTTP and the answers are late, wrong or lost.
 * @param name - of the cloud.
 * @param makeHarness - called once for each case.
 */
export function describeHttpContract(name: string, makeHarness: MakeHttpHarness): void {
  const set = async (options?: HarnessOptions) => {
    const harness = await makeHarness(options);
    onTestFinished(() => harness.close());
    return harness;
  };
  /** An error's message and everything behind it. */
  const wordsOf = (error: unknown): string => {
    const words: string[] = [];
    for (let each = error; each !== undefined; each = each instanceof Error ? each.cause : undefined) {
      words.push(inspect(each, { depth: 8 }), JSON.stringify(each));
    }
    return words.join('\n');
  };
  const errorOf = async (harness: HttpHarness, promise: Promise<unknown>): Promise<FleetError> => {
    const error = await promise.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(FleetError);
    expect(String(error)).toContain(`${harness.cloud.name}: `);
    for (const secret of harness.secrets()) expect(wordsOf(error)).not.toContain(secret);
    return error as FleetError;
  };

  describe(`${name} over HTTP:`, { timeout: 120_000 }, () => {
    it('a fault of the moment does not keep a list from being read', async () => {
      const harness = await set();
      let faults = 2;
      harness.server.fault = (request) =>
        harness.isListOfGuests(request) && faults-- > 0 ? { status: 503, body: 'upstream is away' } : undefined;
      expect((await harness.cloud.inventory()).guests).toHaveLength(harness.guestCount);
    });

    it.each<[string, LocalFault, RegExp]>([
      [
        'a fault that stays',
        { status: 500, body: { message: 'database is gone' } },
        /list .*HTTP 500.*database is gone/,
      ],
      ['a refusal', { status: 403, body: { message: 'not for you' } }, /list .*HTTP 403.*not for you/],
      ['half an answer', { body: '{"data": [' }, /list .*not JSON/],
      [
        'a web page',
        { headers: { 'content-type': 'text/html' }, body: '<html>Log in</html>' },
        /list .*not JSON.*Log in/,
      ],
      ['an answer of another shape', { body: { ok: true } }, /list .*not what it should be/],
      ['an entry of another shape', { body: { data: [{ id: 7 }], servers: [{ id: 7 }], total: 1 } }, /list .*\[0\]/],
      ['an empty answer', { body: '' }, /list .*not what it should be/],
      ['a way to elsewhere', { status: 302, headers: { location: 'http://127.0.0.1:1/' } }, /list .*HTTP 302/],
      ['an answer that repeats the token', { status: 400, body: 'echo' }, /list .*HTTP 400/],
    ])('%s instead of a list is an error with system, call and words', async (what, fault, words) => {
      const harness = await set();
      harness.server.fault = (request) => {
        if (!harness.isListOfGuests(request)) return undefined;
        return what.includes('repeats') ? { status: 400, body: JSON.stringify(request.headers) } : fault;
      };
      expect((await errorOf(harness, harness.cloud.inventory())).message).toMatch(words);
    });

    it.each<LocalFault>(['silent', 'trickle'])(
      'a %s answer is given up in time, and the error says so',
      async (fault) => {
        const harness = await set({ timeoutMs: SHORT_MS });
        harness.server.fault = (request) => (harness.isListOfGuests(request) ? fault : undefined);
        expect((await errorOf(harness, harness.cloud.inventory())).message).toMatch(/list .*no answer within 150 ms/);
      },
    );

    it('an endless answer is refused by its length', async () => {
      const harness = await set();
      harness.server.fault = (request) => (harness.isListOfGuests(request) ? 'endless' : undefined);
      expect((await errorOf(harness, harness.cloud.inventory())).message).toMatch(/list .*longer than \d+ bytes/);
    });

    it('a migration request is sent once, even when its answer is lost; a look shows that it took', async () => {
      const harness = await set();
      const request = await requestTo(harness, 1);
      harness.server.fault = (received) => (harness.isMigrationRequest(received) ? 'torn' : undefined);
      await errorOf(harness, harness.cloud.startMigration(request));
      expect(harness.server.requests.filter((each) => harness.isMigrationRequest(each))).toHaveLength(1);
      expect(harness.movesTaken()).toBe(1);
      const { end } = await followed(harness, request, undefined);
      expect(end).toEqual({ phase: 'settled', status: 'running', hostId: request.target.id });
      expect(harness.server.requests.filter((each) => harness.isMigrationRequest(each))).toHaveLength(1);
    });

    it('a migration request that meets a fault is not sent again, and its outcome is unknown', async () => {
      const harness = await set();
      const request = await requestTo(harness, 1);
      harness.server.fault = (received) =>
        harness.isMigrationRequest(received) ? { status: 503, body: { message: 'try later' } } : undefined;
      const error = await errorOf(harness, harness.cloud.startMigration(request));
      expect(error.message).toMatch(/HTTP 503.*try later/);
      expect(harness.server.requests.filter((each) => harness.isMigrationRequest(each))).toHaveLength(1);
    });

    it('a migration request that is turned down is refused in the cloud’s own words', async () => {
      const harness = await set();
      const request = await requestTo(harness, 1);
      harness.server.fault = (received) =>
        harness.isMigrationRequest(received)
          ? { status: 409, body: { conflict: { message: 'it is locked' } } }
          : undefined;
      expect(await harness.cloud.startMigration(request)).toEqual({
        accepted: false,
        reason: 'HTTP 409: it is locked',
      });
    });

    it('a fault while following is an error, and does not look like an end', async () => {
      const harness = await set();
      const request = await requestTo(harness, 1);
      const start = await harness.cloud.startMigration(request);
      harness.server.fault = () => ({ status: 500, body: { message: 'oops' } });
      await errorOf(harness, harness.cloud.migrationState(request, start.accepted ? start.handle : undefined));
    });

    it('a refused token is renewed once, by one login for all calls', async (context) => {
      const harness = await set();
      context.skip(!harness.login, 'there is no login');
      const request = await requestTo(harness, 1);
      const before = harness.login?.count() ?? 0;
      harness.login?.revoke();
      await Promise.all([
        harness.cloud.inventory(),
        harness.cloud.inventory(),
        harness.cloud.migrationState(request, undefined),
      ]);
      expect(harness.login?.count()).toBe(before + 1);
    });

    it('a move whose token was refused is asked for with a new one, and begins once', async (context) => {
      const harness = await set();
      context.skip(!harness.login, 'there is no login');
      const request = await requestTo(harness, 1);
      harness.login?.revoke();
      expect(await harness.cloud.startMigration(request)).toMatchObject({ accepted: true });
      expect(harness.movesTaken()).toBe(1);
    });

    it('a token that is refused for good is an error that says so, without a secret', async () => {
      const harness = await set();
      await harness.cloud.inventory();
      harness.server.fault = (request) =>
        harness.isListOfGuests(request) ? { status: 401, body: { message: 'who are you?' } } : undefined;
      const error = await errorOf(harness, harness.cloud.inventory());
      expect(error.message).toMatch(/HTTP 401.*who are you/);
    });

    it('a ping costs two calls at most, however large the fleet, and tells what the clock over there says', async () => {
      const harness = await set({ hosts: 500, guests: 5000 });
      const before = harness.server.requests.length;
      const { clockAt } = await harness.cloud.ping!();
      expect(Math.abs(clockAt! - Date.now())).toBeLessThan(60_000);
      expect(harness.server.requests.length - before).toBeLessThanOrEqual(2);
      expect(harness.server.requests.filter((request) => harness.isListOfGuests(request))).toEqual([]);
    });

    it.each<[LocalFault, RegExp]>([
      [{ status: 403, body: { message: 'not for you' } }, /HTTP 403.*not for you/],
      ['silent', /no answer within 150 ms/],
    ])('a ping that comes to nothing (%j) is an error with its words', async (fault, words) => {
      const harness = await set({ timeoutMs: SHORT_MS });
      harness.server.fault = () => fault;
      expect((await errorOf(harness, harness.cloud.ping!())).message).toMatch(words);
    });

    it('5,000 hosts with 50,000 guests are read whole', async () => {
      const harness = await set({ hosts: 5000, guests: 50_000 });
      const { hosts, guests } = await harness.cloud.inventory();
      expect(new Set(hosts.map(({ id }) => id)).size).toBe(5000);
      expect(new Set(guests.map(({ id }) => id)).size).toBe(50_000);
    });
  });
}
