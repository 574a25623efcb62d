import type { z } from 'zod';
import type { Clock } from '../../common/clock.js';
import { FleetError } from '../fleet.js';
import type { HttpAnswer, HttpCall, HttpClient } from '../http-client.js';
import { createHttpClient } from '../http-client.js';
import { fieldPath } from '../snapshot-file.js';

/** What every metric store is told. */
export interface StoreSettings {
  /** Where the paths of the store's interface are put behind. */
  url: string;
  username?: string;
  password?: string;
  /** Certificates of the authority that signed the store's, PEM. */
  ca?: string;
  /** The usual distance of two samples, ms. */
  scrapeIntervalMs: number;
}

/** What a metric store needs of its surroundings. */
export interface StoreContext {
  clock: Clock;
  /** 0 ≤ x < 1. */
  random: () => number;
  /** The longest that one try may take, ms. */
  timeoutMs: number;
  /** An answer longer than this is refused, bytes; 64 MiB by default. */
  maxBytes?: number;
}

/**
 * Asks a store: the query goes as a form, for names of many machines would pass the length that an address may have. Without a form it
 * is a GET.
 */
export type AskStore = (
  call: Pick<HttpCall, 'what' | 'path' | 'params'> & { form?: Record<string, string>; signal: AbortSignal | undefined },
) => Promise<HttpAnswer>;

/** Opens the way to a store. */
export function openStore(
  system: string,
  settings: StoreSettings,
  context: StoreContext,
  headers: Record<string, string> = {},
): AskStore {
  const { url: baseUrl, ca, username, password = '' } = settings;
  const http: HttpClient = createHttpClient({ system, baseUrl, ...context, ...(ca !== undefined && { ca }) });
  const basic = `Basic ${Buffer.from(`${username ?? ''}:${password}`).toString('base64')}`;
  const sent = { ...(username !== undefined && { authorization: basic }), ...headers };
  return ({ form, signal, ...call }) => {
    const sending = form ? { method: 'POST' as const, body: new URLSearchParams(form) } : { method: 'GET' as const };
    return http.read({ ...call, ...sending, headers: sent, ...(signal && { signal }) });
  };
}

/**
 * Checks an answer's shape.
 * @throws FleetError that names the field that is not as it should be.
 */
export function checkedAnswer<T>(system: string, what: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const problem = issue ? `${fieldPath(issue.path)}: ${issue.message}` : result.error.message;
  throw new FleetError(system, `${what}: not an answer of this API: ${problem}`);
}

/** Labels as a key of a map, whatever their order. */
export function labelKey(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
