import type { Request, Response } from 'express';
import { ipKeyGenerator } from 'express-rate-limit';

/** A provider hands out no less than this to one customer: the rest of an IPv6 address is the customer's to choose. */
const IPV6_PREFIX = 64;

/**
 * Whom to count a request for: the client's IPv4 address, or the /64 network of its IPv6 address.
 * @param ip - as Express tells it (see `trust proxy`); absent once the client has gone.
 */
export function clientOf({ ip }: Pick<Request, 'ip'>): string {
  if (ip === undefined) return 'gone';
  // Parsing an IPv6 address is slow; one that stands for an IPv4 address, or has no colon, needs none.
  const bare = ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip;
  return bare.includes(':') ? ipKeyGenerator(bare, IPV6_PREFIX) : bare;
}

/** The client's address, which Express works out anew each time it is asked; without a trusted proxy it is the connection's. */
export function addressOf(request: Request, { locals }: Response): string | undefined {
  const known = locals.from as string | undefined;
  if (known !== undefined) return known;
  const isProxied = request.app.get('trust proxy') !== false;
  return (locals.from = isProxied ? request.ip : request.socket.remoteAddress);
}
