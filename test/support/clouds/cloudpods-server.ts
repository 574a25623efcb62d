import type { CloudHarness, HarnessOptions } from '../../fleet/clouds/contract.js';
import type { HttpHarness } from '../../fleet/clouds/http-contract.js';
import { createCloudpods } from '../../../src/fleet/clouds/cloudpods/cloudpods.js';
import type { CloudpodsSettings } from '../../../src/fleet/clouds/cloudpods/cloudpods.js';
import type { CloudOptions } from '../../../src/fleet/clouds/cloud-options.js';
import type { LocalAnswer, LocalRequest } from '../local-server.js';
import { startLocalServer } from '../local-server.js';
import { PASSWORD, createKeystone } from './keystone.js';
import type { ModelGuest } from './model.js';
import { calmly, createModel } from './model.js';

/** What a test may change of the fleet and the way in. */
export interface CloudpodsOptions extends HarnessOptions {
  /** Fields over those of every host, by its name. */
  hostFields?: Record<string, object>;
  /** Fields over those of a guest, by its id. */
  guestFields?: Record<string, object>;
  settings?: Partial<CloudpodsSettings>;
  /** The most entries that a page has, whatever is asked for. */
  pageSize?: number;
}

/** A Cloudpods on loopback: Keystone, and the region service's hosts and servers. */
export async function startCloudpods(options: CloudpodsOptions = {}): Promise<HttpHarness & CloudHarness> {
  const model = createModel(options);
  const failed = new Set<string>();

  const hostOf = (name: string) => ({
    id: `id-${name}`,
    name,
    access_ip: '10.0.0.1',
    enabled: true,
    status: 'running',
    host_status: 'online',
    host_type: 'hypervisor',
    cpu_architecture: 'x86_64',
    cpu_count: 40,
    mem_size: 262144,
    is_maintenance: false,
    isolated_device_count: 0,
    zone: 'zone0',
    ...options.hostFields?.[name],
  });
  const serverOf = (guest: ModelGuest) => {
    const move = model.moveOf(guest.id);
    const moving = move && (move.looks < 2 ? 'start_migrate' : 'live_migrating');
    return {
      id: guest.id,
      name: guest.name,
      host_id: `id-${guest.host}`,
      status: moving ?? (failed.has(guest.id) ? 'migrate_failed' : 'running'),
      hypervisor: 'kvm',
      vcpu_count: 4,
      vmem_size: 8192,
      backup_host_id: '',
      disks_info: [{ storage_type: 'rbd' }],
      isolated_devices: null,
      cdrom: [{ ordinal: 0, detail: '', name: '' }],
      metadata: { 'user:team': 'red' },
      ...(move && { progress: model.progress(move) }),
      ...options.guestFields?.[guest.id],
    };
  };
  const page = <T>(key: string, all: T[], write: (entry: T) => object, { query }: LocalRequest): LocalAnswer => {
    const limit = Math.min(Number(query.get('limit') ?? 2048), options.pageSize ?? 2048);
    const offset = Number(query.get('offset') ?? 0);
    return { body: { [key]: all.slice(offset, offset + limit).map(write), total: all.length, limit, offset } };
  };
  const problem = (code: number, kind: string, details: string): LocalAnswer => ({
    status: code,
    body: { code, class: kind, details, time: '2026-11-21T05:00:00Z' },
  });

  const perform = (guest: ModelGuest, action: string, body: unknown): LocalAnswer => {
    const { server: wish = {} } = body as { server?: Record<string, unknown> };
    const target = model.hosts.find((name) => `id-${name}` === (wish.prefer_host_id ?? wish.prefer_host));
    switch (action) {
      case 'migrate-forecast':
        return target === undefined
          ? problem(404, 'ResourceNotFoundError', 'no such host')
          : {
              body: {
                can_create: true,
                req_count: 1,
                allow_count: 1,
                candidates: [{ host_id: `id-${target}`, name: target }],
              },
            };
      case 'live-migrate':
        if (failed.has(guest.id))
          return problem(406, 'InvalidStatusError', 'Cannot live migrate in status migrate_failed');
        if (target === undefined) return problem(404, 'ResourceNotFoundError', 'no such host');
        model.start(guest, target);
        return { body: { server: serverOf(guest) } };
      case 'cancel-live-migrate': {
        const move = model.moveOf(guest.id);
        if (!move) return problem(406, 'InvalidStatusError', 'cannot set migrate params in status running');
        move.state = 'cancelled';
        return { body: {} };
      }
      case 'syncstatus':
        failed.delete(guest.id);
        return { body: { server: serverOf(guest) } };
      default:
        return problem(404, 'NotFoundError', `no action ${action}`);
    }
  };

  const server = await startLocalServer((request) => {
    const { method, path } = request;
    if (path === '/identity/v3/auth/tokens') return keystone.handle(request);
    if (!keystone.isValid(request)) return problem(401, 'UnauthorizedError', 'invalid token');
    const [, list, id, action] = path.replace(/^\/region/, '').split('/');
    if (list === 'hosts') return page('hosts', model.hosts, hostOf, request);
    if (list !== 'servers') return problem(404, 'NotFoundError', `no list ${list ?? ''}`);
    if (id === undefined) return page('servers', [...model.guests.values()], serverOf, request);
    const guest = model.guests.get(id);
    if (!guest) return problem(404, 'ResourceNotFoundError', `server ${id} not found`);
    if (method === 'POST') return perform(guest, action ?? '', request.body);
    model.look(id);
    if (model.moves.findLast((move) => move.guest === guest)?.state === 'failed' && !synced(guest)) failed.add(id);
    return { body: { server: serverOf(guest) } };
  });
  /** A move that has failed marks its guest once. */
  const marked = new Set<number>();
  const synced = (guest: ModelGuest) => {
    const id = model.moves.findLast((move) => move.guest === guest)?.id ?? 0;
    const known = marked.has(id);
    marked.add(id);
    return known;
  };
  const keystone = createKeystone(() => [
    {
      type: 'identity',
      endpoints: [{ interface: 'public', region: 'region0', region_id: 'region0', url: server.url }],
    },
    {
      type: 'compute_v2',
      endpoints: [
        { interface: 'public', region: 'region0', region_id: 'region0', url: `${server.url}/region` },
        { interface: 'internal', region: 'region0', region_id: 'region0', url: 'http://127.0.0.1:1/internal' },
      ],
    },
  ]);

  const connect = (url: string, how: CloudOptions) =>
    createCloudpods(
      {
        keystone: {
          authUrl: `${url}/identity/v3`,
          username: 'mover',
          password: PASSWORD,
          userDomain: 'Default',
          project: 'system',
          projectDomain: 'Default',
          region: 'region0',
          interface: 'public',
        },
        ...options.settings,
      },
      how,
    );
  const cloud = connect(server.url, calmly(options));
  return {
    cloud,
    connect,
    server,
    hosts: model.hosts.map((name) => ({ id: `id-${name}`, name })),
    guestCount: model.guests.size,
    guest: { id: 'guest-0', name: 'vm 0' },
    pause: () => Promise.resolve(),
    troubles: {
      breakNextMove: () => void (model.next.breaks = true),
      divertNextMove: (id) => void (model.next.divertTo = id.replace(/^id-/, '')),
      removeGuest: () => void model.guests.delete('guest-0'),
      unplug: () => server.close(),
    },
    close: () => server.close(),
    isMigrationRequest: ({ method, path }) => method === 'POST' && path.endsWith('/live-migrate'),
    isListOfGuests: ({ path }) => path === '/region/servers',
    movesTaken: () => model.moves.length,
    login: { revoke: keystone.revoke, count: keystone.logins },
    secrets: () => [PASSWORD, ...keystone.tokens()],
  };
}
