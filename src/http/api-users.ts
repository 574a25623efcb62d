import type { IncomingHttpHeaders } from 'node:http';
import { createHash, timingSafeEqual } from 'node:crypto';

/** Who is written down where a token has no name, or none is asked for. */
export const NAMELESS = 'api';

const NAMED = /^([A-Za-z0-9][A-Za-z0-9._-]{0,31}):(.+)$/;

/** A token of the API: who has it, and the secret. */
export function apiToken(configured: string): { user: string; token: string } {
  const [, user = NAMELESS, token = configured] = NAMED.exec(configured) ?? [];
  return { user, token };
}

/**
 * Who asks, by the name of the token: `alice:…` in API_TOKEN.
 * @param configured - the tokens as they are configured; the request has been let in by one of them, or there is none.
 */
export function apiUser(configured: readonly string[], { authorization = '' }: IncomingHttpHeaders): string {
  const [, scheme = '', given = ''] = /^(\S+)\s+(\S.*)$/.exec(authorization) ?? [];
  const pair = scheme.toLowerCase() === 'basic' ? Buffer.from(given, 'base64').toString('utf8') : `:${given.trim()}`;
  const hashed = hash(pair.slice(pair.indexOf(':') + 1));
  const [found] = configured.map(apiToken).filter(({ token }) => timingSafeEqual(hash(token), hashed));
  return found?.user ?? NAMELESS;
}

const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
