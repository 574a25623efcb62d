import type { HarnessOptions } from '../../fleet/clouds/contract.js';
import type { HttpHarness } from '../../fleet/clouds/http-contract.js';
import { createCloudpods } from '../../../src/fleet/clouds/cloudpods/cloudpods.js';
import type { CloudpodsSettings } from '../../../src/fleet/clouds/cloudpods/settings.js';
import type { CloudOptions } from '../../../src/fleet/clouds/cloud-options.js';
import type { LocalAnswer, LocalRequest } from '../local-server.js';
import { startLocalServer } from '../local-server.js';
import type { VirtualClock } from '../virtual-clock.js';
import { createVirtualClock } from '../virtual-clock.js';
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
  /** How often a status synchronisation meets the task of the migration that failed, which is not over yet; 2 by default. */
  openTask?: number;
  /** Guests whose migration failed before anybody looked, by id. */
  leftFailed?: readonly string[];
  /** Rights beyond the least that README names: the user may choose the host of a guest by the older word. */
  mayAssignHost?: boolean;
}

/** How a guest without a running migration stands. */
interface Rest {
  /** Synchronisations to go until the task of its last migration is over. */
  openTask: number;
  /** It has not been synchronised since its last migration. */
  status?: 'migrate_failed' | 'live_migrating';
}

/** What the guests of a Cloudpods can be made to do besides {@link CloudHarness.troubles}. */
export interface CloudpodsHarness extends HttpHarness {
  /** The next migration arrives, and cleaning up its source fails: the guest goes on being `live_migrating`. */
  leaveNextMoveUnfinished(): void;
  /** The time of {@link HttpHarness.cloud}. */
  readonly clock: VirtualClock;
  /** Requests for one action of guests. */
  asked(action: string): LocalRequest[];
}

const LEAST_BANDWIDTH_MB = 50;

