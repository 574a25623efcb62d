import { Agent as HttpAgent, STATUS_CODES } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import { checkServerIdentity } from 'node:tls';
import type { AxiosInstance, AxiosResponse, Method } from 'axios';
import axios, { AxiosError } from 'axios';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';
import { errorMessage } from '../common/error-message.js';
import type { Clock } from '../common/clock.js';
import type { Pong } from './fleet.js';
import { FleetError } from './fleet.js';

/** How to reach a system over HTTP. Proxies are those of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY). */
export interface HttpClientOptions {
  /** The system's name in every error. */
  system: string;
  /** Whole address, `https://cloud.example:35357/v3`; paths of calls are put behind it. */
  baseUrl: string;
  /** The longest that one try may take, ms. */
  timeoutMs: number;
  clock: Clock;
  /** 0 ≤ x < 1, for the jitter between tries. */
  random: () => number;
  /** Certificates of the authority that signed the system's certificate, PEM; that of the machine by default. */
  ca?: string;
  /** An answer longer than this is refused, bytes. */
  maxBytes?: number;
  /** Whether a read that came to nothing is tried again; by default where no answer came, or a status that may pass. */
  mayPass?: (error: HttpCallError) => boolean;
  /** What must stand in no error, even where an answer repeats it: passwords and tokens. */
  secrets?: () => readonly string[];
  /** Whether the environment's proxies are used; `true` by default. */
  proxied?: boolean;
  /** Whether a certificate must be valid for the address; `true` by default. Only our own machine may do without. */
  verified?: boolean;
}

/** One call. */
export interface HttpCall {
  /** What it is for, in an error: "list servers". */
  what: string;
  method: Method;
  /** Put behind the base address; encode what comes from outside with {@link pathOf}. */
  path: string;
  /** Query string; values are encoded. */
  params?: Record<string, string | number | boolean>;
  /** Sent as JSON, or as a form if it is URLSearchParams. */
  body?: object;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Statuses besides 2xx that are answers, not errors. */
  expect?: readonly number[];
  /** The answer may be any text: its body is not parsed. */
  anyText?: true;
}

/** An answer; the body is parsed JSON, `undefined` if it is empty; or the text as it came, for a call that says so. */
export interface HttpAnswer {
  status: number;
  headers: Record<string, string | undefined>;
  body: unknown;
}

/** A call that did not come to a usable answer. `status` is absent where no answer came at all. */
export class HttpCallError extends FleetError {
  readonly status: number | undefined;
  /** The answer's body as text, cut. */
  readonly body: string;
  /** An answer came that was longer than what is read; the next would be too. */
  readonly tooLong: boolean;
  /** The code of what kept the answer away, such as `ECONNREFUSED`. */
  readonly code: string | undefined;
  /** The header Retry-After as it came. */
  readonly retryAfter: string | undefined;

  constructor(
    system: string,
    what: string,
    problem: string,
    answer: {
      status?: number;
      body?: string;
      tooLong?: boolean;
      code?: string | undefined;
      retryAfter?: string;
    } = {},
    cause?: unknown,
  ) {
    super(system, `${what}: ${problem}`, { cause });
    this.name = 'HttpCallError';
    this.status = answer.status;
    this.body = answer.body ?? '';
    this.tooLong = answer.tooLong ?? false;
    this.code = answer.code;
    this.retryAfter = answer.retryAfter;
  }
}

/** Calls to one system. */
export interface HttpClient {
  /** Makes the call once. Use it for whatever changes anything. */
  once(call: HttpCall): Promise<HttpAnswer>;
  /** Makes a call that only reads, up to three times where trying again may help. */
  read(call: HttpCall): Promise<HttpAnswer>;
}

const MOST_BYTES = 64 * 1024 ** 2;
const TRIES = 3;
const FIRST_PAUSE_MS = 200;
const WORTH_ANOTHER_TRY = [429, 500, 502, 503, 504];
/** How many characters of an answer an error repeats. */
const WORDS = 300;
/** How many characters of an answer an error keeps, for whoever reads the reason out of it. */
const MOST_KEPT = 16_384;

/**
 * Builds a path of segments; whatever they hold stays inside its own segment.
 * @throws RangeError for a segment that is a direction, `.` or `..`, however it is written.
 */
export function pathOf(...segments: string[]): string {
  return segments
    .map((segment) => {
      // URL parsers take even %2E%2E for a direction, so there is no way to write these.
      if (segment === '.' || segment === '..') throw new RangeError(`"${segment}" cannot be part of an address`);
      return `/${encodeURIComponent(segment)}`;
    })
    .join('');
}

/** What the clock of a system said when it answered: its header `Date` (RFC 9110), to the second. */
export function pongOf({ headers }: HttpAnswer): Pong {
  const clockAt = Date.parse(headers.date ?? '');
  return Number.isNaN(clockAt) ? {} : { clockAt };
}

