import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { errorMessage } from '../common/error-message.js';
import type { Environment } from '../config/given.js';
import { isLoopback } from '../config/service-settings.js';
import { HttpCallError, createHttpClient } from '../fleet/http-client.js';
import type { HttpAnswer, HttpCall, HttpClient } from '../fleet/http-client.js';
import { apiToken } from '../http/api-users.js';
import type { CliContext } from './context.js';
import { InputError } from './context.js';

/** The receiver asks cloud and metric store before it answers some requests, ms. */
const PATIENCE_MS = 120_000;
const DEFAULT_PORT = '9095';

/** Where the receiver listens: the option that every command which asks it has. */
export const urlOption = () =>
  new Option(
    '--url <url>',
    `where the receiver listens (default: $AUTOMIGRATE_URL, or this machine by HOST and PORT: http://127.0.0.1:${DEFAULT_PORT})`,
  );

/** For `--help` of the commands that ask the receiver. */
export const TOKEN_HELP =
  '\nAPI_TOKEN, or the file that API_TOKEN_FILE names, holds the token if the receiver asks for one.';

/** No receiver answers, where nobody said that one does: this machine by default. */
export class NoLocalReceiver extends Error {
  override readonly name = 'NoLocalReceiver';
}

/** Where the receiver is, and whether somebody has said so. */
interface Address {
  url: string;
  /** By what it was given; absent for this machine by HOST and PORT. */
  by?: '--url' | 'AUTOMIGRATE_URL';
}

/** The answer of a request that may be refused. */
export interface Answered<Body> {
  status: number;
  body: Body;
}

/** The running receiver, as commands ask it. */
export interface Receiver {
  readonly url: string;
  /**
   * Reads.
   * @throws InputError where the token or the address is wrong, NoLocalReceiver, or Error where it cannot answer.
   */
  get<Body>(path: string, params?: Record<string, string | number>): Promise<Body>;
  /**
   * Writes.
   * @param unknown - what is told where the receiver knows nothing of the kind (404).
   * @returns what it answered, also where it refuses (409).
   * @throws as {@link get}.
   */
  post<Body>(path: string, body: object, unknown?: string): Promise<Answered<Body>>;
}

function set(value: string | undefined): string | undefined {
  const text = value?.trim();
  return text === '' ? undefined : text;
}

function addressOf(option: string | undefined, env: Environment): Address {
  const given = option ?? set(env.AUTOMIGRATE_URL);
  if (given === undefined) return { url: localUrl(env) };
  const by = option === undefined ? 'AUTOMIGRATE_URL' : '--url';
  if (URL.canParse(given) && /^https?:$/.test(new URL(given).protocol)) return { url: given.replace(/\/+$/, ''), by };
  throw new InputError([`${by}: expected an http or https URL, got ${JSON.stringify(given)}`]);
}

