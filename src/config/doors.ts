import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration } from '../common/units.js';
import { headerName, list, secrets, truth, wholeNumber } from './kinds.js';
import type { OwnSite } from '../http/own-site.js';

/** Paths of PEM files. */
export interface TlsPaths {
  cert: string;
  key: string;
  clientCa?: string;
}

interface TlsVariables {
  TLS_CERT?: string | undefined;
  TLS_KEY?: string | undefined;
  TLS_CLIENT_CA?: string | undefined;
}

const PROXY_NAMES = ['loopback', 'linklocal', 'uniquelocal'];

function isProxy(word: string): boolean {
  const [, address = '', prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(word) ?? [];
  const version = isIP(address);
  if (version === 0) return PROXY_NAMES.includes(word);
  // A network of every address would believe whatever anybody says.
  return prefix === undefined || (Number(prefix) >= 1 && Number(prefix) <= (version === 4 ? 32 : 128));
}

/** Whose word on a client's address is taken: a number of hops, or Express's list of addresses. */
const proxies = z
  .string()
  .transform((value) => value.split(',').map((word) => word.trim()))
  .refine(
    (words) => (words.length === 1 && /^[1-9]$/.test(words[0] ?? '')) || words.every(isProxy),
    `expected addresses or networks separated by commas, ${PROXY_NAMES.join(', ')}, or a number of hops from 1 to 9`,
  )
  .transform((words) => (/^[1-9]$/.test(words[0] ?? '') ? Number(words[0]) : words.join(',')));

const NAME = /^[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$/;

/** Names without port, in small letters. */
const hostNames = z
  .string()
  .transform((value) =>
    value
      .split(',')
      .map((word) => word.trim().toLowerCase())
      .filter((word) => word !== ''),
  )
  .refine(
    (words) => words.length > 0 && words.every((word) => NAME.test(word)),
    'expected host names without port, separated by commas',
  );

const YEARS_MS = 2 * 365 * 86_400_000;

/** The secrets of webhooks and API: with none of them everything is open. */
export const DOOR_SECRETS = ['MONITOR_SECRET', 'GRAFANA_SECRET', 'WEBHOOK_TOKEN', 'API_TOKEN'] as const;

/** The variables that say who may come in, and how. */
export const doorVariables = {
  MONITOR_SECRET: secrets.describe("Keys of the monitor service's signature"),
  MONITOR_MESSAGE_KEY: z
    .string()
    .max(16, 'expected at most 16 characters')
    .optional()
    .describe("Key under which the monitor service's robot sends its text, where it is not Msg"),
  GRAFANA_SECRET: secrets.describe("Keys of Grafana's signature"),
  GRAFANA_SIGNATURE_HEADER: headerName
    .prefault('X-Grafana-Alerting-Signature')
    .describe("Header that carries Grafana's signature"),
  GRAFANA_TIMESTAMP_HEADER: headerName
    .optional()
    .describe('Header that carries the time of the signature, if Grafana is set to sign it too'),
  WEBHOOK_TOKEN: secrets.describe('Bearer tokens, or basic passwords, of the webhooks'),
  API_TOKEN: secrets.describe('Bearer tokens of everything under /api'),
  ALLOW_UNAUTHENTICATED: truth.prefault('false').describe('true lets it listen anywhere without any secret'),
  TLS_CERT: z.string().optional().describe('Certificate of the server, a PEM file; it then speaks HTTPS only'),
  TLS_KEY: z.string().optional().describe('Private key of TLS_CERT, a PEM file'),
  TLS_CLIENT_CA: z.string().optional().describe('Authorities whose clients alone may come in, a PEM file'),

  PUBLIC_URL: z
    .string()
    .refine(
      (value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol),
      'expected an http or https URL',
    )
    .optional()
    .describe('Where people reach it, such as https://automigrate.example.com'),
  ALLOWED_HOSTS: list(hostNames)
    .optional()
    .describe('Names, besides localhost, addresses, HOST and that of PUBLIC_URL, under which it may be called'),
  HSTS: z
    .string()
    .refine((value) => {
      const ms = parseDuration(value) ?? 0;
      return ms >= 1000 && ms <= YEARS_MS;
    }, 'expected a duration such as "180d", at most 2 years')
    .transform((value) => Math.floor((parseDuration(value) ?? Number.NaN) / 1000))
    .optional()
    .describe(
      'How long browsers may only come by HTTPS (Strict-Transport-Security, for this host name alone); not said by default',
    ),
  TRUST_PROXY: list(proxies)
    .optional()
    .describe('Reverse proxies whose X-Forwarded-For is believed: addresses, or hops'),
  RATE_LIMIT: wholeNumber(0, 1_000_000)
    .prefault('3000')
    .describe('Requests that one address may make in a second; 0 for any number'),
};

/** Under which names the service may be called: see {@link OwnSite}. */
export function siteOf(read: {
  HOST: string;
  PUBLIC_URL?: string | undefined;
  ALLOWED_HOSTS?: string[] | undefined;
}): OwnSite {
  const { HOST: host, PUBLIC_URL: publicUrl, ALLOWED_HOSTS: allowed = [] } = read;
  return {
    names: [...(isIP(host) === 0 ? [host.toLowerCase()] : []), ...allowed],
    ...(publicUrl !== undefined && { publicUrl }),
  };
}

/** The files of the certificate: both or none, and client certificates only with them. */
export function tlsPaths({ TLS_CERT: cert, TLS_KEY: key, TLS_CLIENT_CA: clientCa }: TlsVariables): {
  files?: TlsPaths;
  problems: string[];
} {
  if (cert !== undefined && key !== undefined) {
    return { files: { cert, key, ...(clientCa !== undefined && { clientCa }) }, problems: [] };
  }
  const given = { TLS_CERT: cert, TLS_KEY: key, TLS_CLIENT_CA: clientCa };
  const [set] = Object.entries(given).find(([, value]) => value !== undefined) ?? [];
  if (set === undefined) return { problems: [] };
  const missing = [...(cert === undefined ? ['TLS_CERT'] : []), ...(key === undefined ? ['TLS_KEY'] : [])];
  return { problems: missing.map((name) => `${name}: is missing; expected a PEM file, as ${set} is set`) };
}
