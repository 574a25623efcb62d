import { z } from 'zod';
import { FleetError } from '../../fleet.js';
import type { HttpAnswer, HttpCall, HttpClient } from '../../http-client.js';
import { createHttpClient } from '../../http-client.js';
import { checked } from '../answers.js';
import type { CloudOptions } from '../cloud-options.js';
import { mayPass } from './refusal.js';

/** How to reach a Proxmox VE cluster. */
export interface ProxmoxAccess {
  /** `https://pve1.example:8006`, of any nodes: the next is asked where one does not answer. */
  urls: readonly string[];
  /** `USER@REALM!TOKENID=UUID`. */
  token: string;
  /** Certificates of the authority that signed that of the API, PEM; the cluster's own is `/etc/pve/pve-root-ca.pem`. */
  ca?: string;
}

/** The API of one cluster. */
export interface ProxmoxApi {
  /** The cloud's name in errors. */
  readonly system: string;
  /** How many nodes it may be asked through. */
  readonly ways: number;
  /**
   * What stands under `data`, checked. Asks through the next node where one does not answer.
   * @param what - what it is for, in an error: "list nodes".
   */
  get<Schema extends z.ZodType>(
    what: string,
    path: string,
    schema: Schema,
    how?: { params?: NonNullable<HttpCall['params']>; signal?: AbortSignal | undefined },
  ): Promise<z.output<Schema>>;
  /** Makes a call that only reads. Asks through the next node where one does not answer. */
  read(call: HttpCall): Promise<HttpAnswer>;
  /** Makes a call that changes something, once, through the node that has answered last. */
  once(call: HttpCall): Promise<HttpAnswer>;
  /** Asks through the next node from now on. */
  passOver(): void;
}

/** Every answer of the API stands under `data`. */
export const data = <Schema extends z.ZodType>(schema: Schema) => z.object({ data: schema });

/** Perl's JSON gives a number as a text now and then. */
export const number = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+(\.\d+)?(e-?\d+)?$/)
    .transform(Number),
]);

/** Truth, as 0 or 1. */
export const flag = z.union([
  z.boolean(),
  number.transform((value) => value !== 0),
  z.literal('').transform(() => false),
]);

/** @throws nothing: the cluster is first asked by a call. */
export function createProxmoxApi({ urls, token, ca }: ProxmoxAccess, options: CloudOptions): ProxmoxApi {
  const system = 'proxmox';
  const ways: HttpClient[] = urls.map((url) =>
    createHttpClient({
      ...options,
      system,
      baseUrl: `${url.replace(/\/+$/, '')}/api2/json`,
      secrets: () => [token, token.split('=')[1] ?? ''],
      ...(ca !== undefined && { ca }),
      // A node that is down lets a call run into its time limit: there has to be time left for the others.
      timeoutMs: Math.floor(options.timeoutMs / urls.length),
      mayPass: (error) => urls.length === 1 && mayPass(error),
    }),
  );
  let current = 0;
  const way = () => {
    const client = ways[current];
    if (!client) throw new FleetError(system, 'no address to ask');
    return client;
  };
  const passOver = () => void (current = (current + 1) % ways.length);
  const withToken = (call: HttpCall): HttpCall => ({
    ...call,
    headers: { ...call.headers, authorization: `PVEAPIToken=${token}` },
  });

  const read = async (call: HttpCall): Promise<HttpAnswer> => {
    for (let tries = 1; ; tries += 1) {
      const asked = current;
      try {
        return await way().read(withToken(call));
      } catch (error) {
        call.signal?.throwIfAborted();
        if (tries >= ways.length || !mayPass(error)) throw error;
        // Another call may have met the same silence, and gone on already.
        if (current === asked) passOver();
      }
    }
  };

  return {
    system,
    ways: ways.length,
    async get(what, path, schema, { params, signal } = {}) {
      const answer = await read({ what, method: 'GET', path, ...(params && { params }), ...(signal && { signal }) });
      return (checked(system, what, data(schema), answer) as { data: z.output<typeof schema> }).data;
    },
    read,
    once: (call) => way().once(withToken(call)),
    passOver,
  };
}
