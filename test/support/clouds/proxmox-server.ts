import type { HarnessOptions } from '../../fleet/clouds/contract.js';
import type { HttpHarness } from '../../fleet/clouds/http-contract.js';
import { createProxmox } from '../../../src/fleet/clouds/proxmox/proxmox.js';
import type { Cloud, Metrics } from '../../../src/fleet/fleet.js';
import type { CloudOptions } from '../../../src/fleet/clouds/cloud-options.js';
import type { LocalAnswer, LocalRequest } from '../local-server.js';
import { startLocalServer } from '../local-server.js';
import type { Model, ModelGuest, ModelMove } from './model.js';
import { calmly, createModel } from './model.js';

/** What a test may change of the fleet. */
export interface ProxmoxOptions extends HarnessOptions {
  /** Fields over those of a node, by its name. */
  nodeFields?: Record<string, object>;
  /** Fields over those of a guest, by its id in the model. */
  guestFields?: Record<string, object>;
  /** Guests that the HA manager runs: it moves them, and the task only asks it to. */
  underHa?: boolean;
  preconditions?: object;
  /** Entries over those of /cluster/status and /cluster/ha/status/current. */
  clusterStatus?: object[];
  haStatus?: object[];
}

const TOKEN = 'mover@pve!automigrate=0f3c-secret-uuid';
const GIB = 1024 ** 3;

/** A Proxmox VE cluster on loopback. */
export async function startProxmox(options: ProxmoxOptions = {}): Promise<
  HttpHarness & {
    cloud: Cloud & Metrics;
    connect(url: string, how: CloudOptions): Cloud & Metrics;
    model: Model;
  }
> {
  const model = createModel(options);
  const type = options.underHa ? 'hamigrate' : 'qmigrate';
  const upidOf = (move: ModelMove, of: string) =>
    `UPID:${move.source}:000A:00B1:637B0C00:${of}:${move.guest.number}:mover@pve!automigrate:${move.id}`;

  const nodeOf = (node: string) => ({
    id: `node/${node}`,
    type: 'node',
    node,
    status: 'online',
    cpu: 0.625,
    maxcpu: 40,
    mem: 100 * GIB,
    maxmem: 256 * GIB,
    ...options.nodeFields?.[node],
  });
  const guestOf = (guest: ModelGuest) => {
    const moving = model.moveOf(guest.id) !== undefined;
    return {
      id: `qemu/${guest.number}`,
      type: 'qemu',
      vmid: guest.number,
      name: guest.name,
      node: guest.host,
      status: 'running',
      cpu: 0.25,
      maxcpu: 4,
      mem: 4 * GIB,
      maxmem: 8 * GIB,
      template: 0,
      ...(moving && !options.underHa && { lock: 'migrate' }),
      ...(options.underHa && { hastate: moving ? 'migrate' : 'started' }),
      ...options.guestFields?.[guest.id],
    };
  };
  const dead = (words: string, status = 500): LocalAnswer => ({ status, statusText: words, body: { data: null } });

  const migrate = (request: LocalRequest, node: string, number: number): LocalAnswer => {
    const guest = [...model.guests.values()].find((each) => each.number === number && each.host === node);
    if (!guest) return dead(`Configuration file 'nodes/${node}/qemu-server/${number}.conf' does not exist`);
    if (request.method === 'GET') {
      const allowed = model.hosts.filter((name) => name !== node);
      return {
        body: {
          data: { running: 1, allowed_nodes: allowed, local_disks: [], local_resources: [], ...options.preconditions },
        },
      };
    }
    const { target, online } = request.body as Record<string, string>;
    if (!model.hosts.includes(target ?? '') || online !== '1') return dead(`no such cluster node '${target ?? ''}'`);
    return { body: { data: upidOf(model.start(guest, target!), type) } };
  };

  const taskOf = (move: ModelMove): LocalAnswer => {
    // Under HA the task is over as soon as the HA manager knows.
    if (options.underHa) return { body: { data: { status: 'stopped', exitstatus: 'OK' } } };
    if (move.state === 'moving') return { body: { data: { status: 'running' } } };
    const exitstatus = { done: 'OK', failed: 'migration aborted', cancelled: 'unexpected status' }[move.state];
    return { body: { data: { status: 'stopped', exitstatus } } };
  };

  const tasks = ({ method, query }: LocalRequest, upid: string | undefined): LocalAnswer => {
    if (upid === undefined) {
      const active = model.moves.filter(
        ({ state, guest }) => state === 'moving' && String(guest.number) === query.get('vmid'),
      );
      return { body: { data: active.map((move) => ({ upid: upidOf(move, 'qmigrate') })) } };
    }
    const move = model.moves.find((each) => [type, 'qmigrate'].some((of) => upidOf(each, of) === upid));
    if (!move) return dead('no such task');
    if (method !== 'DELETE') return taskOf(move);
    move.state = 'cancelled';
    return { body: { data: null } };
  };

  const server = await startLocalServer((request) => {
    const { path, query, headers } = request;
    if (headers.authorization !== `PVEAPIToken=${TOKEN}`) return dead('No ticket', 401);
    const [first, node = '', kind, id, last] = path.replace('/api2/json/', '').split('/');
    if (first === 'nodes' && kind === 'qemu' && last === 'migrate') return migrate(request, node, Number(id));
    if (first === 'nodes' && kind === 'tasks') return tasks(request, id);
    switch (path.replace('/api2/json', '')) {
      case '/cluster/resources': {
        const type = query.get('type');
        if (type === 'node') return { body: { data: model.hosts.map(nodeOf) } };
        for (const { guest } of model.moves.filter(({ state }) => state === 'moving')) model.look(guest.id);
        // Who names no type gets everything.
        const nodes = type === null ? model.hosts.map(nodeOf) : [];
        return { body: { data: [...nodes, ...[...model.guests.values()].map(guestOf)] } };
      }
      case '/cluster/status':
        return {
          body: {
            data: options.clusterStatus ?? [
              { type: 'cluster', name: 'pve', quorate: 1, nodes: model.hosts.length },
              ...model.hosts.map((name) => ({ type: 'node', name, ip: '10.0.0.1', online: 1 })),
            ],
          },
        };
      case '/cluster/ha/status/current':
        return { body: { data: options.haStatus ?? [{ type: 'quorum', id: 'quorum', status: 'OK' }] } };
      default:
        return dead(`Method '${request.method} ${path}' not implemented`, 501);
    }
  });

  const connect = (url: string, how: CloudOptions) => createProxmox({ url, token: TOKEN }, how);
  const cloud = connect(server.url, calmly(options));
  return {
    cloud,
    connect,
    model,
    server,
    hosts: model.hosts.map((name) => ({ id: `node/${name}`, name })),
    guestCount: model.guests.size,
    guest: { id: 'qemu/100', name: 'vm 0' },
    pause: () => Promise.resolve(),
    troubles: {
      breakNextMove: () => void (model.next.breaks = true),
      divertNextMove: (id) => void (model.next.divertTo = id.replace('node/', '')),
      removeGuest: () => void model.guests.delete('guest-0'),
      unplug: () => server.close(),
    },
    close: () => server.close(),
    isMigrationRequest: ({ method, path }) => method === 'POST' && path.endsWith('/migrate'),
    isListOfGuests: ({ path, query }) => path === '/api2/json/cluster/resources' && query.get('type') === 'vm',
    movesTaken: () => model.moves.length,
    secrets: () => [TOKEN, '0f3c-secret-uuid'],
  };
}
