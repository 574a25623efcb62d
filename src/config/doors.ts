import { isIP } from 'node:net';
import { z } from 'zod';

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
export const proxies = z
  .string()
  .transform((value) => value.split(',').map((word) => word.trim()))
  .refine(
    (words) => (words.length === 1 && /^[1-9]$/.test(words[0] ?? '')) || words.every(isProxy),
    `expected addresses or networks separated by commas, ${PROXY_NAMES.join(', ')}, or a number of hops from 1 to 9`,
  )
  .transform((words) => (/^[1-9]$/.test(words[0] ?? '') ? Number(words[0]) : words.join(',')));

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
