import { once } from 'node:events';
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { rawFixture } from '../alerts/fixtures.js';
import { world } from './world.js';
import type { World } from './world.js';

const FIRING = rawFixture('alertmanager-firing-v0.34');
const SIZE = Buffer.byteLength(FIRING);

/** A server for requests whose bodies come as the test wants. */
async function listening(app: World) {
  const server = app.app.listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  /** A request whose headers have arrived, and not its body. */
  const begin = async (headers: Record<string, string | number> = {}): Promise<ClientRequest> => {
    const asked = request({
      port,
      path: '/webhooks/alertmanager',
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Content-Length': SIZE, ...headers },
    });
    asked.on('error', () => undefined);
    onTestFinished(() => void asked.destroy());
    const arrived = once(server, 'request');
    asked.flushHeaders();
    await arrived;
    return asked;
  };
  return { begin };
}

async function statusOf(asked: ClientRequest): Promise<number | undefined> {
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

describe('a request without a valid token is answered before a byte of its body came', () => {
  test.each<[string, Record<string, string>]>([
    ['none', {}],
    ['a wrong one', { Authorization: 'Bearer wrong' }],
    ['a signature that this sender does not make', { 'X-Auth-Token': '00' }],
  ])('%s', async (_what, headers) => {
    const { begin } = await listening(world({ secrets: { webhookTokens: ['right'], grafana: ['key'] } }));
    expect(await statusOf(await begin(headers))).toBe(401);
  });

  test('a valid one has its body read', async () => {
    const { begin } = await listening(world({ secrets: { webhookTokens: ['right'] } }));
    const asked = await begin({ Authorization: 'Bearer right' });
    asked.end(FIRING);
    expect(await statusOf(asked)).toBe(202);
  });
});

describe('all bodies that are being read share one bound', () => {
  test('beyond it 503; when one has been read there is room again', async () => {
    const app = world({ bodiesLimit: SIZE + 10 });
    const { begin } = await listening(app);
    const first = await begin();
    first.write(FIRING.slice(0, 20));
    // Whether the server has read it shows in that it has no room for a second.
    await vi.waitFor(async () => {
      const second = await begin();
      second.end(FIRING);
      expect(await statusOf(second)).toBe(503);
    });
    first.end(FIRING.slice(20));
    expect(await statusOf(first)).toBe(202);
    const third = await begin();
    third.end(FIRING);
    expect(await statusOf(third)).toBe(202);
    expect(await app.count('automigrate_webhooks_total{sender="alertmanager",outcome="overloaded"}')).toBeGreaterThan(
      0,
    );
  });

  test('a client that goes leaves its room to others', async () => {
    const { begin } = await listening(world({ bodiesLimit: SIZE }));
    const first = await begin();
    first.write(FIRING.slice(0, 20));
    first.destroy();
    await vi.waitFor(async () => {
      const next = await begin();
      next.end(FIRING);
      expect(await statusOf(next)).toBe(202);
    });
  });

  test('a compressed one counts as the largest that it may become', async () => {
    const { begin } = await listening(world({ bodiesLimit: 2 * 1024 * 1024 - 1 }));
    const packed = gzipSync(FIRING);
    const headers = { 'Content-Encoding': 'gzip', 'Content-Length': packed.length };
    const first = await begin(headers);
    const second = await begin(headers);
    expect(await statusOf(second)).toBe(503);
    first.end(packed);
    expect(await statusOf(first)).toBe(202);
  });
});
