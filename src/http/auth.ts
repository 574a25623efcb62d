import { createHmac, hash as hashOnce, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Sender } from '../alerts/alert.js';
import { apiToken } from './api-users.js';

/** What clients prove themselves with. Several of a kind are all valid, so that they can be rotated. */
export interface Secrets {
  /** Keys of `X-Auth-Token` (the robot's secret_key). */
  monitor: readonly string[];
  /** Keys of Grafana's signature. */
  grafana: readonly string[];
  /** Bearer tokens or basic passwords for every webhook. */
  webhookTokens: readonly string[];
  /** Bearer tokens or basic passwords for `/api`. */
  apiTokens: readonly string[];
  /** Where Grafana puts its signature; by default `X-Grafana-Alerting-Signature`. */
  grafanaSignatureHeader?: string;
  /** Where Grafana puts its timestamp. If it is set here a request without one is refused. */
  grafanaTimestampHeader?: string;
}

/** The parts of a request that can prove where it comes from. */
export interface Credentials {
  headers: IncomingHttpHeaders;
  /** The body's bytes as they were signed. */
  rawBody: Buffer;
  /** ms since the epoch. */
  now: number;
}

/** A signature with a timestamp older or newer than this is a replay, ms. */
export const REPLAY_WINDOW = 5 * 60_000;
const DEFAULT_SIGNATURE_HEADER = 'x-grafana-alerting-signature';
const DEFAULT_TIMESTAMP_HEADER = 'x-grafana-alerting-timestamp';

/** Whether a request may come in, and by what; or which checks failed: that is for the log, never for the client. */
export type Admission = { allowed: true; by: 'nothing' | 'token' | 'signature' } | { allowed: false; why: string };

/** One way to prove oneself: proven, or why not. Without a `why` the way does not exist: no secret is set for it. */
type Proof = { proven: true } | { proven: false; why?: string };

const OPEN: Admission = { allowed: true, by: 'nothing' };

/**
 * Judges a webhook by its headers, before a byte of its body is read. Once there is any secret at all, a sender without one
 * of its own is refused: a door that nobody locked must not lead around those that are.
 * @returns undefined where it carries a signature, which only the body can prove.
 */
export function admitBeforeBody(sender: Sender, secrets: Secrets, headers: IncomingHttpHeaders): Admission | undefined {
  if (!hasAny(secrets)) return OPEN;
  const token = tokenProof(secrets.webhookTokens, headers);
  if (token.proven) return { allowed: true, by: 'token' };
  const { keys, header } = signatureOf(sender, secrets);
  if (keys.length > 0 && headers[header] !== undefined) return undefined;
  return refusal(token, keys.length > 0 ? { proven: false, why: `no ${header} header` } : { proven: false });
}

/** Judges a webhook that carries a signature. */
export function admitBySignature(sender: Sender, secrets: Secrets, credentials: Credentials): Admission {
  const proof = sender === 'grafana' ? provenByGrafana(secrets, credentials) : provenByMonitor(secrets, credentials);
  return proof.proven
    ? { allowed: true, by: 'signature' }
    : refusal(tokenProof(secrets.webhookTokens, credentials.headers), proof);
}

/** Judges a request to `/api`; as for webhooks, any secret at all closes it. */
export function admitToApi(secrets: Secrets, headers: IncomingHttpHeaders): Admission {
  if (!hasAny(secrets)) return OPEN;
  const tokens = secrets.apiTokens.map((configured) => apiToken(configured).token);
  const token = tokenProof(tokens, headers);
  return token.proven ? { allowed: true, by: 'token' } : refusal(token);
}

/** Whether nobody can come in to `/api`, whatever he has. */
export function isApiClosed(secrets: Secrets): boolean {
  return hasAny(secrets) && secrets.apiTokens.length === 0;
}

/** Doors that nobody can pass, though a secret is set elsewhere: one sentence each, to be told at the start. */
export function closedDoors(secrets: Secrets): string[] {
  const { monitor, grafana, webhookTokens } = secrets;
  const hasWebhooks = [monitor, grafana, webhookTokens].some((list) => list.length > 0);
  return [
    ...(isApiClosed(secrets) ? ['secrets are set, but no API_TOKEN: /api, and with it the page, is closed'] : []),
    ...(hasAny(secrets) && !hasWebhooks
      ? ['API_TOKEN is set, but no secret of a webhook: all of /webhooks is closed']
      : []),
  ];
}

function refusal(...proofs: readonly Proof[]): Admission {
  const reasons = proofs.flatMap((proof) => (proof.proven || proof.why === undefined ? [] : [proof.why]));
  return { allowed: false, why: reasons.length > 0 ? reasons.join('; ') : 'no secret is set for this door' };
}

