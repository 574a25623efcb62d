import { z } from 'zod';
import type { Clock } from '../../../common/clock.js';
import { FleetError } from '../../fleet.js';
import type { ProxmoxApi } from './proxmox-api.js';
import { flag } from './proxmox-api.js';
import { doesHaBalance } from './ha.js';

const permissionsSchema = z.record(z.string(), z.record(z.string(), flag));
type Permissions = z.output<typeof permissionsSchema>;

/** What the token needs, and on what. */
const RIGHTS = [
  { right: 'Sys.Audit', path: '/', without: 'rules of HA, options of the cluster and means of readings stay hidden' },
  { right: 'Sys.Audit', path: '/nodes', without: 'nodes have no CPUs and no readings' },
  { right: 'VM.Audit', path: '/vms', without: 'guests that it may not see are missing in every plan' },
  { right: 'VM.Migrate', path: '/vms', without: 'their migration will be refused' },
] as const;

/** The most paths that one warning names. */
const MOST_NAMED = 10;

/**
 * What is amiss with the token or the cluster and does not stop anything.
 * @returns a sentence each; a question that has no answer is one of them.
 */
export async function proxmoxWarnings(api: ProxmoxApi, clock: Clock, signal?: AbortSignal): Promise<string[]> {
  const parts = await Promise.all(
    [missingRights, haBalancing, momentaryReadings].map(async (ask) => {
      try {
        return await ask(api, clock, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof FleetError)) throw error;
        return [error.message];
      }
    }),
  );
  return parts.flat();
}

async function missingRights(api: ProxmoxApi, _clock: Clock, signal?: AbortSignal): Promise<string[]> {
  return rightsMissing(await api.get('permissions of the token', '/access/permissions', permissionsSchema, { signal }));
}

/** The rights as they hold on each path, true where they hold on what is under it too. */
function rightsMissing(permissions: Permissions): string[] {
  return RIGHTS.flatMap(({ right, path, without }) => {
    const held = permissions[path]?.[right];
    if (held === undefined || (!held && path !== '/')) {
      return [`the token does not have ${right} on all of ${path}: ${without}`];
    }
    // A path below may have rights of its own, which replace those from above.
    const lacking = Object.keys(permissions).filter(
      (at) => path !== '/' && at.startsWith(`${path}/`) && permissions[at]?.[right] === undefined,
    );
    if (lacking.length === 0) return [];
    const more = lacking.length > MOST_NAMED ? ` and ${lacking.length - MOST_NAMED} more` : '';
    return [`the token does not have ${right} on ${lacking.slice(0, MOST_NAMED).join(', ')}${more}: ${without}`];
  });
}

async function haBalancing(api: ProxmoxApi, _clock: Clock, signal?: AbortSignal): Promise<string[]> {
  if (!(await doesHaBalance(api, signal))) return [];
  return [
    'the HA manager of the cluster balances guests under HA by itself (crs: ha=dynamic, ha-auto-rebalance=1): it may undo migrations, or make them of its own accord',
  ];
}

async function momentaryReadings(api: ProxmoxApi, clock: Clock, signal?: AbortSignal): Promise<string[]> {
  const params = { 'start-time': Math.floor(clock.now() / 1000), 'local-only': 1 };
  try {
    await api.get('metrics', '/cluster/metrics/export', z.unknown(), { params, signal });
    return [];
  } catch (error) {
    signal?.throwIfAborted();
    if (!(error instanceof FleetError)) throw error;
    return [`without METRICS, readings are those of the moment, not means over the period of a rule: ${error.message}`];
  }
}
