import { z } from 'zod';
import type {
  Cloud,
  FleetReadings,
  GuestRecord,
  HostRecord,
  Inventory,
  MetricName,
  Metrics,
  MigrationRequest,
  MigrationStart,
  MigrationState,
  Reading,
} from '../fleet.js';
import { FleetError } from '../fleet.js';
import type { HttpAnswer, HttpCall, HttpClientOptions } from '../http-client.js';
import { createHttpClient, pathOf, pongOf } from '../http-client.js';
import { fieldPath, snapshotFileSchema } from '../snapshot-file.js';

const SYSTEM = 'simulated';
/** Guests asked for at a time. */
const PAGE = 2000;

const hostList = z.object({ hosts: z.array(snapshotFileSchema.shape.hosts.element.omit({ metrics: true })) });
const guestPage = z.object({
  total: z.int().nonnegative(),
  guests: z.array(snapshotFileSchema.shape.guests.element.omit({ metrics: true })),
});
/** `coversMs`: what the value is the mean of, where that is not the period of a rule; 0 for the present moment. */
const reading = z
  .object({ value: z.number(), at: z.number(), coversMs: z.number().nonnegative().optional() })
  .optional();
const readingList = z.array(
  z.object({ id: z.string(), metrics: z.object({ 'cpu.usage_active': reading, 'mem.available': reading }) }),
);
const readingsAnswer = z.object({ hosts: readingList, guests: readingList });
const startAnswer = z.discriminatedUnion('accepted', [
  z.object({ accepted: z.literal(true), handle: z.string().optional() }),
  z.object({ accepted: z.literal(false), reason: z.string() }),
]);
const stateAnswer = z.discriminatedUnion('phase', [
  z.object({ phase: z.literal('moving'), status: z.string(), progress: z.number().optional() }),
  z.object({ phase: z.literal('settled'), status: z.string(), hostId: z.string() }),
  z.object({ phase: z.literal('failed'), status: z.string(), reason: z.string(), hostId: z.string().optional() }),
  z.object({ phase: z.literal('vanished') }),
]);

function checked(schema: z.ZodType, { body }: HttpAnswer, what: string): unknown {
  const result = schema.safeParse(body);
  // What is optional in a schema may be undefined there, and is absent in the types of the ports.
  if (result.success) return JSON.parse(JSON.stringify(result.data));
  const [issue] = result.error.issues;
  throw new FleetError(SYSTEM, `${what}: ${fieldPath(issue?.path ?? [])}: ${issue?.message ?? 'not understood'}`);
}

/**
 * A simulated cloud, with its metrics, that lives in another process, and so outlives this one:
 * `GET /hosts`, `/guests?offset=&limit=` (with the `total`), `/readings`; `POST /migrations` (`guest` and `target`, ids);
 * `GET` and `DELETE /guests/<id>/migration`; `POST /guests/<id>/sync`.
 */
export function createRemoteSimulation(options: Omit<HttpClientOptions, 'system'>): Cloud & Metrics {
  const http = createHttpClient({ ...options, system: SYSTEM });
  /** A call that only reads, checked. */
  const read = async <T>(
    schema: z.ZodType,
    what: string,
    call: Pick<HttpCall, 'path' | 'params'>,
    signal?: AbortSignal,
  ): Promise<T> =>
    checked(schema, await http.read({ what, method: 'GET', ...call, ...(signal && { signal }) }), what) as T;

  /** @returns `undefined` if the list is another than it was when its first page was read. */
  const listGuests = async (signal?: AbortSignal): Promise<GuestRecord[] | undefined> => {
    const guests = new Map<string, GuestRecord>();
    let total: number | undefined;
    for (let offset = 0; total === undefined || offset < total; offset += PAGE) {
      const call = { path: '/guests', params: { offset, limit: PAGE } };
      const page = await read<{ total: number; guests: GuestRecord[] }>(guestPage, 'list guests', call, signal);
      total ??= page.total;
      for (const guest of page.guests) guests.set(guest.id, guest);
      if (page.total !== total || guests.size !== Math.min(total, offset + PAGE)) return undefined;
    }
    return [...guests.values()];
  };

  return {
    name: SYSTEM,
    scrapeIntervalMs: 60_000,

    async ping(signal) {
      const call = { what: 'list one guest', method: 'GET' as const, path: '/guests', params: { offset: 0, limit: 1 } };
      const answer = await http.read({ ...call, ...(signal && { signal }) });
      checked(guestPage, answer, call.what);
      return pongOf(answer);
    },

    async inventory(signal): Promise<Inventory> {
      const { hosts } = await read<{ hosts: HostRecord[] }>(hostList, 'list hosts', { path: '/hosts' }, signal);
      // A guest may come or go while the pages are read; once is bad luck.
      const guests = (await listGuests(signal)) ?? (await listGuests(signal));
      if (!guests) throw new FleetError(SYSTEM, 'list guests: the list changed while it was read, twice');
      return { hosts, guests };
    },

    async readings(_query, signal): Promise<FleetReadings> {
      interface Entry {
        id: string;
        metrics: Partial<Record<MetricName, Reading>>;
      }
      const call = { path: '/readings' };
      const answer = await read<Record<'hosts' | 'guests', Entry[]>>(readingsAnswer, 'read metrics', call, signal);
      const byId = (list: Entry[]) => new Map(list.map(({ id, metrics }) => [id, metrics]));
      return { hosts: byId(answer.hosts), guests: byId(answer.guests) };
    },

    async startMigration({ guest, target }: MigrationRequest): Promise<MigrationStart> {
      const what = `migrate ${guest.name} to ${target.name}`;
      const body = { guest: guest.id, target: target.id };
      return checked(
        startAnswer,
        await http.once({ what, method: 'POST', path: '/migrations', body }),
        what,
      ) as MigrationStart;
    },

    migrationState({ guest }, _handle, signal): Promise<MigrationState> {
      return read(stateAnswer, `look at ${guest.name}`, { path: `${pathOf('guests', guest.id)}/migration` }, signal);
    },

    async cancelMigration({ guest }, _handle, signal): Promise<void> {
      const path = `${pathOf('guests', guest.id)}/migration`;
      const what = `cancel the migration of ${guest.name}`;
      await http.once({ what, method: 'DELETE', path, ...(signal && { signal }) });
    },

    async afterFailure({ guest }, signal): Promise<void> {
      const path = `${pathOf('guests', guest.id)}/sync`;
      await http.once({ what: `synchronise ${guest.name}`, method: 'POST', path, ...(signal && { signal }) });
    },
  };
}
