import { z } from 'zod';
import type { Clock } from '../../../common/clock.js';
import type { Cloud, MigrationRequest, MigrationStart, MigrationState } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import { pathOf } from '../../http-client.js';
import { checked } from '../answers.js';
import type { ProxmoxApi } from './proxmox-api.js';
import { data, number } from './proxmox-api.js';
import { haObstacles, readHaPlacement } from './ha.js';
import { createHaMoves, startOf } from './ha-moves.js';
import { obstaclesIn, preconditionsSchema } from './preconditions.js';
import { refusalOf } from './refusal.js';
import { isHaMoving, readGuests, readNodes, statusOf } from './resources.js';

/** What goes with every migration. */
export interface MigrationSettings {
  /** The most that one migration may take of the network, KiB/s; 0 for any amount. */
  bwlimitKib?: number;
  /** Connections that a stateful firewall follows live on; since Proxmox VE 9. */
  withConntrackState?: boolean;
}

const taskSchema = z.object({ status: z.string(), exitstatus: z.string().nullish() });
const tasksSchema = z.array(z.object({ upid: z.string(), status: z.string().nullish(), starttime: number.nullish() }));
type Task = z.output<typeof tasksSchema>[number];

/** How often to look for the task of a move that the HA manager has not begun yet, ms. */
const TASK_PAUSE_MS = 2000;

type Migrations = Required<Pick<Cloud, 'forecast' | 'startMigration' | 'migrationState' | 'cancelMigration'>>;

/**
 * Live migration by Proxmox VE. The handle is the UPID of its task. For a guest under HA that task only asks the HA manager
 * for the move; the guest is then followed by its HA state and its node.
 */
export function proxmoxMigrations(api: ProxmoxApi, clock: Clock, settings: MigrationSettings): Migrations {
  const { system } = api;
  const haMoves = createHaMoves(clock);

  return {
    async forecast(request, signal) {
      const { guest, target } = request;
      const node = nameIn(system, 'node', target.id);
      try {
        const what = `migration preconditions of guest ${guest.name}`;
        const how = { params: { target: node }, signal };
        const [preconditions, ofHa] = await Promise.all([
          api.get(what, migratePath(system, request), preconditionsSchema, how),
          obstaclesOfHa(api, request, signal),
        ]);
        const against = (it: string) => [...obstaclesIn(preconditions, it, request.options), ...ofHa(it)];
        const reasons = against(node);
        if (reasons.length === 0) return { allowed: true };
        // The answer is about every node: those that are refused as well need not be asked about one by one.
        const others = Object.keys(preconditions.not_allowed_nodes).filter(
          (it) => it !== node && against(it).length > 0,
        );
        const hosts = others.map((it) => `node/${it}`);
        return { allowed: false, reason: reasons.join('; '), ...(hosts.length > 0 && { hosts }) };
      } catch (error) {
        const reason = refusalOf(error);
        if (reason === undefined) throw error;
        return { allowed: false, reason };
      }
    },

    async startMigration(request): Promise<MigrationStart> {
      const { guest, source, target, options } = request;
      if (source.id === target.id)
        return { accepted: false, reason: `guest ${guest.name} is on ${target.name} already` };
      const what = `live migration of guest ${guest.name}`;
      const body = new URLSearchParams({ target: nameIn(system, 'node', target.id), online: '1' });
      if (options?.withLocalDisks) body.set('with-local-disks', '1');
      if (settings.bwlimitKib !== undefined) body.set('bwlimit', String(settings.bwlimitKib));
      if (settings.withConntrackState) body.set('with-conntrack-state', '1');
      haMoves.asked(request);
      try {
        const answer = await api.once({ what, method: 'POST', path: migratePath(system, request), body });
        return { accepted: true, handle: checked(system, what, data(z.string().startsWith('UPID:')), answer).data };
      } catch (error) {
        const reason = refusalOf(error);
        if (reason === undefined) throw error;
        haMoves.ended(request);
        return { accepted: false, reason };
      }
    },

    async migrationState(request, handle, signal): Promise<MigrationState> {
      const task = handle === undefined ? undefined : await taskOf(api, handle, signal);
      // The task before the guest: a guest that is read later cannot be older than the end of its task.
      const guest = (await readGuests(api, signal)).find(({ id }) => id === request.guest.id);
      if (!guest) return { phase: 'vanished' };
      const hostId = `node/${guest.node}`;
      const status = statusOf(guest);
      if (task?.status === 'running') return { phase: 'moving', status: guest.lock ?? 'running' };
      if (task && !isGood(task.exitstatus)) {
        haMoves.ended(request);
        const reason = task.exitstatus ?? 'its task has ended without a result';
        return { phase: 'failed', status, reason, hostId };
      }
      if (guest.lock === 'migrate' || isHaMoving(guest.hastate)) {
        haMoves.seenMoving(request, handle);
        return { phase: 'moving', status };
      }
      const isUnderHa = typeof guest.hastate === 'string' && guest.hastate !== '' && guest.hastate !== 'ignored';
      const stage = isUnderHa && hostId === request.source.id ? haMoves.stageOf(request, handle) : 'over';
      if (stage === 'asked for') return { phase: 'moving', status: 'asked of the HA manager' };
      haMoves.ended(request);
      if (stage === 'taken back') {
        return { phase: 'failed', status, reason: await reasonOfHa(api, request, handle, signal), hostId };
      }
      return { phase: 'settled', status, hostId };
    },

    async cancelMigration(request, handle, signal) {
      const { guest } = request;
      // Under HA another task moves the guest than the one that we were given, and only begins later.
      let own: Task | undefined;
      for (;;) {
        const tasks = await moveTasks(api, request, 'active', signal);
        own = tasks.find(({ upid }) => upid === handle) ?? tasks[0];
        if (own || !(await isPromised(api, request, () => haMoves.stageOf(request, handle), signal))) break;
        await clock.sleep(TASK_PAUSE_MS, signal);
      }
      if (!own) return;
      await api.once({
        what: `stop the migration of guest ${guest.name}`,
        method: 'DELETE',
        path: pathOf('nodes', nameIn(system, 'node', request.source.id), 'tasks', own.upid),
        ...(signal && { signal }),
      });
    },
  };
}

