import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, Server } from 'node:http';
import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createServer } from '../../src/http/server.js';
import type { Tls } from '../../src/http/tls.js';
import { openTls } from '../../src/http/tls.js';
import { world } from './world.js';

const pem = (name: string): string => new URL(`../fixtures/tls/${name}`, import.meta.url).pathname;
const text = (name: string): string => readFileSync(pem(name), 'utf8');

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** What a raw connection gets for what it sends, until the server closes it. */
async function converse(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const got: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => got.push(chunk));
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(got).toString();
}

async function directory() {
  const path = await mkdtemp(join(tmpdir(), 'automigrate-tls-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  const files = { cert: join(path, 'cert.pem'), key: join(path, 'key.pem') };
  await copyFile(pem('server.pem'), files.cert);
  await copyFile(pem('server.key.pem'), files.key);
  return files;
}

async function secure(files: { cert: string; key: string; clientCa?: string }, pollMs?: number) {
  const log: { level: string; text: string; fields: object }[] = [];
  const at = (level: string) => (fields: object, words: string) => void log.push({ level, fields, text: words });
  const opened = await openTls({
    files,
    log: { info: at('info'), error: at('error') },
    clock: { now: () => Date.parse('2026-11-21T05:00:00Z') },
    ...(pollMs !== undefined && { pollMs }),
  });
  if (!opened.ok) throw new Error(opened.problems.join('\n'));
  const tls: Tls = opened.tls;
  onTestFinished(() => tls.close());
  const port = await listening(createServer(world().app, tls));
  const ask = async (options: RequestOptions = {}): Promise<{ status: number; certificate: string }> => {
    const asked = request({ port, host: '127.0.0.1', path: '/healthz', ca: text('ca.pem'), agent: false, ...options });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const { socket } = response;
    const certificate = socket instanceof TLSSocket ? String(socket.getPeerCertificate().subject.CN) : 'none';
    response.resume();
    return { status: response.statusCode ?? 0, certificate };
  };
  return { tls, log, ask, port };
}

describe('TLS', () => {
  test('serves the certificate of the files, in TLS 1.2 or newer', async () => {
    const { ask } = await secure(await directory());
    expect(await ask()).toEqual({ status: 200, certificate: 'server' });
    expect(await ask({ maxVersion: 'TLSv1.2' })).toMatchObject({ status: 200 });
    await expect(ask({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })).rejects.toThrow(
      /version|protocol/i,
    );
  });

  test('speaks no plain HTTP', async () => {
    const { port } = await secure(await directory());
    expect(await converse(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')).not.toContain('200');
  });

  test('takes up a new certificate when its files change; standing connections are not cut', async () => {
    const files = await directory();
    const { ask, log, tls } = await secure(files, 20);
    await copyFile(pem('renewed.pem'), files.cert);
    await copyFile(pem('renewed.key.pem'), files.key);
    await expect.poll(async () => (await ask()).certificate).toBe('renewed');
    expect(tls.problems()).toEqual([]);
    expect(log.at(-1)).toMatchObject({ level: 'info', text: 'a new certificate is in force' });
  });

  test('keeps the last good certificate while the files are broken, and says so once', async () => {
    const files = await directory();
    const { ask, log, tls } = await secure(files);
    await writeFile(files.cert, 'no certificate');
    await tls.reload();
    expect(tls.problems()).toEqual([expect.stringMatching(/^TLS_CERT: expected a certificate in PEM in .*cert\.pem/)]);
    await rm(files.cert);
    await tls.reload();
    expect(tls.problems()).toEqual([expect.stringMatching(/^TLS_CERT: ENOENT/)]);
    expect(log.splice(0)).toHaveLength(2);

    await copyFile(pem('renewed.pem'), files.cert);
    await tls.reload();
    await tls.reload();
    expect(tls.problems()).toEqual([
      expect.stringMatching(/^TLS_KEY: expected the key of the certificate in .*key\.pem/),
    ]);
    expect(log.map(({ level }) => level)).toEqual(['error']);
    expect(await ask()).toEqual({ status: 200, certificate: 'server' });

    await copyFile(pem('renewed.key.pem'), files.key);
    await tls.reload();
    expect(tls.problems()).toEqual([]);
    expect(await ask()).toEqual({ status: 200, certificate: 'renewed' });
  });

  test('with TLS_CLIENT_CA nobody without a certificate of that authority gets in', async () => {
    const { ask } = await secure({ ...(await directory()), clientCa: pem('ca.pem') });
    const as = (name: string) => ask({ cert: text(`${name}.pem`), key: text(`${name}.key.pem`) });
    expect(await as('client')).toMatchObject({ status: 200 });
    await expect(as('stranger')).rejects.toThrow();
    await expect(ask()).rejects.toThrow();
  });

  test('a broken file stops the start, with its variable', async () => {
    const now = () => Date.parse('2026-11-21T05:00:00Z');
    const quiet = { info: () => undefined, error: () => undefined };
    const open = async (files: Parameters<typeof openTls>[0]['files'], clock = { now }) => {
      const opened = await openTls({ files, log: quiet, clock });
      if (opened.ok) opened.tls.close();
      return opened.ok ? [] : opened.problems;
    };
    const good = { cert: pem('server.pem'), key: pem('server.key.pem') };
    expect(await open(good)).toEqual([]);
    expect(await open({ cert: '/nowhere/a', key: '/nowhere/b', clientCa: '/nowhere/c' })).toEqual([
      expect.stringMatching(/^TLS_CERT: ENOENT/),
      expect.stringMatching(/^TLS_KEY: ENOENT/),
      expect.stringMatching(/^TLS_CLIENT_CA: ENOENT/),
    ]);
    expect(await open({ ...good, cert: good.key })).toEqual([expect.stringMatching(/^TLS_CERT: .*server\.key\.pem/)]);
    expect(await open({ ...good, key: good.cert })).toEqual([
      expect.stringMatching(/^TLS_KEY: expected a private key/),
    ]);
    expect(await open({ ...good, key: pem('renewed.key.pem') })).toEqual([
      expect.stringMatching(/^TLS_KEY: expected the key of the certificate/),
    ]);
    expect(await open({ ...good, clientCa: good.key })).toEqual([expect.stringMatching(/^TLS_CLIENT_CA: /)]);
    expect(await open(good, { now: () => Date.parse('2130-01-01') })).toEqual([
      expect.stringMatching(/^TLS_CERT: expected a certificate that is valid \(it ended /),
    ]);
  });
});

describe('the limits of the server', () => {
  const served = (limits: Parameters<typeof createServer>[2]) =>
    listening(createServer(world().app, undefined, limits));

  test('headers that do not come to an end are cut off', async () => {
    const port = await served({ headersTimeout: 50, requestTimeout: 60 });
    expect(await converse(port, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('so is a body that does not', async () => {
    const port = await served({ headersTimeout: 50, requestTimeout: 60 });
    const head =
      'POST /webhooks/grafana HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{';
    expect(await converse(port, head)).toMatch(/^(HTTP\/1\.1 408 |$)/);
  });

  test('headers that are too large are refused, without a word on the inside', async () => {
    const port = await served({});
    const answer = await converse(port, `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).not.toMatch(/node|\.js|at /);
  });

  test.each([
    '\u0000\u0001\u0002\r\n\r\n',
    'GET / HTTP/9\r\n\r\n',
    'GET /\r\nX Y: 1\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  ])('what is no HTTP is refused: %j', async (bytes) => {
    const answer = await converse(await served({}), bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).not.toMatch(/node|\.js/);
  });

  test('one client cannot have more connections than its share', async () => {
    const port = await served({ maxConnectionsPerClient: 2 });
    const open = async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      onTestFinished(() => void socket.destroy());
      return socket;
    };
    const [first] = [await open(), await open()];
    await once(await open(), 'close');
    first.destroy();
    await expect
      .poll(async () => converse(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))
      .toMatch(/^HTTP\/1\.1 200 /);
  });
});
