import { describe, expect, it, onTestFinished } from 'vitest';
import type { KeystoneSettings } from '../../../src/fleet/clouds/keystone.js';
import { createKeystoneClient } from '../../../src/fleet/clouds/keystone.js';
import { PASSWORD, createKeystone } from '../../support/clouds/keystone.js';
import { startLocalServer } from '../../support/local-server.js';
import { createVirtualClock } from '../../support/virtual-clock.js';

interface Endpoint {
  type: string;
  interface?: string;
  region?: string;
  path?: string;
}

/** A Keystone with these endpoints, and a client of the service `compute` (or `compute_v2`, which it likes better). */
const set = async (endpoints: Endpoint[], settings: Partial<KeystoneSettings> = {}) => {
  const server = await startLocalServer((request) => {
    if (request.path === '/v3/auth/tokens') return keystone.handle(request);
    return keystone.isValid(request) ? { body: { path: request.path } } : { status: 401, body: {} };
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
    clock: createVirtualClock(),
    random: () => 0.5,
  });
  const ask = async () => (await client.read({ what: 'look', method: 'GET', path: '/x' })).body;
  return { server, keystone, ask, client };
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
