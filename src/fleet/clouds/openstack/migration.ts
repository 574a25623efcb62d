import { z } from 'zod';
import type { Clock } from '../../../common/clock.js';
import type { Cloud, MigrationRequest, MigrationStart, MigrationState } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import type { HttpAnswer, HttpCall, HttpClient } from '../../http-client.js';
import { pathOf } from '../../http-client.js';
import { checked, isNotFound, refusalIn } from '../answers.js';
import { abortMigration } from './cancel.js';
import type { SchedulingConstraints } from './scheduling-constraints.js';
import { failureReason } from './failure-reason.js';
import type { Handle } from './handle.js';
import { parseHandle, writeHandle } from './handle.js';
import { statusOf } from './inventory.js';

const serverSchema = z.object({
  server: z.object({
    status: z.string(),
    'OS-EXT-SRV-ATTR:host': z.string().nullish(),
    'OS-EXT-STS:task_state': z.string().nullish(),
    'OS-EXT-STS:power_state': z.number().nullish(),
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

const listSchema = z.object({ servers: z.array(z.object({ id: z.string() })) });

const recordsSchema = z.object({
  migrations: z.array(z.object({ id: z.number(), status: z.string(), dest_compute: z.string().nullish() })),
});

type Migration = z.output<typeof recordsSchema>['migrations'][number];
type Server = z.output<typeof serverSchema>['server'];

/** How a migration ends that did not arrive. */
const FAILED = ['error', 'failed', 'cancelled'];
/** Looks for the record of a migration that was just taken on: Nova's conductor writes it a moment later. */
const LOOKS_FOR_RECORD = 5;
const PAUSE_MS = 500;
/** What Nova says to a target of another cell, as to one that there is not. */
const NO_SUCH_HOST = /Compute host \S+ could not be found/;

type Migrations = Required<Pick<Cloud, 'forecast' | 'startMigration' | 'migrationState' | 'cancelMigration'>>;

/** What {@link novaMigrations} needs. */
export interface MigrationsOptions {
  client: HttpClient;
  system: string;
  /** Whom we log in as, for errors about rights. */
  user: string;
  clock: Clock;
  constraints: SchedulingConstraints;
}

/**
 * Live migration by Nova. Its answer to the request names no job; ours is the first that is newer than all there were and
 * leads to our target.
 */
export function novaMigrations({ client, system, user, clock, constraints }: MigrationsOptions): Migrations {
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

  /** Of a guest that Nova says is not there: why it may only be hidden from us; undefined if it is gone. */
  const whyHidden = async ({ id, name }: MigrationRequest['guest'], signal?: AbortSignal) => {
    const what = `look for guest ${name} in the list`;
    const answer = await read(what, '/servers/detail', { all_tenants: 1, uuid: id, limit: 2 }, signal);
    const { servers } = checked(system, what, listSchema, answer);
    if (servers.length === 0) return undefined;
    const rights = 'its role needs the rights that `automigrate deploy --for openstack-policy` prints';
    if (servers.some((server) => server.id === id)) return `Nova hides guest ${name} from user ${user}: ${rights}`;
    // The filter is only heeded for an admin.
    return `Nova hides guest ${name} from user ${user}, or it is gone: ${rights}`;
  };

  const serverOf = async ({ guest }: MigrationRequest, signal?: AbortSignal) => {
    const what = `status of guest ${guest.name}`;
    let answer: HttpAnswer;
    try {
      answer = await read(what, pathOf('servers', guest.id), undefined, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
      const hidden = await whyHidden(guest, signal);
      if (hidden === undefined) return undefined;
      throw new FleetError(system, `${what}: ${hidden}`, { cause: error });
    }
    return checked(system, what, serverSchema, answer).server;
  };

  const recordOf = async (request: MigrationRequest, handle: Handle, signal?: AbortSignal) => {
    const all = await records(request, signal);
    return 'after' in handle ? ours(all, handle.after, request) : all.find(({ id }) => id === handle.migration);
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

  const refused = (request: MigrationRequest, reason: string, hidden: string | undefined): MigrationStart => {
    if (hidden !== undefined) return { accepted: false, reason: hidden };
    if (!NO_SUCH_HOST.test(reason) || !constraints.knows(request.target.id)) return { accepted: false, reason };
    constraints.sawCells(request, false);
    return { accepted: false, reason: `${reason} (${constraints.against(request) ?? ''})`, concerns: 'pair' };
  };

  /** Why a migration came to nothing, and whether that was so before it had begun: then target and guest do not go together. */
  const failureOf = async (
    request: MigrationRequest,
    record: Migration,
    { fault }: Server,
    requestId: string | undefined,
    signal?: AbortSignal,
  ) => {
    const ended = `Nova's migration ${record.id} ended as ${record.status}`;
    const kept = requestId && (await failureReason(client, system, request.guest, requestId, signal));
    const reason = kept ? `${kept} (${ended})` : (fault?.message ?? `${ended}, of which Nova keeps no reason`);
    if (record.status !== 'error' || record.dest_compute) return { reason };
    constraints.refused(request, reason);
    return { reason, concerns: 'pair' as const };
  };

  return {
    async forecast(request, signal) {
      const { guest } = request;
      const reason = constraints.against(request);
      if (reason !== undefined) return { allowed: false, reason, hosts: constraints.hostsAgainst(request) };
      // Nova says that it is not there where it only hides it from us: better said before anything is planned on it.
      const server = await serverOf(request, signal);
      return server ? { allowed: true } : { allowed: false, reason: `Nova no longer knows guest ${guest.name}` };
    },

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
      let requestId: string | undefined;
      try {
        const answer = await client.once({
          what: `live migration of guest ${guest.name}`,
          method: 'POST',
          path: pathOf('servers', guest.id, 'action'),
          body: { 'os-migrateLive': { host: target.id, block_migration: 'auto' } },
        });
        requestId = answer.headers['x-openstack-request-id'];
      } catch (error) {
        const reason = refusalIn(error);
        if (reason === undefined) throw error;
        return refused(request, reason, isNotFound(error) ? await whyHidden(guest).catch(() => undefined) : undefined);
      }
      constraints.sawCells(request, true);
      const after: Handle = { after: newest, requestId };
      for (let looks = 0; looks < LOOKS_FOR_RECORD; looks += 1) {
        // It has been taken on: a look that fails must not make that unknown.
        const record = await recordOf(request, after).catch(() => undefined);
        if (record) return { accepted: true, handle: writeHandle({ migration: record.id, requestId }) };
        await clock.sleep(PAUSE_MS);
      }
      return { accepted: true, handle: writeHandle(after) };
    },

    async migrationState(request, handle, signal): Promise<MigrationState> {
      // The record before the server: a server that is read later cannot be older than the end of its migration.
      const parsed = handle === undefined ? undefined : parseHandle(handle);
      const record = parsed && (await recordOf(request, parsed, signal));
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
      const hasFailed = record !== undefined && FAILED.includes(record.status);
      // Until the task is over, Nova puts back what it had done, and refuses everything.
      if (hasFailed && !server['OS-EXT-STS:task_state']) {
        const failure = await failureOf(request, record, server, parsed?.requestId, signal);
        return { phase: 'failed', status: record.status, ...failure, ...(hostId && { hostId }) };
      }
      const isUnderWay = record !== undefined && !hasFailed && record.status !== 'completed';
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
      const readRecord = async () =>
        handle === undefined
          ? (await records(request, signal))[0]
          : await recordOf(request, parseHandle(handle), signal);
      const record = await readRecord();
      if (!record) {
        // Nova gives the server a task before it takes a request on, and the record comes later: without either nothing is pending.
        if (!(await serverOf(request, signal))?.['OS-EXT-STS:task_state']) return;
        throw new FleetError(system, `abort live migration of guest ${guest.name}: Nova has no record of one yet`);
      }
      const readStatus = async () => (await readRecord())?.status;
      await abortMigration(client, system, clock, { guest, migration: record.id }, readStatus, signal);
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
