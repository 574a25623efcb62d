import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as a handler sees it. */
export interface LocalRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  /** The body as it came. */
  text: string;
  /** Parsed JSON, or the fields of a form; undefined without a body. */
  body: unknown;
}

/** An answer; the body goes out as JSON, or as it is if it is a text. */
export interface LocalAnswer {
  status?: number;
  statusText?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** What happens to a request instead of its answer. */
export type LocalFault =
  | LocalAnswer
  /** The request is acted on, and the connection torn before the answer. */
  | 'torn'
  /** No answer ever comes. */
  | 'silent'
  /** An answer begins and goes on for ever, byte by byte. */
  | 'trickle'
  /** An answer without an end. */
  | 'endless';

/** A server on loopback that counts what it is asked. */
export interface LocalServer {
  readonly url: string;
  readonly requests: LocalRequest[];
  /** Decides for each request whether something goes wrong with it. */
  fault: (request: LocalRequest) => LocalFault | undefined;
  close(): Promise<void>;
}

/** Starts a server that answers as `handle` says. */
export async function startLocalServer(handle: (request: LocalRequest) => LocalAnswer): Promise<LocalServer> {
  const requests: LocalRequest[] = [];
  const timers = new Set<NodeJS.Timeout>();
  const server = createServer((request, response) => {
    void read(request).then((received) => {
      requests.push(received);
      const fault = local.fault(received);
      switch (fault) {
        case 'silent':
          return;
        case 'torn':
          handle(received);
          response.destroy();
          return;
        case 'trickle':
          response.writeHead(200);
          timers.add(setInterval(() => response.write(' '), 5));
          return;
        case 'endless':
          response.writeHead(200);
          pour(response);
          return;
        case undefined:
          send(response, handle(received));
          return;
        default:
          send(response, fault);
      }
    });
  });
  const local: LocalServer = {
    url: '',
    requests,
    fault: () => undefined,
    close: () =>
      new Promise((resolve) => {
        for (const timer of timers) clearInterval(timer);
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(local, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function pour(response: ServerResponse): void {
  const part = 'x'.repeat(65_536);
  const more = () => {
    while (!response.destroyed && response.write(part));
  };
  response.on('drain', more);
  more();
}

async function read(request: IncomingMessage): Promise<LocalRequest> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://local');
  return {
    method: request.method ?? '',
    path: decodeURIComponent(pathname),
    query: searchParams,
    headers: request.headers,
    text,
    body: text === '' ? undefined : isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text),
  };
}

function send(response: ServerResponse, { status = 200, statusText, headers, body }: LocalAnswer): void {
  const text = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
  const all = { 'content-type': 'application/json', ...headers };
  if (statusText === undefined) response.writeHead(status, all);
  else response.writeHead(status, statusText, all);
  response.end(text);
}
