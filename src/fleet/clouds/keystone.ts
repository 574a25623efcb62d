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
}

const endpointSchema = z.object({
  interface: z.string(),
  region: z.string().nullish(),
  region_id: z.string().nullish(),
  url: z.string(),
});

const tokenSchema = z.object({
  token: z.object({ catalog: z.array(z.object({ type: z.string(), endpoints: z.array(endpointSchema) })).default([]) }),
});

type Catalog = z.output<typeof tokenSchema>['token']['catalog'];

/** What a login has brought. */
interface Session {
  token: string;
  service: HttpClient;
}

/**
 * A client of one service that is found in Keystone's catalog. It logs in when first asked, and once more when its token
 * is refused; calls at the same time share one login. A call that was refused with 401 has not been acted on, so that even
 * one that changes something is then made again.
 */
export function createKeystoneClient(options: KeystoneClientOptions): HttpClient {
  const { settings, system, timeoutMs, clock, random, maxBytes } = options;
  let token: string | undefined;
  const shared = {
    system,
    timeoutMs,
    clock,
    random,
    secrets: () => [settings.password, ...(token === undefined ? [] : [token])],
    ...(settings.ca !== undefined && { ca: settings.ca }),
    ...(maxBytes !== undefined && { maxBytes }),
  };
  const keystone = createHttpClient({ ...shared, baseUrl: settings.authUrl });
  const services = new Map<string, HttpClient>();
  let session: Promise<Session> | undefined;

  const serviceAt = (baseUrl: string): HttpClient => {
    const known = services.get(baseUrl) ?? createHttpClient({ ...shared, baseUrl });
    services.set(baseUrl, known);
    return known;
  };

  // Without the signal of the call that happens to come first: others wait for the same login.
  const login = async (): Promise<Session> => {
    const what = `log in at ${settings.authUrl} as ${settings.username}`;
    // It changes nothing there, so it may be tried again like a read.
    const answer = await keystone.read({ what, method: 'POST', path: '/auth/tokens', body: loginBody(settings) });
    const received = answer.headers['x-subject-token'];
    if (received === undefined || received === '') {
      throw new FleetError(system, `${what}: the answer has no header X-Subject-Token`);
    }
    const { catalog } = checked(system, what, tokenSchema, answer).token;
    const service = serviceAt(endpointIn(catalog, options));
    token = received;
    return { token: received, service };
  };

  const current = (): Promise<Session> => {
    if (session) return session;
    const fresh = login();
    session = fresh;
    // A failed login must not be kept; whoever waits for it is told.
    fresh.catch(() => {
      if (session === fresh) session = undefined;
    });
    return fresh;
  };

  const call = async (how: 'once' | 'read', request: HttpCall): Promise<HttpAnswer> => {
    const send = ({ token: own, service }: Session) =>
      service[how]({ ...request, headers: { ...options.headers, ...request.headers, 'X-Auth-Token': own } });
    request.signal?.throwIfAborted();
    const used = current();
    try {
      return await send(await abortable(used, request.signal));
    } catch (error) {
      // Whoever comes next must not wait for a login that has taken too long already.
      if (request.signal?.aborted && session === used) session = undefined;
      if (!(error instanceof HttpCallError) || error.status !== 401 || session === undefined) throw error;
      // Another call may have renewed it meanwhile.
      if (session === used) session = undefined;
      return send(await abortable(current(), request.signal));
    }
  };

  return { once: (request) => call('once', request), read: (request) => call('read', request) };
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
function endpointIn(catalog: Catalog, { system, settings, serviceTypes }: KeystoneClientOptions): string {
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
