import { z } from 'zod';
import { FleetError } from '../fleet.js';
import type { HttpAnswer, HttpCall, HttpClient } from '../http-client.js';
import { HttpCallError, createHttpClient } from '../http-client.js';
import { abortable } from '../within-time.js';
import { checked } from './answers.js';
import type { CloudOptions } from './cloud-options.js';

/** Who we are to a Keystone v3, and which endpoints we take. */
export interface KeystoneSettings {
  /** Ends in `/v3`. */
  authUrl: string;
  username: string;
  password: string;
  userDomain: string;
  project: string;
  projectDomain: string;
  /** Absent if the catalog has only one. */
  region?: string;
  interface: 'public' | 'internal' | 'admin';
  /** Certificates of the authority that signed those of Keystone and the endpoints, PEM. */
  ca?: string;
}

/** What {@link createKeystoneClient} needs besides the settings. */
export interface KeystoneClientOptions extends CloudOptions {
  /** The system's name in every error. */
  system: string;
  settings: KeystoneSettings;
  /** Service types to look for in the catalog, the best first. */
  serviceTypes: readonly string[];
  /** Sent with every call to the service. */
  headers?: Record<string, string>;
  /** The service answers 403, not 401, when a token is dead. */
  forbidsDeadTokens?: boolean;
}

const endpointSchema = z.object({
  interface: z.string(),
  region: z.string().nullish(),
  region_id: z.string().nullish(),
  url: z.string(),
});

const tokenSchema = z.object({
  token: z.object({
    catalog: z.array(z.object({ type: z.string(), endpoints: z.array(endpointSchema) })).default([]),
    issued_at: z.string().nullish(),
    expires_at: z.string().nullish(),
  }),
});

type Token = z.output<typeof tokenSchema>['token'];

/** What a login has brought. */
interface Session {
  token: string;
  service: HttpClient;
  /** By the monotonic clock, ms: from then on the token is too old to begin a call with. */
  renewAt: number;
}

/** A token is renewed so long before it ends, ms, or a tenth of its life where that is shorter. */
const RENEW_BEFORE_MS = 300_000;
/** After a 403 that a new token met too, a 403 is believed for so long, ms: rights that are missing must not cost a login a call. */
const BELIEVE_FORBIDDEN_MS = 60_000;

/**
 * A client of one service that is found in Keystone's catalog. It logs in when first asked, before its token ends, and once
 * more when its token is refused; calls at the same time share one login. A call whose token was refused has not been acted
 * on, so that even one that changes something is then made again.
 */
export function createKeystoneClient(options: KeystoneClientOptions): HttpClient {
  const { settings, system, timeoutMs, clock, random, maxBytes } = options;
  /** The newest first: a call with the one before may still be on its way. */
  let tokens: string[] = [];
  const shared = {
    system,
    timeoutMs,
    clock,
    random,
    secrets: () => [settings.password, ...tokens],
    ...(settings.ca !== undefined && { ca: settings.ca }),
    ...(maxBytes !== undefined && { maxBytes }),
  };
  const keystone = createHttpClient({ ...shared, baseUrl: settings.authUrl });
  const services = new Map<string, HttpClient>();
  let session: Promise<Session> | undefined;
  let believeForbiddenUntil = -Infinity;

  const serviceAt = (baseUrl: string): HttpClient => {
    const known = services.get(baseUrl) ?? createHttpClient({ ...shared, baseUrl });
    services.set(baseUrl, known);
    return known;
  };

  // Without the signal of the call that happens to come first: others wait for the same login.
  const logIn = async (): Promise<Session> => {
    const what = `log in at ${settings.authUrl} as ${settings.username}`;
    const asked = clock.monotonic();
    // It changes nothing there, so it may be tried again like a read.
    const answer = await keystone.read({ what, method: 'POST', path: '/auth/tokens', body: loginBody(settings) });
    const received = answer.headers['x-subject-token'];
    if (received === undefined || received === '') {
      throw new FleetError(system, `${what}: the answer has no header X-Subject-Token`);
    }
    const token = checked(system, what, tokenSchema, answer).token;
    const service = serviceAt(endpointIn(token.catalog, options));
    tokens = [received, ...tokens.slice(0, 1)];
    return { token: received, service, renewAt: asked + usableMs(token, clock.now()) };
  };

  const renew = (): Promise<Session> => {
    const fresh = logIn();
    session = fresh;
    // A failed login must not be kept; whoever waits for it is told.
    fresh.catch(() => {
      if (session === fresh) session = undefined;
    });
    return fresh;
  };

  /** The login to use; begins a new one unless another call has done so since `refused`. */
  const instead = (refused: Promise<Session>): Promise<Session> =>
    session === undefined || session === refused ? renew() : session;

  const loggedIn = async (login: Promise<Session>, signal: AbortSignal | undefined): Promise<Session> => {
    try {
      return await abortable(login, signal);
    } catch (error) {
      // Whoever comes next must not wait for a login that has taken too long already.
      if (signal?.aborted && session === login) session = undefined;
      throw error;
    }
  };

  const mayMeanDeadToken = (error: unknown): boolean => {
    if (!(error instanceof HttpCallError)) return false;
    if (error.status === 401) return true;
    return error.status === 403 && options.forbidsDeadTokens === true && clock.monotonic() >= believeForbiddenUntil;
  };

  const call = async (how: 'once' | 'read', request: HttpCall): Promise<HttpAnswer> => {
    const { signal } = request;
    const send = ({ token, service }: Session) =>
      service[how]({ ...request, headers: { ...options.headers, ...request.headers, 'X-Auth-Token': token } });
    signal?.throwIfAborted();
    let login = session ?? renew();
    let own = await loggedIn(login, signal);
    if (clock.monotonic() >= own.renewAt) {
      login = instead(login);
      own = await loggedIn(login, signal);
    }
    try {
      return await send(own);
    } catch (error) {
      if (!mayMeanDeadToken(error)) throw error;
    }
    own = await loggedIn(instead(login), signal);
    try {
      return await send(own);
    } catch (error) {
      if (error instanceof HttpCallError && error.status === 403) {
        believeForbiddenUntil = clock.monotonic() + BELIEVE_FORBIDDEN_MS;
      }
      throw error;
    }
  };

  return { once: (request) => call('once', request), read: (request) => call('read', request) };
}

