import { z } from 'zod';
import type { Clock } from '../../../common/clock.js';
import type { Cloud, MigrationRequest, MigrationStart, MigrationState } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import type { HttpAnswer, HttpCall, HttpClient } from '../../http-client.js';
import { pathOf } from '../../http-client.js';
import { checked, isNotFound, refusalIn } from '../answers.js';
import { statusOf } from './inventory.js';

const serverSchema = z.object({
  server: z.object({
    status: z.string(),
    'OS-EXT-SRV-ATTR:host': z.string().nullish(),
    'OS-EXT-STS:task_state': z.string().nullish(),
    fault: z.object({ message: z.string() }).nullish(),
  }),
});

const inProgressSchema = z.object({
  migrations: z.array(
    z.object({
      id: z.number(),
      status: z.string(),
      memory_total_bytes: z.number().nullish(),
      memory_processed_bytes: z.number().nullish(),
    }),
  ),
});

const recordsSchema = z.object({
  migrations: z.array(z.object({ id: z.number(), status: z.string(), dest_compute: z.string().nullish() })),
});

type Migration = z.output<typeof recordsSchema>['migrations'][number];

/** How a migration ends that did not arrive. */
const FAILED = ['error', 'failed', 'cancelled'];
/** Looks for the record of a migration that was just taken on: Nova's conductor writes it a moment later. */
const LOOKS_FOR_RECORD = 5;
const PAUSE_MS = 500;
/** A handle that only says after which record ours must come. */
const AFTER = 'after:';

type Migrations = Required<Pick<Cloud, 'startMigration' | 'migrationState' | 'cancelMigration'>>;

/**
 * Live migration by Nova. Its answer to the request names no job; ours is the first that is newer than all there were and
 * leads to our target. The handle is that job's id, or `after:<newest id before>` if Nova had not written it yet.
 */