function migratePath(system: string, { guest, source }: MigrationRequest): string {
  const node = nameIn(system, 'node', source.id);
  return pathOf('nodes', node, 'qemu', nameIn(system, 'qemu', guest.id), 'migrate');
}

/** Why the HA manager would send the guest back from a node, by its name; nothing for a guest that it does not manage. */
async function obstaclesOfHa(
  api: ProxmoxApi,
  { guest }: MigrationRequest,
  signal?: AbortSignal,
): Promise<(node: string) => string[]> {
  const placement = await readHaPlacement(api, `vm:${nameIn(api.system, 'qemu', guest.id)}`, signal);
  if (!placement || (!placement.nodes && placement.resources.length === 0)) return () => [];
  const [nodes, guests] = await Promise.all([readNodes(api, signal), readGuests(api, signal)]);
  return (node) => haObstacles(placement, node, { nodes, guests });
}

/** Whether the HA manager has the move in hand although no task of it runs yet. */
async function isPromised(
  api: ProxmoxApi,
  { guest, source }: MigrationRequest,
  stage: () => string,
  signal?: AbortSignal,
): Promise<boolean> {
  const found = (await readGuests(api, signal)).find(({ id }) => id === guest.id);
  if (!found?.hastate || `node/${found.node}` !== source.id) return false;
  return isHaMoving(found.hastate) || stage() === 'asked for';
}

/** Why the HA manager has taken a move back: in the words of the task that it moved the guest by, if it came to that. */
async function reasonOfHa(
  api: ProxmoxApi,
  request: MigrationRequest,
  handle: string | undefined,
  signal?: AbortSignal,
): Promise<string> {
  const since = handle === undefined ? 0 : (startOf(handle) ?? 0) / 1000;
  const tasks = await moveTasks(api, request, 'all', signal).catch(() => {
    signal?.throwIfAborted();
    return [];
  });
  const words = tasks
    .filter(({ starttime, status }) => (starttime ?? 0) >= since && typeof status === 'string' && !isGood(status))
    .sort((a, b) => (b.starttime ?? 0) - (a.starttime ?? 0))[0]?.status;
  return `the HA manager has taken it back to ${request.source.name}${words ? `: ${words}` : ''}`;
}

/** The tasks that move the guest away from its source. */
function moveTasks(
  api: ProxmoxApi,
  { guest, source }: MigrationRequest,
  which: 'active' | 'all',
  signal?: AbortSignal,
): Promise<Task[]> {
  const params = { source: which, vmid: nameIn(api.system, 'qemu', guest.id), typefilter: 'qmigrate' };
  const path = pathOf('nodes', nameIn(api.system, 'node', source.id), 'tasks');
  return api.get(`tasks of guest ${guest.name}`, path, tasksSchema, { params, signal });
}

function taskOf(api: ProxmoxApi, upid: string, signal?: AbortSignal) {
  // UPID:node:pid:pstart:starttime:type:id:user:
  const node = upid.split(':')[1] ?? '';
  return api.get(`task ${upid}`, pathOf('nodes', node, 'tasks', upid, 'status'), taskSchema, { signal });
}

/** A task that ends with warnings has done its work. */
function isGood(exitstatus: string | null | undefined): boolean {
  return exitstatus === 'OK' || exitstatus?.startsWith('WARNINGS') === true;
}

/** The part of a resource's id that paths take: `pve1` of `node/pve1`, `100` of `qemu/100`. */
function nameIn(system: string, type: 'node' | 'qemu', id: string): string {
  const [prefix, name] = id.split('/');
  if (prefix !== type || !name)
    throw new FleetError(system, `"${id}" is not the id of a ${type === 'node' ? 'node' : 'virtual machine'}`);
  return name;
}