/** A Cloudpods on loopback that answers as a real one does: Keystone, and the region service's hosts and servers. */
export async function startCloudpods(options: CloudpodsOptions = {}): Promise<CloudpodsHarness> {
  const model = createModel(options);
  const openTask = options.openTask ?? 2;
  const rests = new Map<string, Rest>(options.leftFailed?.map((id) => [id, { openTask, status: 'migrate_failed' }]));
  let leaveUnfinished = false;

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
    const drives = [{ ordinal: 0, detail: '', name: '' }];
    return {
      id: guest.id,
      name: guest.name,
      host_id: `id-${guest.host}`,
      status: moving ?? rests.get(guest.id)?.status ?? 'running',
      hypervisor: 'kvm',
      vcpu_count: 4,
      vmem_size: 8192,
      backup_host_id: '',
      disks_info: [{ storage_type: 'rbd' }],
      isolated_devices: null as object[] | null,
      cdrom: drives,
      metadata: { 'user:team': 'red' },
      ...(move && { progress: model.progress(move) }),
      ...options.guestFields?.[guest.id],
    };
  };
  const page = <T>(key: string, all: T[], write: (entry: T) => object, { query }: LocalRequest): LocalAnswer => {
    const limit = Math.min(Number(query.get('limit') ?? 2048), options.pageSize ?? 2048);
    const offset = Number(query.get('offset') ?? 0);
    if (all.length === 0) return { body: { [key]: [] } };
    return { body: { [key]: all.slice(offset, offset + limit).map(write), total: all.length, limit, offset } };
  };
  const problem = (code: number, kind: string, details: string): LocalAnswer => ({
    status: code,
    body: { code, class: kind, details, time: '2026-11-21T05:00:00Z' },
  });

  const badRequest = (details: string) => problem(400, 'BadRequestError', details);
  /** Why no host would do for the guest. */
  const obstacleOf = (guest: ModelGuest): string | undefined => {
    const { status, backup_host_id, isolated_devices, cdrom } = serverOf(guest);
    if (status !== 'running') return `Cannot live migrate in status ${status}`;
    if (backup_host_id !== '') return 'Cannot migrate guest with backup host';
    if ((isolated_devices ?? []).length > 0) return 'Cannot migrate guest with isolated devices';
    if (cdrom.some(({ name }) => name !== '')) return 'Cannot live migrate guest with cdrom';
    return undefined;
  };

  const perform = (guest: ModelGuest, action: string, body: unknown): LocalAnswer => {
    const { server: wish = {} } = body as { server?: Record<string, unknown> };
    const target = model.hosts.find((name) => `id-${name}` === (wish.prefer_host_id ?? wish.prefer_host));
    const obstacle = obstacleOf(guest);
    const rest = rests.get(guest.id);
    switch (action) {
      case 'migrate-forecast':
        if (target === undefined) return problem(404, 'ResourceNotFoundError', 'no such host');
        if (obstacle !== undefined) return badRequest(obstacle);
        return {
          body: {
            server: {
              can_create: true,
              req_count: 1,
              allow_count: 1,
              candidates: [{ host_id: `id-${target}`, name: target }],
              filtered_candidates: null,
              not_allow_reasons: null,
            },
          },
        };
      case 'live-migrate':
        if (wish.prefer_host !== undefined && !options.mayAssignHost) {
          return problem(403, 'ForbiddenError', 'checkAssignHost: Only system admin can assign host');
        }
        if (Number(wish.max_bandwidth_mb ?? LEAST_BANDWIDTH_MB) < LEAST_BANDWIDTH_MB) {
          return badRequest('max_bandwidth_mb must be greater than 100');
        }
        if (obstacle !== undefined) return badRequest(obstacle);
        if (target === undefined) return problem(404, 'ResourceNotFoundError', 'no such host');
        model.start(guest, target);
        return { body: { server: serverOf(guest) } };
      case 'cancel-live-migrate': {
        const move = model.moveOf(guest.id);
        const { status } = serverOf(guest);
        if (!move || status !== 'live_migrating') return badRequest(`cannot cancel live migrate in status ${status}`);
        move.state = 'cancelled';
        return { body: {} };
      }
      case 'syncstatus':
        if (model.moveOf(guest.id) || (rest && rest.openTask > 0)) {
          if (rest) rest.openTask -= 1;
          return badRequest('Guest has 1 active tasks and cannot sync status');
        }
        rests.delete(guest.id);
        return { body: { server: serverOf(guest) } };
      default:
        return problem(404, 'NotFoundError', `no action ${action}`);
    }
  };
  const look = (guest: ModelGuest) => {
    const move = model.moveOf(guest.id);
    model.look(guest.id);
    if (move?.state === 'failed') rests.set(guest.id, { openTask, status: 'migrate_failed' });
    if (move?.state === 'done' && leaveUnfinished) {
      rests.set(guest.id, { openTask: 0, status: 'live_migrating' });
      leaveUnfinished = false;
    }
  };

  const server = await startLocalServer((request) => {
    const { method, path } = request;
    if (path === '/identity/v3/auth/tokens') return keystone.handle(request);
    const [, list, id, action] = path.replace(/^\/region/, '').split('/');
    if (!keystone.isValid(request)) {
      const right = `compute:${list ?? ''}:${action ?? (id === undefined ? 'list' : 'get')}`;
      const details = `not enough privilege to do ${right} (require:system,allow:none,query:)`;
      return problem(403, 'ForbiddenError', details);
    }
    if (list === 'hosts') return page('hosts', model.hosts, hostOf, request);
    if (list !== 'servers') return problem(404, 'NotFoundError', `no list ${list ?? ''}`);
    if (id === undefined) return page('servers', [...model.guests.values()], serverOf, request);
    const guest = model.guests.get(id);
    if (!guest) return problem(404, 'ResourceNotFoundError', `server ${id} not found`);
    if (method === 'POST') return perform(guest, action ?? '', request.body);
    look(guest);
    return { body: { server: serverOf(guest) } };
  });
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
  const clock = createVirtualClock();
  const cloud = connect(server.url, { ...calmly(options), clock });
  return {
    cloud,
    clock,
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
    leaveNextMoveUnfinished: () => void (leaveUnfinished = true),
    asked: (action) => server.requests.filter((request) => request.path.endsWith(`/${action}`)),
  };
}
