import { z } from 'zod';
import type { Cloud, MigrationRequest, MigrationStart, MigrationState } from '../../fleet.js';
import { FleetError } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { pathOf } from '../../http-client.js';
import { checked, refusalIn } from '../answers.js';
import { isHaMoving, statusOf } from './inventory.js';
import type { GuestResource } from './resources.js';
import { ask, data, readGuests } from './resources.js';

const preconditionsSchema = z.object({
  allowed_nodes: z.array(z.string()).nullish(),
  not_allowed_nodes: z.unknown().optional(),
  local_disks: z.array(z.object({ volid: z.string(), cdrom: z.unknown().optional() })),
  local_resources: z.array(z.string()),
  'dependent-ha-resources': z.array(z.string()).nullish(),
});

const refusedNodeSchema = z.object({
  unavailable_storages: z.array(z.string()).nullish(),
  'blocking-ha-resources': z.array(z.object({ sid: z.string() })).nullish(),
});

const taskSchema = z.object({ status: z.string(), exitstatus: z.string().nullish() });
const tasksSchema = z.array(z.object({ upid: z.string() }));

type Migrations = Required<Pick<Cloud, 'forecast' | 'startMigration' | 'migrationState' | 'cancelMigration'>>;

/**
 * Live migration by Proxmox VE. The handle is the UPID of its task. For a guest under HA that task only asks the HA manager
 * for the move; the guest is then followed by its node.
 */
export function proxmoxMigrations(client: HttpClient, system: string): Migrations {
  const guestIn = async ({ guest }: MigrationRequest, signal?: AbortSignal): Promise<GuestResource | undefined> =>
    (await readGuests(client, system, signal)).find(({ id }) => id === guest.id);

  const migratePath = ({ guest, source }: MigrationRequest) =>
    `${pathOf('nodes', nameIn(system, 'node', source.id))}${pathOf('qemu', nameIn(system, 'qemu', guest.id), 'migrate')}`;

  return {
    async forecast(request, signal) {
      const { guest, target } = request;
      const what = `migration preconditions of guest ${guest.name}`;
      const node = nameIn(system, 'node', target.id);
      try {
        const call = { path: migratePath(request), params: { target: node } };
        return judge(await ask(client, system, what, call, preconditionsSchema, signal), node, request);
      } catch (error) {
        const reason = refusalIn(error) ?? notThere(error);
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
      try {
        const answer = await client.once({ what, method: 'POST', path: migratePath(request), body });
        return { accepted: true, handle: checked(system, what, data(z.string().startsWith('UPID:')), answer).data };
      } catch (error) {
        const reason = refusalIn(error) ?? notThere(error);
        if (reason === undefined) throw error;
        return { accepted: false, reason };
      }
    },

    async migrationState(request, handle, signal): Promise<MigrationState> {
      const task = handle === undefined ? undefined : await taskOf(client, system, handle, signal);
      // The task before the guest: a guest that is read later cannot be older than the end of its task.
      const guest = await guestIn(request, signal);
      if (!guest) return { phase: 'vanished' };
      const hostId = `node/${guest.node}`;
      if (task?.status === 'running') return { phase: 'moving', status: guest.lock ?? 'running' };
      if (task && !isGood(task.exitstatus)) {
        const reason = task.exitstatus ?? 'its task has ended without a result';
        return { phase: 'failed', status: statusOf(guest), reason, hostId };
      }
      const isMoving = guest.lock === 'migrate' || isHaMoving(guest.hastate);
      return isMoving
        ? { phase: 'moving', status: statusOf(guest) }
        : { phase: 'settled', status: statusOf(guest), hostId };
    },

    async cancelMigration(request, handle, signal) {
      const { guest, source } = request;
      const node = nameIn(system, 'node', source.id);
      const what = `tasks of guest ${guest.name}`;
      const params = { source: 'active', vmid: nameIn(system, 'qemu', guest.id), typefilter: 'qmigrate' };
      // Under HA another task moves the guest than the one that we were given.
      const tasks = await ask(
        client,
        system,
        what,
        { path: pathOf('nodes', node, 'tasks'), params },
        tasksSchema,
        signal,
      );
      const own = tasks.find(({ upid }) => upid === handle) ?? tasks[0];
      if (!own) return;
      await client.once({
        what: `stop the migration of guest ${guest.name}`,
        method: 'DELETE',
        path: pathOf('nodes', node, 'tasks', own.upid),
        ...(signal && { signal }),
      });
    },
  };
}

function taskOf(client: HttpClient, system: string, upid: string, signal?: AbortSignal) {
  // UPID:node:pid:pstart:starttime:type:id:user:
  const node = upid.split(':')[1] ?? '';
  return ask(
    client,
    system,
    `task ${upid}`,
    { path: pathOf('nodes', node, 'tasks', upid, 'status') },
    taskSchema,
    signal,
  );
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

/** Proxmox VE answers 500 with these words where the guest is not on the node, before it has done anything. */
function notThere(error: unknown): string | undefined {
  return error instanceof FleetError && /Configuration file .* does not exist/i.test(error.message)
    ? error.message
    : undefined;
}

function judge(
  preconditions: z.output<typeof preconditionsSchema>,
  node: string,
  { options }: MigrationRequest,
): { allowed: true } | { allowed: false; reason: string } {
  const { allowed_nodes: allowed, not_allowed_nodes: refused, local_disks, local_resources } = preconditions;
  const reasons: string[] = [];
  const entry =
    typeof refused === 'object' && refused !== null ? Object.entries(refused).find(([key]) => key === node) : undefined;
  if (entry) {
    const why = refusedNodeSchema.safeParse(entry[1]).data;
    const storages = why?.unavailable_storages ?? [];
    const blocking = (why?.['blocking-ha-resources'] ?? []).map(({ sid }) => sid);
    const words = [
      ...(storages.length > 0 ? [`storage ${storages.join(', ')} is not there`] : []),
      ...(blocking.length > 0 ? [`HA rules keep it from ${blocking.join(', ')}`] : []),
    ];
    reasons.push(`node ${node} is not allowed${words.length > 0 ? `: ${words.join('; ')}` : ''}`);
  } else if (allowed && !allowed.includes(node)) {
    reasons.push(`node ${node} is not among the allowed nodes ${allowed.join(', ') || '(none)'}`);
  }
  const isDrive = (cdrom: unknown) => cdrom === true || cdrom === 1 || cdrom === '1';
  const images = local_disks.filter(({ cdrom }) => isDrive(cdrom)).map(({ volid }) => volid);
  const disks = local_disks.filter(({ cdrom }) => !isDrive(cdrom)).map(({ volid }) => volid);
  if (images.length > 0) reasons.push(`has the local cdrom ${images.join(', ')}`);
  if (disks.length > 0 && !options?.withLocalDisks) {
    reasons.push(`has the local disks ${disks.join(', ')} (target.withLocalDisks of the rule allows them)`);
  }
  // A guest that runs cannot take these along, whatever is asked for.
  if (local_resources.length > 0) reasons.push(`has the local resources ${local_resources.join(', ')}`);
  const others = preconditions['dependent-ha-resources'] ?? [];
  if (others.length > 0) reasons.push(`would take ${others.join(', ')} along, by a rule of HA`);
  return reasons.length === 0 ? { allowed: true } : { allowed: false, reason: reasons.join('; ') };
}
