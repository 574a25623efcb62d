import type { HarnessOptions } from '../../fleet/clouds/contract.js';
import type { HttpHarness } from '../../fleet/clouds/http-contract.js';
import type { ProxmoxSettings } from '../../../src/fleet/clouds/proxmox/proxmox.js';
import { createProxmox } from '../../../src/fleet/clouds/proxmox/proxmox.js';
import type { Cloud, Metrics } from '../../../src/fleet/fleet.js';
import type { CloudOptions } from '../../../src/fleet/clouds/cloud-options.js';
import type { LocalAnswer, LocalRequest } from '../local-server.js';
import { startLocalServer } from '../local-server.js';
import type { Model, ModelGuest, ModelMove } from './model.js';
import { calmly, createModel } from './model.js';
import type { VirtualClock } from '../virtual-clock.js';
import { createVirtualClock } from '../virtual-clock.js';
import { createHaTimeline } from './proxmox-ha.js';

/** What a test may change of the fleet. */
export interface ProxmoxOptions extends HarnessOptions {
  /** Fields over those of a node, by its name. */
  nodeFields?: Record<string, object>;
  /** Fields over those of a guest, by its id in the model. */
  guestFields?: Record<string, object>;
  /** Guests that the HA manager runs: it moves them, and the task only asks it to. */
  underHa?: boolean;
  /** What the HA manager makes of the next move that it is asked for; it moves the guest by default. */
  haAnswer?: 'moves' | 'ignores' | 'takes back';
  /** Over what is answered for every guest. */
  preconditions?: object;
  /** Answers over those of the cluster, by path behind `/api2/json`; undefined for what this version does not have. */
  answers?: Record<string, unknown>;
  /** Entries over those of /cluster/status and /cluster/ha/status/current. */
  clusterStatus?: object[];
  haStatus?: object[];
  /** Settings over those of the cloud. */
  settings?: Partial<ProxmoxSettings>;
}

const TOKEN = 'mover@pve!automigrate=0f3c-secret-uuid';
const GIB = 1024 ** 3;

/** A Proxmox VE cluster on loopback. */
export async function startProxmox(options: ProxmoxOptions = {}): Promise<
  HttpHarness & {
    cloud: Cloud & Metrics;
    connect(url: string, how: CloudOptions): Cloud & Metrics;
    model: Model;
    clock: VirtualClock;
  }
