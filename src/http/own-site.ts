import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { RequestHandler } from 'express';
import type { Logger } from 'pino';
import { HttpProblem } from './errors.js';

/** Under what names the service may be called. */
export interface OwnSite {
  /** Host names besides `localhost` and addresses, which are always ours. */
  names: readonly string[];
  /** Where people reach it, if a proxy puts another Host into their requests. */
  publicUrl?: string;
}

/** Names that were told of once, so that whoever makes up names does not fill the log. */
const MOST_TOLD = 100;
/** Spellings of our own names that are remembered. */
const MOST_KNOWN = 100;

/** The name or address in a Host header, in small letters; undefined if it is none. */
function nameIn(header: string): string | undefined {
  if (!/^[\w.[\]:-]+$/.test(header) || !URL.canParse(`http://${header}`)) return undefined;
  return new URL(`http://${header}`).hostname.replace(/\.$/, '');
}

/**
 * Whether a Host header means this service. A page that had its own name lead to our address (DNS rebinding) sends that name;
 * it can send no address of ours, and nothing that is called localhost.
 */
function isOwnName(header: string, names: ReadonlySet<string>): boolean {
  const name = nameIn(header);
  if (name === undefined) return false;
  const isAddress = isIP(name.replace(/^\[|\]$/g, '')) !== 0;
  return isAddress || name === 'localhost' || name.endsWith('.localhost') || names.has(name);
}

/** Node's parser takes the first of several, and a proxy perhaps the last. */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') count += 1;
  }
  return count > 1;
}

/** The host in a request's target where it is a whole URL: that one counts, whatever Host says. */
function hostAsked(target: string): string | undefined {
  if (target.startsWith('/') || target === '*') return undefined;
  return URL.canParse(target) ? new URL(target).host : target;
}

/** Whether a page of this origin came from us: from the very host and port that it now asks, or from the public URL. */
function isOwnOrigin(origin: string, host: string | undefined, publicUrl: string | undefined): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: from } = new URL(origin);
  if (publicUrl !== undefined && new URL(publicUrl).origin === new URL(origin).origin) return true;
  // With the page's own scheme, so that a default port is left out on both sides.
  const asked = `${protocol}//${host ?? ''}`;
  return URL.canParse(asked) && new URL(asked).host === from;
}

/** Written by browsers alone: a request that a page of somebody else makes. */
function isForeignWrite(
  method: string,
  { origin, host, 'sec-fetch-site': site }: IncomingHttpHeaders,
  publicUrl: string | undefined,
): boolean {
  if ((origin === undefined && site === undefined) || ['GET', 'HEAD', 'OPTIONS'].includes(method)) return false;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  return origin !== undefined && !isOwnOrigin(origin, host, publicUrl);
}

/**
 * Keeps other web pages out: a browser lets any of them write to any address, and read from one that the page's own name leads to.
 * @throws HttpProblem `misdirected` for a Host that is not ours, `cross_site` for a write of another site's page.
 */
export function requireOwnSite({ names, publicUrl }: OwnSite, log: Pick<Logger, 'warn'>): RequestHandler {
  const own = new Set(names.map((name) => name.toLowerCase()));
  if (publicUrl !== undefined) own.add(new URL(publicUrl).hostname);
  const known = new Set<string>();
  const told = new Set<string>();

  const isOwn = (host: string): boolean => {
    if (known.has(host)) return true;
    if (!isOwnName(host, own)) return false;
    if (known.size < MOST_KNOWN) known.add(host);
    return true;
  };

  return (request, response, next) => {
    const { method, path, headers } = request;
    // Whoever looks whether the process lives gets an answer under any name; it holds nothing.
    const isProbe = path === '/healthz' || path === '/readyz';
    if (hasTwoHosts(request.rawHeaders)) throw new HttpProblem('bad_request', { message: 'expected one Host' });
    const asked = hostAsked(request.url) ?? headers.host;
    if (!isProbe && asked !== undefined && !isOwn(asked)) {
      const host = asked.slice(0, 200);
      if (told.has(host) || told.size >= MOST_TOLD) response.locals.repeated = true;
      else {
        told.add(host);
        log.warn({ host }, 'a Host that is not ours was refused; if it is, add it to ALLOWED_HOSTS');
      }
      throw new HttpProblem('misdirected');
    }
    if (isForeignWrite(method, headers, publicUrl)) throw new HttpProblem('cross_site');
    next();
  };
}
