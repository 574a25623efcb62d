import { z } from 'zod';
import type { Clock } from '../../../common/clock.js';
import type { GuestRecord, MigrationState } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import type { HttpAnswer, HttpClient } from '../../http-client.js';
import { HttpCallError, pathOf } from '../../http-client.js';
import { checked, isNotFound, refusalIn } from '../answers.js';

/** What one look at a guest shows. */
export interface GuestStatus {
  state: MigrationState;
  /** Where it is, also while it moves: the source until it has arrived. */
  hostId?: string;
}

/** Who is asked about. */
type Named = Pick<GuestRecord, 'id' | 'name'>;

/** Reads and synchronises the statuses of guests. */
export interface GuestStatuses {
  /** @throws FleetError if Cloudpods does not answer, or answers nonsense. */
  read(guest: Named, signal?: AbortSignal): Promise<GuestStatus>;
  /**
   * Lets Cloudpods look at the hypervisor, once.
   * @returns whether it does: it refuses while a task of the guest is open.
   * @throws FleetError if Cloudpods does not answer.
   */
  synchronise(guest: Named, signal?: AbortSignal): Promise<boolean>;
  /**
   * Synchronises until the status is in order, for a minute and a half at the most.
   * @param isAmiss - whether a status is not in order.
   * @throws FleetError if it is not in order by then, or at once where the right to synchronise is missing; the signal's reason.
   */
  synchroniseWhile(guest: Named, isAmiss: (status: GuestStatus) => boolean, signal?: AbortSignal): Promise<void>;
}

const serverSchema = z.object({
  server: z.object({
    status: z.string(),
    host_id: z.string().nullish(),
    pending_deleted: z.boolean().nullish(),
    progress: z.number().nullish(),
  }),
});

/** In these a guest stays; in any other it is between two of them. */
const AT_REST = ['running', 'ready', 'suspend'];
const FAILED = /_fail(ed)?$/;

const SYNCHRONISE_FOR_MS = 90_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;

export function createGuestStatuses(client: HttpClient, system: string, clock: Clock): GuestStatuses {
  const read: GuestStatuses['read'] = async (guest, signal) => {
    const what = `status of guest ${guest.name}`;
    const params = { scope: 'system', details: true };
    const call = { what, method: 'GET' as const, path: pathOf('servers', guest.id), params, ...(signal && { signal }) };
    let answer: HttpAnswer;
    try {
      answer = await client.read(call);
    } catch (error) {
      if (isNotFound(error)) return { state: { phase: 'vanished' } };
      throw error;
    }
    return statusIn(checked(system, what, serverSchema, answer).server);
  };

  const ask = (guest: Named, signal?: AbortSignal) =>
    client.once({
      what: `syncstatus of guest ${guest.name}`,
      method: 'POST',
      path: pathOf('servers', guest.id, 'syncstatus'),
      body: { server: {} },
      ...(signal && { signal }),
    });

  return {
    read,

    async synchronise(guest, signal) {
      try {
        await ask(guest, signal);
        return true;
      } catch (error) {
        if (refusalIn(error) === undefined) throw error;
        return false;
      }
    },

    async synchroniseWhile(guest, isAmiss, signal) {
      const ends = clock.monotonic() + SYNCHRONISE_FOR_MS;
      let status = '';
      let trouble: unknown;
      for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, pause * 1.5)) {
        try {
          const seen = await read(guest, signal);
          if (!isAmiss(seen)) return;
          if ('status' in seen.state) status = seen.state.status;
          await ask(guest, signal);
        } catch (error) {
          signal?.throwIfAborted();
          if (error instanceof HttpCallError && error.status === 403) throw error;
          trouble = error;
        }
        if (clock.monotonic() >= ends) {
          const still = `guest ${guest.name} is still ${status || 'in an unknown status'}`;
          const words = trouble instanceof Error ? `: ${trouble.message}` : '';
          throw new FleetError(system, `${still} after ${SYNCHRONISE_FOR_MS / 1000} s of syncstatus${words}`, {
            cause: trouble,
          });
        }
        await clock.sleep(pause, signal);
      }
    },
  };
}

function statusIn({
  status,
  host_id,
  pending_deleted,
  progress,
}: z.output<typeof serverSchema>['server']): GuestStatus {
  if (pending_deleted) return { state: { phase: 'vanished' } };
  const where = host_id ? { hostId: host_id } : {};
  if (FAILED.test(status)) {
    const reason = `Cloudpods gives the guest the status ${status}`;
    return { state: { phase: 'failed', status, reason, ...where }, ...where };
  }
  if (AT_REST.includes(status) && host_id) return { state: { phase: 'settled', status, hostId: host_id }, ...where };
  const told = typeof progress === 'number' && progress > 0 && progress <= 100;
  return { state: { phase: 'moving', status, ...(told && { progress }) }, ...where };
}
