import { z } from 'zod';
import type { Cloud, MigrationRequest, MigrationStart, MigrationState } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { pathOf } from '../../http-client.js';
import { checked, isNotFound, refusalIn } from '../answers.js';
import type { CloudpodsSettings } from './cloudpods.js';

const serverSchema = z.object({
  server: z.object({
    status: z.string(),
    host_id: z.string().nullish(),
    pending_deleted: z.boolean().nullish(),
    progress: z.number().nullish(),
  }),
});

const forecastSchema = z.object({
  can_create: z.boolean(),
  candidates: z.array(z.object({ host_id: z.string().nullish(), id: z.string().nullish() })).nullish(),
  filtered_candidates: z
    .array(
      z.object({
        id: z.string().nullish(),
        name: z.string().nullish(),
        reasons: z.array(z.string()).nullish(),
      }),
    )
    .nullish(),
  not_allow_reasons: z.array(z.string()).nullish(),
});

/** In these a guest stays; in any other it is between two of them. */
const AT_REST = ['running', 'ready', 'suspend'];
const FAILED = /_fail(ed)?$/;

type Migrations = Required<
  Pick<Cloud, 'forecast' | 'startMigration' | 'migrationState' | 'cancelMigration' | 'afterFailure'>
>;

/** Live migration by Cloudpods. It has no jobs that one could name: a guest's own status is followed. */
export function cloudpodsMigrations(client: HttpClient, system: string, settings: CloudpodsSettings): Migrations {
  const perform = (
    how: 'once' | 'read',
    { guest }: MigrationRequest,
    action: string,
    server: object,
    signal?: AbortSignal,
  ) =>
    client[how]({
      what: `${action} of guest ${guest.name}`,
      method: 'POST',
      path: pathOf('servers', guest.id, action),
      body: { server },
      ...(signal && { signal }),
    });

  // Newer servers read prefer_host_id, older ones prefer_host.
  const wishes = ({ target }: MigrationRequest) => ({
    prefer_host_id: target.id,
    prefer_host: target.id,
    skip_cpu_check: true,
    skip_kernel_check: true,
  });

  const migrationState = async (
    { guest }: MigrationRequest,
    _handle: string | undefined,
    signal?: AbortSignal,
  ): Promise<MigrationState> => {
    const what = `status of guest ${guest.name}`;
    const params = { scope: 'system', details: true };
    const call = { what, method: 'GET' as const, path: pathOf('servers', guest.id), params, ...(signal && { signal }) };
    let answer;
    try {
      answer = await client.read(call);
    } catch (error) {
      if (isNotFound(error)) return { phase: 'vanished' };
      throw error;
    }
    return stateOf(checked(system, what, serverSchema, answer).server);
  };

  return {
    migrationState,

    async forecast(request, signal) {
      const { guest, target } = request;
      const what = `migrate-forecast of guest ${guest.name}`;
      try {
        const wanted = { live_migrate: true, ...wishes(request) };
        const { body } = await perform('read', request, 'migrate-forecast', wanted, signal);
        return judge(checked(system, what, forecastSchema, { body: unwrapped(body) }), target);
      } catch (error) {
        const reason = refusalIn(error);
        if (reason === undefined) throw error;
        return { allowed: false, reason };
      }
    },

    async startMigration(request): Promise<MigrationStart> {
      const { guest, source, target } = request;
      if (source.id === target.id)
        return { accepted: false, reason: `guest ${guest.name} is on ${target.name} already` };
      const { maxBandwidthMb, quicklyFinish } = settings;
      try {
        await perform('once', request, 'live-migrate', {
          ...wishes(request),
          ...(maxBandwidthMb !== undefined && { max_bandwidth_mb: maxBandwidthMb }),
          ...(quicklyFinish !== undefined && { quickly_finish: quicklyFinish }),
        });
        return { accepted: true };
      } catch (error) {
        const reason = refusalIn(error);
        if (reason === undefined) throw error;
        return { accepted: false, reason };
      }
    },

    async cancelMigration(request, _handle, signal) {
      await perform('once', request, 'cancel-live-migrate', {}, signal);
    },

    async afterFailure(request, signal) {
      const state = await migrationState(request, undefined, signal);
      // The guest goes on running, but stays in its failed status, and cannot be moved, until Cloudpods looks again.
      if (state.phase === 'failed') await perform('once', request, 'syncstatus', {}, signal);
    },
  };
}

function stateOf({
  status,
  host_id,
  pending_deleted,
  progress,
}: z.output<typeof serverSchema>['server']): MigrationState {
  if (pending_deleted) return { phase: 'vanished' };
  if (FAILED.test(status)) {
    const reason = `Cloudpods gives the guest the status ${status}`;
    return { phase: 'failed', status, reason, ...(host_id && { hostId: host_id }) };
  }
  if (AT_REST.includes(status) && host_id) return { phase: 'settled', status, hostId: host_id };
  const told = typeof progress === 'number' && progress > 0 && progress <= 100;
  return { phase: 'moving', status, ...(told && { progress }) };
}

/** Some servers wrap the forecast as they wrap a guest. */
function unwrapped(body: unknown): unknown {
  return typeof body === 'object' && body !== null && 'server' in body ? body.server : body;
}

function judge(
  forecast: z.output<typeof forecastSchema>,
  target: { id: string; name: string },
): { allowed: true } | { allowed: false; reason: string } {
  const candidates = (forecast.candidates ?? []).flatMap(({ host_id, id }) => host_id ?? id ?? []);
  if (forecast.can_create) {
    if (candidates.length === 0 || candidates.includes(target.id)) return { allowed: true };
    return { allowed: false, reason: `Cloudpods would choose ${candidates.join(', ')}, not ${target.name}` };
  }
  const filtered = forecast.filtered_candidates ?? [];
  const ofTarget = filtered.filter(({ id, name }) => id === target.id || name === target.name);
  const reasons = [
    ...(ofTarget.length > 0 ? ofTarget : filtered).flatMap(({ reasons }) => reasons ?? []),
    ...(forecast.not_allow_reasons ?? []),
  ];
  return { allowed: false, reason: [...new Set(reasons)].join('; ') || 'Cloudpods gives no reason' };
}
