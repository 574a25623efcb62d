import type { CloudHarness, HarnessOptions } from '../../fleet/clouds/contract.js';
import type { HttpHarness } from '../../fleet/clouds/http-contract.js';
import { createOpenstack } from '../../../src/fleet/clouds/openstack/openstack.js';
import type { CloudOptions } from '../../../src/fleet/clouds/cloud-options.js';
import type { LocalAnswer, LocalRequest } from '../local-server.js';
import { startLocalServer } from '../local-server.js';
import type { VirtualClock } from '../virtual-clock.js';
import { createVirtualClock } from '../virtual-clock.js';
import { PASSWORD, createKeystone } from './keystone.js';
import type { Model, ModelGuest } from './model.js';
import { calmly, createModel } from './model.js';
import type { EarlyRefusal, MoveOptions, ServerGroup } from './openstack-moves.js';
import { againstTarget, createMoves } from './openstack-moves.js';

/** What a test may change of the fleet. */
export interface OpenstackOptions extends HarnessOptions, MoveOptions {
  /** Fields over those of hypervisors and of services, by host. */
  hypervisorFields?: Record<string, object>;
  serviceFields?: Record<string, object>;
  /** Fields over those of a server, by its id. */
  serverFields?: Record<string, object>;
  aggregates?: { name: string; hosts: string[] }[];
  /** Nova's own limit, 1000 by default. */
  pageSize?: number;
  /** The newest microversion, 2.104 (Nova 34) by default. */
  newest?: string;
  /** The cell of a host, where it is not the first. */
  cells?: Record<string, string>;
  /** The host whose cell does not answer. */
  hostOfDownCell?: string;
  /** Whether our role is in the rule `context_is_admin`; by default it is. */
  isAdmin?: boolean;
  serverGroups?: ServerGroup[];
  /** Whether we may not ask for server groups. */
  groupsForbidden?: boolean;
}

/** A local OpenStack, and what else can be done to it. */
export interface OpenstackHarness extends HttpHarness, CloudHarness {
  model: Model;
  clock: VirtualClock;
  /** The next move is taken on, and comes to nothing before it has begun. */
  refuseNextMove(refusal: EarlyRefusal): void;
}