/** Makes a client. Redirects are not followed: a system that sends us elsewhere is not the one that was configured. */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { system, clock, random } = options;
  const { proxied = true, verified = true } = options;
  const tls = { ...(options.ca !== undefined && { ca: options.ca }), ...(!verified && { rejectUnauthorized: false }) };
  const tunnel = proxied && options.baseUrl.startsWith('https:') ? getProxyForUrl(options.baseUrl) : '';
  // Not the agent that axios would take: it names an IP address as the server's name in TLS, which Node 26 refuses.
  const httpsAgent = (keepAlive: boolean) => {
    if (tunnel === '') return new HttpsAgent({ keepAlive, ...tls });
    const agent = new HttpsProxyAgent(tunnel, { keepAlive });
    // What it is made with is for the proxy; this is for the system behind it, whose address it would forget if it is an IP's.
    const { hostname } = new URL(options.baseUrl);
    const checked = (_name: string, cert: PeerCertificate) =>
      checkServerIdentity(hostname.replace(/^\[|\]$/g, ''), cert);
    Object.assign(agent.options, tls, { checkServerIdentity: checked });
    return agent;
  };
  const http = axios.create({
    baseURL: options.baseUrl.replace(/\/+$/, ''),
    timeout: options.timeoutMs,
    maxRedirects: 0,
    maxContentLength: options.maxBytes ?? MOST_BYTES,
    responseType: 'text',
    transformResponse: (data: unknown) => data,
    validateStatus: () => true,
    httpAgent: new HttpAgent({ keepAlive: true }),
    httpsAgent: httpsAgent(true),
    // Our own agent goes through a proxy for https.
    ...((tunnel !== '' || !proxied) && { proxy: false as const }),
  });
  // A connection that was kept may be closed by the other side just now: what is asked only once gets one of its own.
  const fresh = { httpAgent: new HttpAgent({ keepAlive: false }), httpsAgent: httpsAgent(false) };

  const exchange = async (call: HttpCall, agents: Partial<typeof fresh>): Promise<HttpAnswer> => {
    const response = await send(http, call, options, agents);
    const text = typeof response.data === 'string' ? response.data : '';
    const { status } = response;
    if ((status < 200 || status >= 300) && !call.expect?.includes(status)) {
      const body = withoutSecrets(text.slice(0, MOST_KEPT), options);
      const words = body.replaceAll(/\s+/g, ' ').slice(0, WORDS).trim();
      const line = statusLine(status, withoutSecrets(response.statusText, options));
      const retryAfter: unknown = response.headers['retry-after'];
      throw new HttpCallError(system, call.what, `${line}${words ? `: ${words}` : ''}`, {
        status,
        body,
        ...(typeof retryAfter === 'string' && { retryAfter }),
      });
    }
    const headers = Object.fromEntries(
      Object.entries(response.headers).map(([name, value]) => [
        name.toLowerCase(),
        value === undefined ? undefined : String(value),
      ]),
    );
    return { status, headers, body: call.anyText ? text : parse(options, call, status, text) };
  };

  return {
    once: (call) => exchange(call, fresh),
    async read(call) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await exchange(call, {});
        } catch (error) {
          call.signal?.throwIfAborted();
          if (attempt >= TRIES || !isWorthAnotherTry(error, options)) throw error;
          await clock.sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + random()), call.signal);
        }
      }
    },
  };
}

function isWorthAnotherTry(error: unknown, { mayPass }: HttpClientOptions): boolean {
  if (!(error instanceof HttpCallError) || error.tooLong) return false;
  if (mayPass) return mayPass(error);
  return error.status === undefined || WORTH_ANOTHER_TRY.includes(error.status);
}

async function send(
  http: AxiosInstance,
  call: HttpCall,
  options: HttpClientOptions,
  agents: object,
): Promise<AxiosResponse<unknown>> {
  const { system, timeoutMs, maxBytes } = options;
  // axios' own limit does not cover an answer that trickles in: this one does.
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout;
  try {
    return await http.request<unknown>({
      method: call.method,
      url: call.path,
      signal,
      ...agents,
      headers: { accept: 'application/json', ...call.headers },
      ...(call.params && { params: call.params }),
      ...(call.body && { data: call.body }),
    });
  } catch (error) {
    call.signal?.throwIfAborted();
    if (timeout.aborted || (error instanceof AxiosError && error.code === 'ECONNABORTED')) {
      throw new HttpCallError(
        system,
        call.what,
        `no answer within ${timeoutMs} ms`,
        {},
        withoutRequest(error, options),
      );
    }
    const tooLong = error instanceof AxiosError && error.message.includes('maxContentLength');
    const problem = tooLong
      ? `the answer is longer than ${maxBytes ?? MOST_BYTES} bytes`
      : withoutSecrets(messageOf(error), options);
    const code = error instanceof AxiosError ? error.code : undefined;
    throw new HttpCallError(system, call.what, problem, { tooLong, code }, withoutRequest(error, options));
  }
}

/** An AxiosError carries the whole request, with its credentials: it must not reach a log. */
function withoutRequest(error: unknown, options: HttpClientOptions): unknown {
  if (!(error instanceof AxiosError)) return error;
  return new Error(withoutSecrets(`${error.code ?? error.name}: ${error.message}`, options));
}

function withoutSecrets(text: string, { secrets }: HttpClientOptions): string {
  return (secrets?.() ?? []).reduce((rest, secret) => (secret === '' ? rest : rest.replaceAll(secret, '***')), text);
}

function messageOf(error: unknown): string {
  if (error instanceof AxiosError && error.message === '') return error.code ?? 'no answer';
  return errorMessage(error);
}

/** Some systems say what is wrong in the status line and nowhere else. */
function statusLine(status: number, text: string): string {
  return text === '' || text === STATUS_CODES[status] ? `HTTP ${status}` : `HTTP ${status} ${text.slice(0, WORDS)}`;
}

function parse(options: HttpClientOptions, call: HttpCall, status: number, text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    const body = withoutSecrets(text.slice(0, MOST_KEPT), options);
    const words = body.replaceAll(/\s+/g, ' ').slice(0, 80);
    const problem = `HTTP ${status} with an answer that is not JSON: ${words}`;
    throw new HttpCallError(options.system, call.what, problem, { status, body });
  }
}
