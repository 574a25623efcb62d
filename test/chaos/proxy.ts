import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { onTestFinished } from 'vitest';

/** What a proxy may do instead of its work. But for the last two, the call never reaches the system behind it. */
export const FAULTS = [
  'hang',
  'status 500',
  'html',
  '100 MB',
  'redirect',
  'reset',
  'half an answer',
  'wrong types',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Whether a call with this fault still reaches the system behind the proxy. */
export function isForwarded(fault: Fault): boolean {
  return fault === 'half an answer' || fault === 'wrong types';
}

/** What is to go wrong. */
export interface Misbehaviour {
  fault: Fault;
  /** Matched on `GET /hosts?limit=5`, or `POST /query q=SELECT 1` with the form that was sent. */
  calls: RegExp;
  /** So many calls, then all is well again; all by default. */
  times?: number;
}

/** A proxy before one system. */
export interface Proxy {
  url: string;
  /** From now on; `undefined`: it does its work. */
  misbehave(how: Misbehaviour | undefined): void;
  /** Changes good answers on their way, from now on. */
  rewrite(change: (call: string, body: unknown) => unknown): void;
  /** The calls so far, as `GET /hosts`. */
  calls: string[];
  /** How often somebody followed a redirect of it. */
  strayed(): number;
}

/** A proxy before a system, gone when the test is over. */
export async function startProxy(upstream: string): Promise<Proxy> {
  let how: (Misbehaviour & { left: number }) | undefined;
  let change = (_call: string, body: unknown) => body;
  let strayed = 0;
  const calls: string[] = [];

  const forward = async (request: IncomingMessage, body: Buffer): Promise<Forwarded> => {
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    const answer = await fetch(upstream + (request.url ?? '/'), {
      method: request.method ?? 'GET',
      headers: headers as Record<string, string>,
      ...(body.length > 0 && { body }),
    });
    const {
      connection: _kept,
      'keep-alive': _for,
      'transfer-encoding': _coding,
      ...kept
    } = Object.fromEntries(answer.headers);
    // A system that tells its own address tells that of the proxy.
    const text = (await answer.text()).replaceAll(upstream, url);
    return { status: answer.status, headers: { ...kept, 'content-length': String(Buffer.byteLength(text)) }, text };
  };

  const elsewhere = await listen(async (request, response) => {
    strayed += 1;
    const { status, headers, text } = await forward(request, await bodyOf(request));
    response.writeHead(status, headers).end(text);
  });

  const fail = async (
    fault: Fault,
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
  ): Promise<void> => {
    switch (fault) {
      case 'hang':
        return;
      case 'status 500':
        response.writeHead(500, { 'content-type': 'text/plain' }).end('the database is on fire');
        return;
      case 'html':
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>Please log in</body></html>');
        return;
      case '100 MB': {
        response.writeHead(200, { 'content-type': 'application/json' });
        const megabyte = ' '.repeat(1024 ** 2);
        Readable.from(Array.from({ length: 100 }, () => megabyte)).pipe(response);
        return;
      }
      case 'redirect':
        response.writeHead(302, { location: elsewhere + (request.url ?? '/') }).end();
        return;
      case 'reset':
        request.socket.resetAndDestroy();
        return;
      case 'half an answer': {
        const { status, headers, text } = await forward(request, body);
        response.writeHead(status, headers);
        response.write(text.slice(0, text.length / 2), () => response.destroy());
        return;
      }
      case 'wrong types': {
        const { status, headers, text } = await forward(request, body);
        send(response, status, headers, text === '' ? '["what?"]' : JSON.stringify(confused(JSON.parse(text))));
      }
    }
  };

  const url = await listen(async (request, response) => {
    const body = await bodyOf(request);
    const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
    const form = isForm ? ` ${decodeURIComponent(body.toString().replaceAll('+', ' '))}` : '';
    const call = `${request.method} ${request.url}${form}`;
    calls.push(call);
    if (how?.calls.test(call) && how.left > 0) {
      how.left -= 1;
      await fail(how.fault, request, response, body);
      return;
    }
    const { status, headers, text } = await forward(request, body);
    const isJson = text !== '' && headers['content-type']?.includes('json');
    const changed = change(call, isJson ? JSON.parse(text) : undefined);
    send(response, status, headers, isJson ? JSON.stringify(changed) : text);
  });

  return {
    url,
    calls,
    strayed: () => strayed,
    misbehave: (next) => (how = next && { ...next, left: next.times ?? Infinity }),
    rewrite: (next) => (change = next),
  };
}

interface Forwarded {
  status: number;
  headers: Record<string, string>;
  text: string;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, status: number, headers: Record<string, string>, text: string): void {
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(text) }).end(text);
}

async function listen(handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>): Promise<string> {
  const listener: RequestListener = (request, response) => {
    handle(request, response).catch(() => response.destroy());
  };
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The same shape with every value of another type. */
function confused(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(confused);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, confused(entry)]));
  }
  return typeof value === 'string' ? [value] : String(value);
}