/** An OpenStack on loopback: Keystone, and Nova as Nova 34 has answered. */
export async function startOpenstack(options: OpenstackOptions = {}): Promise<OpenstackHarness> {
  const model = createModel(options);
  const moves = createMoves(model, options);
  const newest = options.newest ?? '2.104';
  const isAdmin = options.isAdmin ?? true;

  const zoneOf = (host: string): string => {
    const fields: { zone?: string } = options.serviceFields?.[host] ?? {};
    return fields.zone ?? 'nova';
  };
  const pinOf = (guestId: string): string | undefined => {
    const fields: { pinned_availability_zone?: string } = options.serverFields?.[guestId] ?? {};
    return fields.pinned_availability_zone;
  };

  const hypervisorOf = (version: string) => (name: string) => ({
    id: `uuid-${name}`,
    hypervisor_hostname: `${name}.example`,
    hypervisor_type: 'QEMU',
    host_ip: '10.0.0.1',
    state: 'up',
    status: 'enabled',
    // 2.88 took these out.
    ...(minor(version) < 88 && {
      vcpus: 40,
      vcpus_used: 8,
      memory_mb: 262144,
      memory_mb_used: 32768,
      cpu_info: { arch: 'x86_64', model: 'Cascadelake' },
    }),
    service: { host: name, id: `service-${name}`, disabled_reason: null },
    ...options.hypervisorFields?.[name],
  });
  const serverOf = (version: string) => (guest: ModelGuest) => ({
    id: guest.id,
    name: guest.name,
    status: model.moveOf(guest.id) ? 'MIGRATING' : 'ACTIVE',
    'OS-EXT-SRV-ATTR:host': guest.host,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': `${guest.host}.example`,
    'OS-EXT-STS:task_state': model.moveOf(guest.id) ? 'migrating' : null,
    'OS-EXT-STS:power_state': 1,
    ...(minor(version) >= 96 && { pinned_availability_zone: null }),
    flavor: { original_name: 'm1', vcpus: 4, ram: 8192, disk: 10, extra_specs: {} },
    metadata: {},
    ...options.serverFields?.[guest.id],
  });
  const page = <T>(
    key: string,
    all: T[],
    idOf: (entry: T) => string,
    write: (entry: T) => object,
    { query }: LocalRequest,
  ): LocalAnswer => {
    const limit = Math.min(Number(query.get('limit') ?? 1000), options.pageSize ?? 1000);
    const marker = query.get('marker');
    const from = marker === null ? 0 : all.findIndex((entry) => idOf(entry) === marker) + 1;
    if (marker !== null && from === 0) {
      return { status: 400, body: { badRequest: { code: 400, message: `marker [${marker}] not found` } } };
    }
    const entries = all.slice(from, from + limit);
    const next = entries.length === limit && {
      [`${key}_links`]: [{ rel: 'next', href: 'http://elsewhere.example/next' }],
    };
    return { body: { [key]: entries.map(write), ...next } };
  };
  const notFound = (what: string): LocalAnswer => ({
    status: 404,
    body: { itemNotFound: { code: 404, message: `${what} could not be found.` } },
  });

  const refused = (status: number, key: string, message: string): LocalAnswer => ({
    status,
    body: { [key]: { code: status, message } },
  });

  const migrate = (guest: ModelGuest, body: unknown): LocalAnswer => {
    const { 'os-migrateLive': asked } = body as { 'os-migrateLive': Record<string, unknown> };
    const host = String(asked.host);
    // No word of the cell: a host of another one is as good as none.
    const isHere = model.hosts.includes(host) && options.cells?.[host] === options.cells?.[guest.host];
    if (!isHere || asked.block_migration !== 'auto') {
      return refused(400, 'badRequest', `Compute host ${host} could not be found.`);
    }
    if (model.moveOf(guest.id)) {
      return refused(409, 'conflictingRequest', "Cannot 'os-migrateLive' instance while it is in task_state migrating");
    }
    const zones = { pinned: pinOf(guest.id), target: zoneOf(host) };
    const refusal = againstTarget(model, options.serverGroups ?? [], zones, guest.id, host);
    return { status: 202, headers: { 'x-openstack-request-id': moves.begin(guest.id, host, refusal) } };
  };

  const serverCall = (request: LocalRequest, version: string, guest: ModelGuest, rest: string[]): LocalAnswer => {
    const [part, id] = rest;
    if (request.method === 'POST') return migrate(guest, request.body);
    if (request.method === 'DELETE') {
      const outcome = moves.abort(guest.id, Number(id));
      if (outcome === 'taken') return { status: 202 };
      if (outcome === 'unknown') return notFound(`Migration ${id ?? ''}`);
      return refused(400, 'badRequest', `Cannot abort migration ${id ?? ''} while it is in this state.`);
    }
    switch (part) {
      case undefined:
        moves.look(guest.id);
        return { body: { server: serverOf(version)(guest) } };
      case 'migrations':
        return { body: { migrations: moves.inProgress(guest.id) } };
      case 'os-instance-actions': {
        const instanceAction = moves.action(id ?? '');
        return instanceAction ? { body: { instanceAction } } : notFound(`Action for request_id ${id ?? ''}`);
      }
      default:
        return notFound(part);
    }
  };

  const listOfServers = (request: LocalRequest, version: string): LocalAnswer => {
    const uuid = request.query.get('uuid');
    // Only an admin may filter by it; from others it is not even refused.
    const found = [...model.guests.values()].filter(({ id }) => !isAdmin || uuid === null || id === uuid);
    return page('servers', found, ({ id }) => id, serverOf(version), request);
  };

  const server = await startLocalServer((request) => {
    const { path, query, headers } = request;
    if (path === '/v3/auth/tokens') return keystone.handle(request);
    if (!keystone.isValid(request)) return { status: 401, body: { error: { message: 'token expired' } } };
    if (path === '/v2.1/') {
      return { body: { version: { id: 'v2.1', status: 'CURRENT', version: newest, min_version: '2.1' } } };
    }
    const [, version = '2.1'] = /^compute (2\.\d+)$/.exec(String(headers['openstack-api-version'])) ?? [];
    if (minor(version) > minor(newest)) {
      return refused(406, 'computeFault', `Version ${version} is not supported by the API. Maximum is ${newest}.`);
    }
    const [list, id, ...rest] = path.replace('/v2.1/', '').split('/');
    switch (list ?? '') {
      case 'os-hypervisors':
        if (options.hostOfDownCell !== undefined) {
          return refused(500, 'computeFault', 'Unexpected API Error.');
        }
        return page('hypervisors', model.hosts, (name) => `uuid-${name}`, hypervisorOf(version), request);
      case 'os-services':
        return {
          body: {
            services: model.hosts.map((host) =>
              host === options.hostOfDownCell
                ? { binary: 'nova-compute', host, status: 'UNKNOWN' }
                : {
                    binary: 'nova-compute',
                    host,
                    zone: 'nova',
                    state: 'up',
                    status: 'enabled',
                    forced_down: false,
                    ...options.serviceFields?.[host],
                  },
            ),
          },
        };
      case 'os-aggregates':
        return { body: { aggregates: options.aggregates ?? [] } };
      case 'os-server-groups': {
        if (options.groupsForbidden) {
          return refused(
            403,
            'forbidden',
            "Policy doesn't allow os_compute_api:os-server-groups:index to be performed.",
          );
        }
        const offset = Number(query.get('offset') ?? 0);
        const groups = query.has('all_projects') ? (options.serverGroups ?? []) : [];
        return { body: { server_groups: groups.slice(offset, offset + Number(query.get('limit') ?? 1000)) } };
      }
      case 'os-migrations':
        return { body: { migrations: isAdmin ? moves.records(query.get('instance_uuid')) : [] } };
      case 'servers': {
        if (id === 'detail') return listOfServers(request, version);
        const guest = isAdmin ? model.guests.get(id ?? '') : undefined;
        return guest ? serverCall(request, version, guest, rest) : notFound(`Instance ${id ?? ''}`);
      }
      default:
        return notFound(path);
    }
  });
  const keystone = createKeystone(() => [
    {
      type: 'compute',
      endpoints: [{ interface: 'public', region: 'RegionOne', region_id: 'RegionOne', url: `${server.url}/v2.1` }],
    },
  ]);

  const connect = (url: string, how: CloudOptions) =>
    createOpenstack(
      {
        keystone: {
          authUrl: `${url}/v3`,
          username: 'mover',
          password: PASSWORD,
          userDomain: 'Default',
          project: 'admin',
          projectDomain: 'Default',
          interface: 'public',
        },
      },
      how,
    );
  const clock = createVirtualClock();
  const cloud = connect(server.url, { ...calmly(options), clock });
  return {
    cloud,
    connect,
    model,
    clock,
    server,
    hosts: model.hosts.map((id) => ({ id, name: `${id}.example` })),
    guestCount: model.guests.size,
    guest: { id: 'guest-0', name: 'vm 0' },
    pause: () => Promise.resolve(),
    troubles: {
      breakNextMove: () => void (model.next.breaks = true),
      divertNextMove: (id) => void (model.next.divertTo = id),
      removeGuest: () => void model.guests.delete('guest-0'),
      unplug: () => server.close(),
    },
    close: () => server.close(),
    refuseNextMove: (refusal) => void (moves.next.refusal = refusal),
    isMigrationRequest: ({ method, path }) => method === 'POST' && path.endsWith('/action'),
    isListOfGuests: ({ path }) => path === '/v2.1/servers/detail',
    movesTaken: () => model.moves.length,
    login: { revoke: keystone.revoke, count: keystone.logins },
    secrets: () => [PASSWORD, ...keystone.tokens()],
  };
}

/** 96 of `2.96`. */
function minor(version: string): number {
  return Number(version.split('.')[1]);
}
