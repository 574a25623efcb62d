import { createServer as createHttpServer } from 'node:http';
import type { RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { clientOf } from './address.js';
import type { Tls } from './tls.js';

/** How long, how much and how many: all that one client may take of the server. */
export const LIMITS = {
  /** For the whole of the headers, ms. */
  headersTimeout: 10_000,
  /** For the whole of a request, its body included, ms. */
  requestTimeout: 30_000,
  /** Between two requests of one connection, ms: longer than most load balancers wait, so that they end it, not we. */
  keepAliveTimeout: 65_000,
  /** Bytes of all headers together. */
  maxHeaderSize: 16 * 1024,
  maxHeadersCount: 100,
  /** Connections at once; more are closed at once. */
  maxConnections: 2000,
  /** Connections at once from one address, so that one client cannot take them all. */
  maxConnectionsPerClient: 500,
};

/**
 * Makes the server that an app is reached through, with limits on everything that a client could stretch.
 * @param tls - its certificate; without it the server speaks plain HTTP.
 */
export function createServer(app: RequestListener, tls?: Tls, limits: Partial<typeof LIMITS> = {}): Server {
  const wanted = { ...LIMITS, ...limits };
  const { headersTimeout, requestTimeout, keepAliveTimeout, maxHeaderSize } = wanted;
  const options: ServerOptions = {
    headersTimeout,
    requestTimeout,
    keepAliveTimeout,
    maxHeaderSize,
    // How late a timeout may be noticed, ms.
    connectionsCheckingInterval: Math.min(5000, headersTimeout),
    insecureHTTPParser: false,
  };
  let server: Server;
  if (tls) {
    const { ca } = tls.context;
    const secure = createHttpsServer(
      {
        ...options,
        ...tls.context,
        handshakeTimeout: headersTimeout,
        ...(ca !== undefined && { requestCert: true, rejectUnauthorized: true }),
      },
      app,
    );
    tls.attach(secure);
    server = secure;
  } else {
    server = createHttpServer(options, app);
  }
  server.maxHeadersCount = wanted.maxHeadersCount;
  server.maxConnections = wanted.maxConnections;
  limitPerClient(server, wanted.maxConnectionsPerClient);
  return server;
}

/** Closes a connection at once if its client has too many already. */
function limitPerClient(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const client = clientOf({ ip: socket.remoteAddress });
    const count = (open.get(client) ?? 0) + 1;
    if (count > most) {
      socket.destroy();
      return;
    }
    open.set(client, count);
    socket.once('close', () => {
      const left = (open.get(client) ?? 1) - 1;
      if (left > 0) open.set(client, left);
      else open.delete(client);
    });
  });
}