export function novaMigrations(client: HttpClient, system: string, clock: Clock): Migrations {
  const read = (what: string, path: string, params?: HttpCall['params'], signal?: AbortSignal) =>
    client.read({ what, method: 'GET', path, ...(params && { params }), ...(signal && { signal }) });

  /** Live migrations of a guest that Nova has a record of, the newest first. */
  const records = async ({ guest }: MigrationRequest, signal?: AbortSignal): Promise<Migration[]> => {
    const what = `migrations of guest ${guest.name}`;
    const params = { instance_uuid: guest.id, migration_type: 'live-migration' };
    const answer = await read(what, '/os-migrations', params, signal);
    const { migrations } = checked(system, what, recordsSchema, answer);
    return migrations.sort((a, b) => b.id - a.id);
  };

  const serverOf = async ({ guest }: MigrationRequest, signal?: AbortSignal) => {
    const what = `status of guest ${guest.name}`;
    let answer: HttpAnswer;
    try {
      answer = await read(what, pathOf('servers', guest.id), undefined, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
    return checked(system, what, serverSchema, answer).server;
  };

  const recordOf = async (request: MigrationRequest, handle: string, signal?: AbortSignal) => {
    const all = await records(request, signal);
    return handle.startsWith(AFTER)
      ? ours(all, Number(handle.slice(AFTER.length)), request)
      : all.find(({ id }) => String(id) === handle);
  };

  /** % of the guest's memory that has been copied, where the host tells it. */
  const progressOf = async ({ guest }: MigrationRequest, id: number | undefined, signal?: AbortSignal) => {
    const what = `progress of guest ${guest.name}`;
    const answer = await read(what, pathOf('servers', guest.id, 'migrations'), undefined, signal);
    const { migrations } = checked(system, what, inProgressSchema, answer);
    const migration = id === undefined ? migrations[0] : migrations.find((each) => each.id === id);
    const { memory_total_bytes: total, memory_processed_bytes: done } = migration ?? {};
    // Pages that were written again are copied again: more can be processed than there is.
    return total && done ? Math.min(100, Math.round((done / total) * 100)) : undefined;
  };

  return {
    async startMigration(request): Promise<MigrationStart> {
      const { guest, source, target } = request;
      if (source.id === target.id)
        return { accepted: false, reason: `guest ${guest.name} is on ${target.name} already` };
      let newest: number;
      try {
        newest = (await records(request))[0]?.id ?? 0;
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        return { accepted: false, reason: `not asked for, as it could not be followed: ${error.message}` };
      }
      try {
        await client.once({
          what: `live migration of guest ${guest.name}`,
          method: 'POST',
          path: pathOf('servers', guest.id, 'action'),
          body: { 'os-migrateLive': { host: target.id, block_migration: 'auto' } },
        });
      } catch (error) {
        const reason = refusalIn(error);
        if (reason === undefined) throw error;
        return { accepted: false, reason };
      }
      const handle = `${AFTER}${newest}`;
      for (let looks = 0; looks < LOOKS_FOR_RECORD; looks += 1) {
        // It has been taken on: a look that fails must not make that unknown.
        const record = await recordOf(request, handle).catch(() => undefined);
        if (record) return { accepted: true, handle: String(record.id) };
        await clock.sleep(PAUSE_MS);
      }
      return { accepted: true, handle };
    },

    async migrationState(request, handle, signal): Promise<MigrationState> {
      // The record before the server: a server that is read later cannot be older than the end of its migration.
      const record = handle === undefined ? undefined : await recordOf(request, handle, signal);
      const server = await serverOf(request, signal);
      if (!server || server.status === 'DELETED' || server.status === 'SOFT_DELETED') return { phase: 'vanished' };
      const hostId = server['OS-EXT-SRV-ATTR:host'];
      if (hostId === undefined) {
        const { name } = request.guest;
        throw new FleetError(
          system,
          `status of guest ${name}: OS-EXT-SRV-ATTR:host is missing: it needs administrator rights`,
        );
      }
      const status = statusOf(server);
      if (record && FAILED.includes(record.status)) {
        const reason = server.fault?.message ?? `Nova's migration ${record.id} ended as ${record.status}`;
        return { phase: 'failed', status: record.status, reason, ...(hostId && { hostId }) };
      }
      const isUnderWay = record !== undefined && record.status !== 'completed';
      if (isUnderWay || server['OS-EXT-STS:task_state'] || !hostId) {
        const progress = await progressOf(request, record?.id, signal).catch(() => undefined);
        const word = isUnderWay ? record.status : status;
        return { phase: 'moving', status: word, ...(progress !== undefined && { progress }) };
      }
      if (server.status === 'ERROR') {
        return {
          phase: 'failed',
          status,
          reason: server.fault?.message ?? 'Nova gives the guest the status ERROR',
          hostId,
        };
      }
      return { phase: 'settled', status, hostId };
    },

    async cancelMigration(request, handle, signal) {
      const { guest } = request;
      const what = `migrations under way of guest ${guest.name}`;
      const answer = await read(what, pathOf('servers', guest.id, 'migrations'), undefined, signal);
      const { migrations } = checked(system, what, inProgressSchema, answer);
      const own = handle === undefined ? undefined : await recordOf(request, handle, signal);
      const migration = own ? migrations.find(({ id }) => id === own.id) : migrations[0];
      // It has ended by itself meanwhile.
      if (!migration) return;
      await client.once({
        what: `abort live migration ${migration.id} of guest ${guest.name}`,
        method: 'DELETE',
        path: pathOf('servers', guest.id, 'migrations', String(migration.id)),
        ...(signal && { signal }),
      });
    },
  };
}

/** The migration that was asked for: the oldest that is newer than `newest` and leads to the target, or nowhere yet. */
function ours(migrations: readonly Migration[], newest: number, { target }: MigrationRequest): Migration | undefined {
  const since = migrations.filter(({ id }) => id > newest);
  const toTarget = since.filter(({ dest_compute: to }) => to === target.id);
  // A migration that failed early has no destination.
  return (toTarget.length > 0 ? toTarget : since.filter(({ dest_compute: to }) => !to)).at(-1);
}