/**
 * Refuses secrets that would let everybody in.
 * @throws Error that names the list with an empty secret.
 */
export function checkSecrets(secrets: Secrets): void {
  for (const kind of ['monitor', 'grafana', 'webhookTokens', 'apiTokens'] as const) {
    if (secrets[kind].includes('')) throw new Error(`secrets.${kind} holds an empty secret`);
  }
}

function hasAny({ monitor, grafana, webhookTokens, apiTokens }: Secrets): boolean {
  return [monitor, grafana, webhookTokens, apiTokens].some((list) => list.length > 0);
}

const noMatch = (what: string, count: number): Proof => ({
  proven: false,
  why: `${what} matches none of ${count} secret${count === 1 ? '' : 's'}`,
});

function tokenProof(tokens: readonly string[], { authorization }: IncomingHttpHeaders): Proof {
  if (tokens.length === 0) return { proven: false };
  if (authorization === undefined) return { proven: false, why: 'no authorization header' };
  return hasToken(tokens, authorization) ? { proven: true } : noMatch('authorization', tokens.length);
}

function hasToken(tokens: readonly string[], authorization: string): boolean {
  const [, scheme = '', given = ''] = /^(\S+)\s+(\S.*)$/.exec(authorization) ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return equalsAny(given.trim(), tokens, hashOfToken);
    case 'basic': {
      const pair = Buffer.from(given, 'base64').toString('utf8');
      return pair.includes(':') && equalsAny(pair.slice(pair.indexOf(':') + 1), tokens, hashOfToken);
    }
    default:
      return false;
  }
}

/** Where a sender puts its signature, in small letters, and the keys that it may be made with. */
function signatureOf(sender: Sender, secrets: Secrets): { keys: readonly string[]; header: string } {
  switch (sender) {
    case 'monitor':
      return { keys: secrets.monitor, header: 'x-auth-token' };
    case 'grafana':
      return {
        keys: secrets.grafana,
        header: (secrets.grafanaSignatureHeader ?? DEFAULT_SIGNATURE_HEADER).toLowerCase(),
      };
    case 'alertmanager':
      return { keys: [], header: '' };
  }
}

function provenByMonitor(secrets: Secrets, { headers, rawBody }: Credentials): Proof {
  const { keys, header } = signatureOf('monitor', secrets);
  return isSigned(headers[header], keys, rawBody) ? { proven: true } : noMatch(header, keys.length);
}

function provenByGrafana(secrets: Secrets, { headers, rawBody, now }: Credentials): Proof {
  const { keys, header } = signatureOf('grafana', secrets);
  const signature = headers[header];
  const timeHeader = (secrets.grafanaTimestampHeader ?? DEFAULT_TIMESTAMP_HEADER).toLowerCase();
  const timestamp = headers[timeHeader];
  if (timestamp === undefined) {
    if (secrets.grafanaTimestampHeader !== undefined) return { proven: false, why: `no ${timeHeader} header` };
    return isSigned(signature, keys, rawBody) ? { proven: true } : noMatch(header, keys.length);
  }
  if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) {
    return { proven: false, why: `${timeHeader} is no time in seconds` };
  }
  const age = now - Number(timestamp) * 1000;
  if (Math.abs(age) > REPLAY_WINDOW) {
    const seconds = Math.round(Math.abs(age) / 1000);
    return { proven: false, why: `the signature is ${seconds} s ${age > 0 ? 'old' : 'ahead'}` };
  }
  const signed = Buffer.concat([Buffer.from(`${timestamp}:`), rawBody]);
  return isSigned(signature, keys, signed) ? { proven: true } : noMatch(header, keys.length);
}

/** Whether a header is the hex HMAC-SHA256 of the bytes with one of the keys. */
function isSigned(header: string | string[] | undefined, keys: readonly string[], bytes: Buffer): boolean {
  if (typeof header !== 'string') return false;
  return equalsAny(
    header.trim().toLowerCase(),
    keys.map((key) => createHmac('sha256', key).update(bytes).digest('hex')),
  );
}

const hash = (text: string): Buffer => hashOnce('sha256', text, 'buffer');

/** Compares hashes, all of them and each in constant time: neither length nor place of a match shows in the time. */
function equalsAny(given: string, wanted: readonly string[], hashOf = hash): boolean {
  const hashed = hash(given);
  return wanted.map((text) => timingSafeEqual(hashOf(text), hashed)).includes(true);
}

/** Hashes of the configured tokens, which never change. */
const hashes = new Map<string, Buffer>();

function hashOfToken(token: string): Buffer {
  const known = hashes.get(token) ?? hash(token);
  hashes.set(token, known);
  return known;
}
