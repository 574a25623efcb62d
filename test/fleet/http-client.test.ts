import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { HttpClientOptions } from '../../src/fleet/http-client.js';
import { HttpCallError, createHttpClient, pathOf } from '../../src/fleet/http-client.js';
import type { LocalFault } from '../support/local-server.js';
import { startLocalServer } from '../support/local-server.js';
import { createVirtualClock } from '../support/virtual-clock.js';

const LOOK = { what: 'look', method: 'GET', path: '/x' } as const;

const clientOf = (baseUrl: string, options: Partial<HttpClientOptions> = {}) =>
  createHttpClient({
    system: 'thing',
    baseUrl,
    timeoutMs: 30_000,
    clock: createVirtualClock(),
    random: () => 0.5,
    ...options,
  });

const set = async (options: Partial<HttpClientOptions> = {}) => {
  const server = await startLocalServer(({ path }) => ({ body: { path } }));
  onTestFinished(() => server.close());
  return { server, client: clientOf(server.url, options) };
};

const errorOf = async (promise: Promise<unknown>): Promise<HttpCallError> => {
  const error = await promise.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(HttpCallError);
  return error as HttpCallError;
};

describe('a read', () => {
  it.each<LocalFault>([{ status: 500 }, { status: 502 }, { status: 503 }, { status: 504 }, { status: 429 }, 'torn'])(
    'is tried three times at most where %j may pass',
    async (fault) => {
      const { server, client } = await set();
      let faults = 2;
      server.fault = () => (faults-- > 0 ? fault : undefined);
      expect((await client.read(LOOK)).body).toEqual({ path: '/x' });
      faults = Infinity;
      await errorOf(client.read(LOOK));
      expect(server.requests).toHaveLength(6);
    },
  );

  it.each([400, 401, 403, 404, 409])('is not tried again after %i', async (status) => {
    const { server, client } = await set();
    server.fault = () => ({ status, body: { message: 'no' } });
    expect(await errorOf(client.read(LOOK))).toMatchObject({
      status,
      message: `thing: look: HTTP ${status}: {"message":"no"}`,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('is not tried again after an answer that was too long: the next would be too', async () => {
    const { server, client } = await set({ maxBytes: 1000 });
    server.fault = () => 'endless';
    await errorOf(client.read(LOOK));
    expect(server.requests).toHaveLength(1);
  });

  it('waits longer each time, by a part that is left to chance', async () => {
    const pauses: number[] = [];
    const clock = { now: () => 0, monotonic: () => 0, sleep: (ms: number) => Promise.resolve(void pauses.push(ms)) };
    const { server, client } = await set({ clock, random: () => 0.25 });
    server.fault = () => ({ status: 503 });
    await errorOf(client.read(LOOK));
    expect(pauses).toEqual([150, 300]);
  });

  it('that its caller gives up is not tried again', async () => {
    const { server, client } = await set();
    const controller = new AbortController();
    const reason = new Error('given up');
    server.fault = () => {
      controller.abort(reason);
      return { status: 503 };
    };
    await expect(client.read({ ...LOOK, signal: controller.signal })).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });
});

describe('a call that is made once', () => {
  it.each<LocalFault>([{ status: 503 }, 'torn'])('is not repeated after %j', async (fault) => {
    const { server, client } = await set();
    server.fault = () => fault;
    await errorOf(client.once({ ...LOOK, method: 'POST', body: {} }));
    expect(server.requests).toHaveLength(1);
  });
});

describe('an answer', () => {
  it.each<[string, LocalFault, RegExp]>([
    [
      'that is a web page',
      { body: '<html>\n <b>Log in</b>' },
      /^thing: look: HTTP 200 with an answer that is not JSON: <html> <b>Log in/,
    ],
    ['that leads elsewhere', { status: 301, headers: { location: 'http://127.0.0.1:1/' } }, /^thing: look: HTTP 301$/],
    [
      'with its words in the status line',
      { status: 500, statusText: 'no such VM' },
      /^thing: look: HTTP 500 no such VM$/,
    ],
    ['that is too long', 'endless', /^thing: look: the answer is longer than 1000 bytes$/],
  ])('%s is an error with system, call and words', async (_what, fault, words) => {
    const { server, client } = await set({ maxBytes: 1000 });
    server.fault = () => fault;
    expect((await errorOf(client.once(LOOK))).message).toMatch(words);
  });

  it.each<LocalFault>(['silent', 'trickle'])('that is %s is given up in time', async (fault) => {
    const { server, client } = await set({ timeoutMs: 100 });
    server.fault = () => fault;
    expect((await errorOf(client.once(LOOK))).message).toBe('thing: look: no answer within 100 ms');
  });

  it('that repeats a secret does not carry it into an error, its cause or its body', async () => {
    const { server, client } = await set({ secrets: () => ['hunter2'] });
    server.fault = ({ headers }) => ({ status: 400, body: `<p>${String(headers.authorization)}</p>` });
    const call = { ...LOOK, headers: { authorization: 'Bearer hunter2' } };
    const error = await errorOf(client.once(call));
    expect(`${error.message} ${error.body} ${JSON.stringify(error)}`).not.toContain('hunter2');
    server.fault = () => 'torn';
    const torn = await errorOf(client.once(call));
    expect(`${JSON.stringify(torn)} ${JSON.stringify(torn.cause)} ${String(torn.cause)}`).not.toContain('hunter2');
  });
});

describe('a path', () => {
  it('keeps what comes from outside in its place', () => {
    expect(pathOf('servers', 'a/b?c#d', 'é')).toBe('/servers/a%2Fb%3Fc%23d/%C3%A9');
    expect(() => pathOf('servers', '..')).toThrow(RangeError);
  });
});

/** A certificate for 127.0.0.1 that nobody has signed but itself. */
const selfSigned = async () => {
  const directory = await mkdtemp(join(tmpdir(), 'automigrate-tls-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  await promisify(execFile)('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert]);
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
};

const listening = async (server: Server): Promise<number> => {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  );
  return (server.address() as AddressInfo).port;
};

const tlsServer = async () => {
  const { key, cert } = await selfSigned();
  const server = createTlsServer({ key, cert }, (_request, response) => response.end('{"over":"tls"}'));
  return { cert, url: `https://127.0.0.1:${await listening(server)}` };
};

describe('TLS', () => {
  it('is verified: a certificate that nobody vouches for is an error, and with its authority it is not', async () => {
    const { cert, url } = await tlsServer();
    expect((await errorOf(clientOf(url).read(LOOK))).message).toMatch(/^thing: look: self-signed certificate/);
    for (const how of ['read', 'once'] as const) {
      expect((await clientOf(url, { ca: cert })[how](LOOK)).body).toEqual({ over: 'tls' });
    }
  });
});

/** A proxy that notes what goes through it. */
const startProxy = async () => {
  const seen: string[] = [];
  const proxy = createServer((request, response) => {
    seen.push(`${request.method ?? ''} ${request.url ?? ''}`);
    response.end('{"over":"proxy"}');
  });
  proxy.on('connect', (request, client: Socket) => {
    seen.push(`CONNECT ${request.url ?? ''}`);
    const [host, port] = (request.url ?? '').split(':');
    const upstream = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(client).pipe(upstream);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on('error', () => socket.destroy()).on('close', () => other.destroy());
    }
  });
  return { seen, url: `http://127.0.0.1:${await listening(proxy)}` };
};

describe('a proxy of the environment', () => {
  it('is used for http', async () => {
    const proxy = await startProxy();
    vi.stubEnv('HTTP_PROXY', proxy.url);
    vi.stubEnv('NO_PROXY', '');
    expect((await clientOf('http://cloud.invalid:8774').read(LOOK)).body).toEqual({ over: 'proxy' });
    expect(proxy.seen).toEqual(['GET http://cloud.invalid:8774/x']);
  });

  it('is a tunnel for https, through which the certificate is still verified', async () => {
    const proxy = await startProxy();
    const { cert, url } = await tlsServer();
    vi.stubEnv('HTTPS_PROXY', proxy.url);
    vi.stubEnv('NO_PROXY', '');
    expect((await clientOf(url, { ca: cert }).once(LOOK)).body).toEqual({ over: 'tls' });
    expect(proxy.seen).toEqual([`CONNECT ${url.replace('https://', '')}`]);
    expect((await errorOf(clientOf(url).once(LOOK))).message).toMatch(/self-signed certificate/);
  });

  it.each([undefined, 'its authority'])(
    "is a tunnel in which another system's certificate is refused (%s)",
    async (known) => {
      const proxy = await startProxy();
      const { cert, url } = await tlsServer();
      vi.stubEnv('HTTPS_PROXY', proxy.url);
      vi.stubEnv('NO_PROXY', '');
      const elsewhere = clientOf(url.replace('127.0.0.1', 'localhost'), known === undefined ? {} : { ca: cert });
      const why = known === undefined ? /self-signed certificate/ : /does not match certificate/;
      expect((await errorOf(elsewhere.once(LOOK))).message).toMatch(why);
    },
  );

  it('is left out for what NO_PROXY names', async () => {
    const { server, client } = await set();
    vi.stubEnv('HTTP_PROXY', 'http://127.0.0.1:1');
    vi.stubEnv('NO_PROXY', '127.0.0.1');
    await client.read(LOOK);
    expect(server.requests).toHaveLength(1);
  });
});
