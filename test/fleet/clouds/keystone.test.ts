import { describe, expect, it, onTestFinished } from 'vitest';
import type { KeystoneSettings } from '../../../src/fleet/clouds/keystone.js';
import { createKeystoneClient } from '../../../src/fleet/clouds/keystone.js';
import { PASSWORD, TOKEN_LIFE_MS, createKeystone } from '../../support/clouds/keystone.js';
import { startLocalServer } from '../../support/local-server.js';
import { createVirtualClock } from '../../support/virtual-clock.js';

interface Endpoint {
  type: string;
  interface?: string;
  region?: string;
  path?: string;
}

/** A Keystone with these endpoints, and a client of the service `compute` (or `compute_v2`, which it likes better). */
const set = async (
  endpoints: Endpoint[],
  settings: Partial<KeystoneSettings> = {},
  service: { forbidsDeadTokens?: boolean } = {},
) => {
  const clock = createVirtualClock();
  const server = await startLocalServer((request) => {
    if (request.path === '/v3/auth/tokens') return keystone.handle(request);
    if (keystone.isValid(request)) return { body: { path: request.path } };
    return { status: service.forbidsDeadTokens ? 403 : 401, body: { details: 'not enough privilege (allow:none)' } };
  });
  onTestFinished(() => server.close());
  const keystone = createKeystone(() =>
    endpoints.map(({ type, interface: name = 'public', region = 'one', path = '' }) => ({
      type,
      endpoints: [{ interface: name, region, region_id: region, url: `${server.url}${path}` }],
    })),
  );
  const client = createKeystoneClient({
    system: 'somecloud',
    settings: {
      authUrl: `${server.url}/v3`,
      username: 'mover',
      password: PASSWORD,
      userDomain: 'Users',
      project: 'ops',
      projectDomain: 'Projects',
      interface: 'public',
      ...settings,
    },
    serviceTypes: ['compute_v2', 'compute'],
    timeoutMs: 30_000,
    clock,
    random: () => 0.5,
    ...service,
  });
  const ask = async () => (await client.read({ what: 'look', method: 'GET', path: '/x' })).body;
  return { server, keystone, ask, client, clock };
};

describe('a login', () => {
  it('names user, project and the domain of each', async () => {
    const { server, ask } = await set([{ type: 'compute' }]);
    await ask();
    expect(server.requests[0]?.body).toEqual({
      auth: {
        identity: {
          methods: ['password'],
          password: { user: { name: 'mover', password: PASSWORD, domain: { name: 'Users' } } },
        },
        scope: { project: { name: 'ops', domain: { name: 'Projects' } } },
      },
    });
  });

  it('is made when first needed, and only once', async () => {
    const { keystone, ask } = await set([{ type: 'compute' }]);
    expect(keystone.logins()).toBe(0);
    await Promise.all([ask(), ask(), ask()]);
    await ask();
    expect(keystone.logins()).toBe(1);
  });

  it('that is refused is an error in Keystone’s own words, without the password, and is tried again next time', async () => {
    const { server, ask } = await set([{ type: 'compute' }], { password: 'wrong-password' });
    for (const requests of [1, 2]) {
      const error = await ask().catch((reason: unknown) => reason);
      expect(String(error)).toMatch(/somecloud: log in at .* as mover: HTTP 401: .*requires authentication/);
      expect(String(error)).not.toContain('wrong-password');
      expect(server.requests).toHaveLength(requests);
    }
  });

  it('without a token in its answer is an error that says so', async () => {
    const { server, ask } = await set([]);
    server.fault = () => ({ status: 201, body: { token: { catalog: [] } } });
    await expect(ask()).rejects.toThrow('the answer has no header X-Subject-Token');
  });
});