/** The receiver that this environment would start. */
function localUrl(env: Environment): string {
  const port = set(env.PORT) ?? DEFAULT_PORT;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535 || Number(port) === 0) {
    throw new InputError([
      `PORT: expected the port of the receiver, got ${JSON.stringify(port)}; or set AUTOMIGRATE_URL`,
    ]);
  }
  const host = set(env.HOST) ?? '127.0.0.1';
  // An address to listen on everywhere is none to connect to.
  const address = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  const scheme = set(env.TLS_CERT) === undefined ? 'http' : 'https';
  return `${scheme}://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** The first of the tokens, which are several while they are being changed, without the name of who has it. */
function tokenOf(env: Environment): string | undefined {
  const direct = set(env.API_TOKEN);
  const path = set(env.API_TOKEN_FILE);
  if (direct !== undefined && path !== undefined) {
    throw new InputError(['API_TOKEN and API_TOKEN_FILE: expected only one of them']);
  }
  const [first] = (direct ?? (path === undefined ? '' : readToken(path)))
    .split(/[,\r\n]/)
    .map((word) => word.trim())
    .filter((word) => word !== '');
  return first === undefined ? undefined : apiToken(first).token;
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InputError([
      `API_TOKEN_FILE: expected a file that can be read, got ${JSON.stringify(path)}: ${errorMessage(error)}`,
    ]);
  }
}

/**
 * The receiver that a command asks.
 * @param option - `--url`.
 * @throws InputError where the address or the token cannot be made out.
 */
export function receiverOf(context: CliContext, option: string | undefined): Receiver {
  const env = context.env();
  const address = addressOf(option, env);
  const { url } = address;
  const token = tokenOf(env);
  const { hostname } = new URL(url);
  const isHere = isLoopback(hostname.replace(/^\[|\]$/g, ''));
  const client = createHttpClient({
    system: url,
    baseUrl: url,
    timeoutMs: PATIENCE_MS,
    clock: context.clock,
    random: Math.random,
    secrets: () => (token === undefined ? [] : [token]),
    proxied: !isHere,
    // The certificate is made for the name by which others reach it, which is not that of its own machine.
    verified: !isHere || address.by !== undefined,
  });
  const headers = { accept: 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) };
  const ask = (call: HttpCall) => asked(client, { ...call, headers }, address, token !== undefined);
  return {
    url,
    async get(path, params) {
      const call = { what: path, method: 'GET' as const, path, ...(params && { params }) };
      return (await ask(call)).body as never;
    },
    async post(path, body, unknown) {
      const call = { what: path, method: 'POST' as const, path, body, expect: [409] };
      const { status, body: answer } = await ask(call).catch((error: unknown) => {
        throw error instanceof NothingThere && unknown !== undefined ? new InputError([`${url}: ${unknown}`]) : error;
      });
      return { status, body: answer as never };
    },
  };
}

/** The receiver answers that it has nothing of the kind. */
class NothingThere extends InputError {}

async function asked(client: HttpClient, call: HttpCall, address: Address, hasToken: boolean): Promise<HttpAnswer> {
  const refusals = [400, 401, 403, 404, 405, 421, 429, 502, 503];
  const answer = await client
    .once({ ...call, expect: [...(call.expect ?? []), ...refusals] })
    .catch((error: unknown) => {
      throw error instanceof HttpCallError ? unanswered(error, address) : error;
    });
  if (answer.body === undefined || typeof answer.body !== 'object' || answer.body === null) {
    throw notAReceiver(address.url);
  }
  if (refusals.includes(answer.status)) throw refusal(answer, address.url, hasToken);
  return answer;
}

function notAReceiver(url: string): Error {
  return new InputError([`${url}: what answers there is no automigrate receiver`]);
}

interface Refusal {
  error?: string;
  message?: string;
  text?: string;
  problems?: { field: string; message: string }[];
}

/** What a refusal means to whoever has asked. */
function refusal({ status, body, headers }: HttpAnswer, url: string, hasToken: boolean): Error {
  const { error, message, text, problems } = body as Refusal;
  const words = text ?? message ?? problems?.map(({ field, message: why }) => `${field}: ${why}`).join('; ');
  switch (status) {
    case 401:
      return new InputError([
        hasToken
          ? `${url}: the token is not valid; API_TOKEN or API_TOKEN_FILE holds it`
          : `${url}: asks for a token; API_TOKEN or API_TOKEN_FILE holds it`,
      ]);
    case 421:
      return new InputError([
        `${url}: the receiver is not called ${new URL(url).hostname} (${words ?? 'misdirected'})`,
      ]);
    case 404:
      return error === 'not_found'
        ? new NothingThere([`${url}: ${words ?? 'there is nothing here'}`])
        : notAReceiver(url);
    case 429:
      return new Error(
        `${url}: too many requests, or too many wrong tokens; again in ${headers['retry-after'] ?? '?'} s`,
      );
    case 400:
    case 403:
    case 405:
      return words === undefined ? notAReceiver(url) : new InputError([`${url}: ${words}`]);
    default:
      return new Error(`${url}: ${words ?? `HTTP ${status}`}`);
  }
}

const NOT_TRUSTED = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER/;

/** Why there is no answer, and what to do. */
function unanswered({ message, status, code = '' }: HttpCallError, { url, by }: Address): Error {
  if (status !== undefined) {
    return status >= 500 ? new Error(message) : notAReceiver(url);
  }
  if (code.includes('ALERT'))
    return new Error(`${message} (does it ask for a certificate of the client, TLS_CLIENT_CA?)`);
  if (NOT_TRUSTED.test(code)) {
    return new Error(`${message} (NODE_EXTRA_CA_CERTS names the file of an authority of your own)`);
  }
  if (code === 'EPROTO') return new Error(`${message} (does it speak http:// there?)`);
  if (code === 'ECONNRESET') return new Error(`${message} (does it speak https:// there?)`);
  if (by === undefined) {
    return new NoLocalReceiver(
      `no receiver answers at ${url} (${code || message}); AUTOMIGRATE_URL or --url says where it is`,
    );
  }
  return new Error(`no receiver answers at ${url} (${code || message}); is that what ${by} should say?`);
}
