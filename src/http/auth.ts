import { createHmac, hash as hashOnce, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Sender } from '../alerts/alert.js';

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

/**
 * Whether a webhook may come in: by any proof that its sender has a secret for. Once there is any secret at all, a
 * sender without one of its own is refused too: a door that nobody locked must not lead around those that are.
 */
export function isWebhookAllowed(sender: Sender, secrets: Secrets, credentials: Credentials): boolean {
  if (!hasAny(secrets)) return true;
  // Every proof is tried, so that the time taken does not tell which one exists.
  const proofs = [
    hasToken(secrets.webhookTokens, credentials.headers),
    sender === 'monitor' && isSignedByMonitor(secrets, credentials),
    sender === 'grafana' && isSignedByGrafana(secrets, credentials),
  ];
  return proofs.includes(true);
}

/** Whether a request to `/api` may come in; as for webhooks, any secret at all closes it. */
export function isApiAllowed(secrets: Secrets, headers: IncomingHttpHeaders): boolean {
  return !hasAny(secrets) || hasToken(secrets.apiTokens, headers);
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

function hasToken(tokens: readonly string[], headers: IncomingHttpHeaders): boolean {
  const [, scheme = '', given = ''] = /^(\S+)\s+(\S.*)$/.exec(headers.authorization ?? '') ?? [];
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

function isSignedByMonitor(secrets: Secrets, { headers, rawBody }: Credentials): boolean {
  return isSigned(headers['x-auth-token'], secrets.monitor, rawBody);
}

function isSignedByGrafana(secrets: Secrets, { headers, rawBody, now }: Credentials): boolean {
  const signature = headers[(secrets.grafanaSignatureHeader ?? DEFAULT_SIGNATURE_HEADER).toLowerCase()];
  const timestamp = headers[(secrets.grafanaTimestampHeader ?? DEFAULT_TIMESTAMP_HEADER).toLowerCase()];
  if (timestamp === undefined) {
    return secrets.grafanaTimestampHeader === undefined && isSigned(signature, secrets.grafana, rawBody);
  }
  if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now - Number(timestamp) * 1000) > REPLAY_WINDOW) return false;
  return isSigned(signature, secrets.grafana, Buffer.concat([Buffer.from(`${timestamp}:`), rawBody]));
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