describe('the endpoint', () => {
  it.each<[string, Endpoint[], Partial<KeystoneSettings>, string]>([
    [
      'of the better type',
      [
        { type: 'compute', path: '/old' },
        { type: 'compute_v2', path: '/new' },
      ],
      {},
      '/new/x',
    ],
    [
      'of the interface',
      [
        { type: 'compute', path: '/public' },
        { type: 'compute', interface: 'internalURL', path: '/internal' },
      ],
      { interface: 'internal' },
      '/internal/x',
    ],
    [
      'of the region',
      [
        { type: 'compute', path: '/one' },
        { type: 'compute', region: 'two', path: '/two' },
      ],
      { region: 'two' },
      '/two/x',
    ],
  ])('%s is taken', async (_what, endpoints, settings, path) => {
    const { ask } = await set(endpoints, settings);
    expect(await ask()).toEqual({ path });
  });

  it.each<[string, Endpoint[], Partial<KeystoneSettings>, string]>([
    [
      'of a region that is not there',
      [{ type: 'compute' }],
      { region: 'two' },
      'the catalog has no public endpoint of type compute_v2 or compute in region two; it has public in one',
    ],
    [
      'of a type that is not there',
      [{ type: 'image' }, { type: 'identity' }],
      {},
      'the catalog has no public endpoint of type compute_v2 or compute; it has only the types image, identity',
    ],
    [
      'in several regions, where none is named,',
      [{ type: 'compute' }, { type: 'compute', region: 'two' }],
      {},
      'the catalog has one and two: name one of these regions in OS_REGION_NAME',
    ],
  ])('%s is an error that tells what there is', async (_what, endpoints, settings, words) => {
    const { ask } = await set(endpoints, settings);
    await expect(ask()).rejects.toThrow(words);
  });
});

describe('a token', () => {
  it('is renewed before it ends, by one login for all calls, however the clocks of the two machines are set', async () => {
    const { keystone, ask, clock } = await set([{ type: 'compute' }]);
    await ask();
    clock.advance(TOKEN_LIFE_MS - 301_000);
    await ask();
    expect(keystone.logins()).toBe(1);
    clock.advance(2000);
    await Promise.all([ask(), ask(), ask()]);
    expect(keystone.logins()).toBe(2);
  });

  it.each([
    ['does not tell its end', { catalog: [] }],
    ['has ended when it comes', { catalog: [], issued_at: '2026-01-02T00:00:00Z', expires_at: '2026-01-01T00:00:00Z' }],
    ['tells its end in no known way', { catalog: [], expires_at: 'in an hour' }],
  ])('that %s is used until it is refused', async (_what, token) => {
    const { server, keystone, ask, clock } = await set([{ type: 'compute' }]);
    const catalog = [{ type: 'compute', endpoints: [{ interface: 'public', region: 'one', url: server.url }] }];
    server.fault = (request) =>
      request.path === '/v3/auth/tokens'
        ? { ...keystone.handle(request), body: { token: { ...token, catalog } } }
        : undefined;
    await ask();
    clock.advance(2 * TOKEN_LIFE_MS);
    await ask();
    expect(keystone.logins()).toBe(1);
    keystone.revoke();
    await ask();
    expect(keystone.logins()).toBe(2);
  });
});

describe('a dead token of a service that answers it with 403', () => {
  it('is renewed once, by one login for all calls', async () => {
    const { keystone, ask } = await set([{ type: 'compute' }], {}, { forbidsDeadTokens: true });
    await ask();
    keystone.revoke();
    await Promise.all([ask(), ask(), ask()]);
    expect(keystone.logins()).toBe(2);
  });

  it('is told from missing rights: a 403 that a new token meets too costs no more than a login a minute', async () => {
    const { server, keystone, ask, clock } = await set([{ type: 'compute' }], {}, { forbidsDeadTokens: true });
    server.fault = ({ path }) => (path === '/x' ? { status: 403, body: { details: 'not for you' } } : undefined);
    for (let calls = 0; calls < 5; calls += 1)
      await expect(ask()).rejects.toThrow('HTTP 403: {"details":"not for you"}');
    expect(keystone.logins()).toBe(2);
    clock.advance(60_000);
    await expect(ask()).rejects.toThrow('HTTP 403');
    expect(keystone.logins()).toBe(3);
  });

  it('is no matter of services that answer it with 401: there a 403 is the answer', async () => {
    const { server, keystone, ask } = await set([{ type: 'compute' }]);
    server.fault = ({ path }) => (path === '/x' ? { status: 403, body: {} } : undefined);
    await expect(ask()).rejects.toThrow('HTTP 403');
    expect(keystone.logins()).toBe(1);
  });
});

describe('a token that was refused', () => {
  it('is renewed once; a second refusal is the answer', async () => {
    const { server, keystone, ask } = await set([{ type: 'compute' }]);
    server.fault = ({ path }) => (path === '/x' ? { status: 401, body: { message: 'no' } } : undefined);
    await expect(ask()).rejects.toThrow('somecloud: look: HTTP 401');
    expect(keystone.logins()).toBe(2);
  });

  it('does not hold up a caller that gives up', async () => {
    const { server, client } = await set([{ type: 'compute' }]);
    server.fault = () => 'silent';
    const controller = new AbortController();
    const reason = new Error('given up');
    const call = client.read({ what: 'look', method: 'GET', path: '/x', signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
  });
});
