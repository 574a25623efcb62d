import { z } from 'zod';
import type { Cloud, MigrationRequest, MigrationStart, MigrationState } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { pathOf } from '../../http-client.js';
import { checked, refusalIn } from '../answers.js';
import type { CloudpodsSettings } from './settings.js';
import type { Followed } from './followed.js';
import type { GuestStatus, GuestStatuses } from './guest-status.js';

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

/** A guest that has arrived and is not at rest after this has to be synchronised, ms: the clean-up of its source has failed. */
const UNFINISHED_MS = 30_000;

/** What {@link cloudpodsMigrations} needs. */
export interface CloudpodsMigrationsOptions {
  client: HttpClient;
  system: string;
  settings: CloudpodsSettings;
  statuses: GuestStatuses;
  followed: Followed;
}

type Migrations = Required<
  Pick<Cloud, 'forecast' | 'startMigration' | 'migrationState' | 'cancelMigration' | 'afterFailure'>
>;

/** Live migration by Cloudpods. It has no jobs that one could name: a guest's own status is followed. */
export function cloudpodsMigrations(options: CloudpodsMigrationsOptions): Migrations {
  const { client, system, settings, statuses, followed } = options;
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

  const wishes = ({ target }: MigrationRequest) => ({
    prefer_host_id: target.id,
    // Newer servers ask for the right to assign hosts where this stands; older ones know nothing else.
    ...(settings.preferHost && { prefer_host: target.id }),
    skip_cpu_check: true,
    skip_kernel_check: true,
  });

  const isUnfinished = ({ state, hostId }: GuestStatus, { target }: MigrationRequest) =>
    state.phase === 'moving' && hostId === target.id;

  return {
    async migrationState(request, _handle, signal): Promise<MigrationState> {
      const { guest } = request;
      const seen = await statuses.read(guest, signal);
      if (followed.look(guest.id, isUnfinished(seen, request)) < UNFINISHED_MS) return seen.state;
      const taken = await statuses.synchronise(guest, signal);
      return taken ? (await statuses.read(guest, signal)).state : seen.state;
    },

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
      const { guest } = request;
      const isMoving = ({ state }: GuestStatus) => state.phase === 'moving';
      if (!isUnfinished(await statuses.read(guest, signal), request)) {
        try {
          await perform('once', request, 'cancel-live-migrate', {}, signal);
        } catch (error) {
          // It refuses to synchronise while a task of the guest is open. Where it does, nothing moves and nothing will.
          if (refusalIn(error) === undefined || !(await statuses.synchronise(guest, signal))) throw error;
        }
      }
      await statuses.synchroniseWhile(guest, isMoving, signal);
    },

    async afterFailure({ guest }, signal) {
      // The guest goes on running, but cannot be moved until Cloudpods has looked again; and the status of a failure is set
      // before the task is over.
      await statuses.synchroniseWhile(guest, ({ state }) => state.phase === 'failed', signal);
    },
  };
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