/** How long after its login a token is good for new calls, ms; Infinity if Keystone does not say when it ends. */
function usableMs({ issued_at, expires_at }: Token, now: number): number {
  const issued = Date.parse(issued_at ?? '');
  // By Keystone's own clock where it tells it: ours may be set differently.
  const life = Date.parse(expires_at ?? '') - (Number.isNaN(issued) ? now : issued);
  return life > 0 ? life - Math.min(RENEW_BEFORE_MS, life / 10) : Infinity;
}

/** The body of a password login, scoped to a project (Identity API v3). */
function loginBody({ username, password, userDomain, project, projectDomain }: KeystoneSettings): object {
  const user = { name: username, password, domain: { name: userDomain } };
  return {
    auth: {
      identity: { methods: ['password'], password: { user } },
      scope: { project: { name: project, domain: { name: projectDomain } } },
    },
  };
}

/** The address of the service, or an error that names what is missing and what there is. */
function endpointIn(catalog: Token['catalog'], { system, settings, serviceTypes }: KeystoneClientOptions): string {
  const all = catalog.flatMap(({ type, endpoints }) =>
    endpoints.map((endpoint) => ({ type, ...endpoint, region: endpoint.region_id ?? endpoint.region ?? '' })),
  );
  const fits = (type: string) =>
    all.filter(
      (endpoint) =>
        endpoint.type === type &&
        endpoint.interface.replace(/URL$/, '') === settings.interface &&
        (settings.region === undefined || endpoint.region === settings.region),
    );
  const found = serviceTypes.map(fits).find((endpoints) => endpoints.length > 0) ?? [];
  const regions = [...new Set(found.map(({ region }) => region))];
  if (regions.length > 1) {
    throw new FleetError(
      system,
      `the catalog has ${regions.join(' and ')}: name one of these regions in OS_REGION_NAME`,
    );
  }
  const [endpoint] = found;
  if (!endpoint) {
    const wanted = [`${settings.interface} endpoint of type ${serviceTypes.join(' or ')}`];
    if (settings.region !== undefined) wanted.push(`region ${settings.region}`);
    const there = all
      .filter(({ type }) => serviceTypes.includes(type))
      .map(({ interface: name, region }) => `${name} in ${region || 'no region'}`);
    const types = [...new Set(all.map(({ type }) => type))];
    const has = there.length > 0 ? there.join(', ') : `only the types ${types.join(', ') || '(none)'}`;
    throw new FleetError(system, `the catalog has no ${wanted.join(' in ')}; it has ${has}`);
  }
  if (!URL.canParse(endpoint.url)) {
    throw new FleetError(system, `the catalog's address of type ${endpoint.type} is not a URL: ${endpoint.url}`);
  }
  return endpoint.url;
}
