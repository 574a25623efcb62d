import { z } from 'zod';
import type { HttpClient } from '../../http-client.js';
import { checked } from '../answers.js';

/** Perl's JSON gives a number as a text now and then, and truth as 0 or 1. */
const number = z.union([
  z.number(),
  z
    .string()
    .regex(/^-?\d+(\.\d+)?(e-?\d+)?$/)
    .transform(Number),
]);
const flag = z.union([z.boolean(), number.transform((value) => value !== 0), z.literal('').transform(() => false)]);

const nodeSchema = z.object({
  id: z.string().min(1),
  node: z.string().min(1),
  status: z.string(),
  cpu: number.nullish(),
  maxcpu: number.nullish(),
  mem: number.nullish(),
  maxmem: number.nullish(),
  hastate: z.string().nullish(),
});

const guestSchema = z.object({
  id: z.string().min(1),
  type: z.string(),
  vmid: number,
  name: z.string().nullish(),
  node: z.string().min(1),
  status: z.string(),
  cpu: number.nullish(),
  maxcpu: number.nullish(),
  maxmem: number.nullish(),
  hastate: z.string().nullish(),
  lock: z.string().nullish(),
  template: flag.nullish(),
  tags: z.string().nullish(),
  pool: z.string().nullish(),
});

/** A node of the cluster; `cpu` is a fraction of its CPUs, memory in bytes. */
export type NodeResource = z.output<typeof nodeSchema>;
/** A virtual machine or container; `cpu` is a fraction of its own CPUs, memory in bytes. */
export type GuestResource = z.output<typeof guestSchema>;

/** Every answer of the API stands under `data`. */
export const data = <Schema extends z.ZodType>(schema: Schema) => z.object({ data: schema });

/** Asks for something under `data`, and checks it. */
export async function ask<Schema extends z.ZodType>(
  client: HttpClient,
  system: string,
  what: string,
  call: { path: string; params?: Record<string, string | number | boolean> },
  schema: Schema,
  signal?: AbortSignal,
): Promise<z.output<Schema>> {
  const answer = await client.read({ what, method: 'GET', ...call, ...(signal && { signal }) });
  return (checked(system, what, data(schema), answer) as { data: z.output<Schema> }).data;
}

/** All nodes. */
export function readNodes(client: HttpClient, system: string, signal?: AbortSignal): Promise<NodeResource[]> {
  const call = { path: '/cluster/resources', params: { type: 'node' } };
  return ask(client, system, 'list nodes', call, z.array(nodeSchema), signal);
}

/** All virtual machines and containers. */
export function readGuests(client: HttpClient, system: string, signal?: AbortSignal): Promise<GuestResource[]> {
  const call = { path: '/cluster/resources', params: { type: 'vm' } };
  return ask(client, system, 'list guests', call, z.array(guestSchema), signal);
}