> {
  const model = createModel(options);
  const clock = createVirtualClock();
  const ha = createHaTimeline(model, clock, options.haAnswer ?? 'moves');
  const starts = new Map<ModelMove, string>();
  /** The moment of a request in seconds, hexadecimal. */
  const startOf = (move: ModelMove) => {
    const start =
      starts.get(move) ??
      Math.floor(clock.now() / 1000)
        .toString(16)
        .toUpperCase();
    starts.set(move, start);
    return start;
  };
  const type = options.underHa ? 'hamigrate' : 'qmigrate';
  const upidOf = (move: ModelMove, of: string) =>
    `UPID:${move.source}:000A:00B1:${startOf(move)}:${of}:${move.guest.number}:mover@pve!automigrate:${move.id}`;

  const nodeOf = (node: string) => ({
    id: `node/${node}`,
    type: 'node',
    node,
    status: 'online',
    cpu: 0.625,
    maxcpu: 40,
    mem: 100 * GIB,
    maxmem: 256 * GIB,
    uptime: 86_400 + Math.floor(clock.monotonic() / 10_000) * 10,
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
      ...(options.underHa ? ha.fieldsOf(guest) : moving && { lock: 'migrate' }),
      ...options.guestFields?.[guest.id],
    };
  };
  // The reason phrase and the body say the same.
  const dead = (words: string, status = 500): LocalAnswer => ({
    status,
    statusText: words,
    body: { data: null, message: `${words}\n` },
  });

  const migrate = (request: LocalRequest, node: string, number: number): LocalAnswer => {
    const guest = [...model.guests.values()].find((each) => each.number === number && each.host === node);
    if (!guest) return dead(`Configuration file 'nodes/${node}/qemu-server/${number}.conf' does not exist`);
    if (request.method === 'GET') {
      const others = model.hosts.filter((name) => name !== node);
      return {
        body: {
          data: {
            running: 1,
            allowed_nodes: others,
            // Every node, with nothing against it.
            not_allowed_nodes: Object.fromEntries(others.map((name) => [name, {}])),
            local_disks: [],
            local_resources: [],
            'mapped-resources': [],
            ...options.preconditions,
          },
        },
      };
    }
    const { target, online } = request.body as Record<string, string>;
    if (!model.hosts.includes(target ?? '') || online !== '1') return dead(`no such cluster node '${target ?? ''}'`);
    const move = model.start(guest, target!);
    if (options.underHa) ha.asked(move);
    return { body: { data: upidOf(move, type) } };
  };

  const taskOf = (move: ModelMove): LocalAnswer => {
    if (options.underHa) return { body: { data: ha.requestOf(move) } };
    if (move.state === 'moving') return { body: { data: { status: 'running' } } };
    const exitstatus = { done: 'OK', failed: 'migration aborted', cancelled: 'unexpected status' }[move.state];
    return { body: { data: { status: 'stopped', exitstatus } } };
  };

  const tasks = ({ method, query }: LocalRequest, upid: string | undefined): LocalAnswer => {
    if (upid === undefined) {
      const own = model.moves.filter(({ guest }) => String(guest.number) === query.get('vmid'));
      const listed = own.flatMap((move) => {
        const isActive = move.state === 'moving' && (!options.underHa || ha.isCopying(move));
        if (query.get('source') === 'active' ? !isActive : options.underHa && !ha.hasCopied(move)) return [];
        const status = isActive ? undefined : move.state === 'done' ? 'OK' : 'migration aborted';
        const starttime = Number.parseInt(startOf(move), 16);
        return [{ upid: upidOf(move, 'qmigrate'), starttime, ...(status && { status }) }];
      });
      return { body: { data: listed } };
    }
    const move = model.moves.find((each) => [type, 'qmigrate'].some((of) => upidOf(each, of) === upid));
    if (!move) return dead('no such task');
    if (method !== 'DELETE') return taskOf(move);
    move.state = 'cancelled';
    return { body: { data: null } };
  };

  const rights = { 'Sys.Audit': 1, 'VM.Audit': 1, 'VM.Migrate': 1 };
  const standing: Record<string, unknown> = {
    '/access/permissions': { '/': rights, '/nodes': rights, '/vms': rights },
    '/cluster/options': { keyboard: 'en-us' },
    '/cluster/ha/resources': options.underHa
      ? [...model.guests.values()].map(({ number }) => ({
          sid: `vm:${number}`,
          type: 'vm',
          state: 'started',
          failback: 1,
        }))
      : [],
    '/cluster/ha/rules': [],
    // Before Proxmox VE 8.3 there was no such thing.
    '/cluster/metrics/export': undefined,
  };

  const server = await startLocalServer((request) => {
    const { path, query, headers } = request;
    if (headers.authorization !== `PVEAPIToken=${TOKEN}`) return dead('No ticket', 401);
    if (options.underHa) ha.goOn();
    const [first, node = '', kind, id, last] = path.replace('/api2/json/', '').split('/');
    if (first === 'nodes' && kind === 'qemu' && last === 'migrate') return migrate(request, node, Number(id));
    if (first === 'nodes' && kind === 'tasks') return tasks(request, id);
    const what = path.replace('/api2/json', '');
    const answers = { ...standing, ...options.answers };
    if (what in answers) {
      const answer: unknown = answers[what];
      return answer === undefined
        ? dead(`Method '${request.method} ${what}' not implemented`, 501)
        : { body: { data: answer } };
    }
    switch (what) {
      case '/cluster/resources': {
        const type = query.get('type');
        if (type === 'node') return { body: { data: model.hosts.map(nodeOf) } };
        if (!options.underHa) {
          for (const { guest } of model.moves.filter(({ state }) => state === 'moving')) model.look(guest.id);
        }
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

  const connect = (url: string, how: CloudOptions) =>
    createProxmox({ urls: [url], token: TOKEN, ...options.settings }, how);
  const cloud = connect(server.url, { ...calmly(options), clock });
  return {
    cloud,
    connect,
    model,
    clock,
    server,
    hosts: model.hosts.map((name) => ({ id: `node/${name}`, name })),
    guestCount: model.guests.size,
    guest: { id: 'qemu/100', name: 'vm 0' },
    pause: () => {
      if (options.underHa) clock.advance(2000);
      return Promise.resolve();
    },
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
