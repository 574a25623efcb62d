import type { CloudHarness, HarnessOptions } from '../../fleet/clouds/contract.js';
import type { HttpHarness } from '../../fleet/clouds/http-contract.js';
import { createOpenstack } from '../../../src/fleet/clouds/openstack/openstack.js';
import type { CloudOptions } from '../../../src/fleet/clouds/cloud-options.js';
import type { LocalAnswer, LocalRequest } from '../local-server.js';
import { startLocalServer } from '../local-server.js';
import { PASSWORD, createKeystone } from './keystone.js';
import type { Model, ModelGuest, ModelMove } from './model.js';
import { calmly, createModel } from './model.js';

/** What a test may change of the fleet. */
export interface OpenstackOptions extends HarnessOptions {
  /** Fields over those of hypervisors and of services, by host. */
  hypervisorFields?: Record<string, object>;
  serviceFields?: Record<string, object>;
  /** Fields over those of a server, by its id. */
  serverFields?: Record<string, object>;
  aggregates?: { name: string; hosts: string[] }[];
  /** Nova's own limit, 1000 by default. */
  pageSize?: number;
  /** Looks at the migrations before a new one has its record. */
  recordAfter?: number;
}

/** An OpenStack on loopback: Keystone, and Nova as of microversion 2.87. */
export async function startOpenstack(
  options: OpenstackOptions = {},
): Promise<HttpHarness & CloudHarness & { model: Model }> {
  const model = createModel(options);
  let looksForRecord = 0;

  const hypervisorOf = (name: string) => ({
    id: `uuid-${name}`,
    hypervisor_hostname: `${name}.example`,
    hypervisor_type: 'QEMU',
    host_ip: '10.0.0.1',
    state: 'up',
    status: 'enabled',
    vcpus: 40,
    vcpus_used: 8,
    memory_mb: 262144,
    memory_mb_used: 32768,
    cpu_info: { arch: 'x86_64', model: 'Cascadelake' },
    service: { host: name, id: `service-${name}`, disabled_reason: null },
    ...options.hypervisorFields?.[name],
  });
  const serverOf = (guest: ModelGuest) => ({
    id: guest.id,
    name: guest.name,
    status: model.moveOf(guest.id) ? 'MIGRATING' : 'ACTIVE',
    'OS-EXT-SRV-ATTR:host': guest.host,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': `${guest.host}.example`,
    'OS-EXT-STS:task_state': model.moveOf(guest.id) ? 'migrating' : null,
    flavor: { original_name: 'm1', vcpus: 4, ram: 8192, disk: 10, extra_specs: {} },
    metadata: {},
    ...options.serverFields?.[guest.id],
  });
  const words = { done: 'completed', failed: 'error', cancelled: 'cancelled' };
  const migrationOf = (move: ModelMove) => ({
    id: move.id + 40,
    uuid: `migration-${move.id}`,
    instance_uuid: move.guest.id,
    migration_type: 'live-migration',
    source_compute: move.source,
    dest_compute: move.target,
    status: move.state === 'moving' ? (move.looks < 2 ? 'preparing' : 'running') : words[move.state],
    created_at: '2026-11-21T05:00:00.000000',
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

  const serverCall = (request: LocalRequest, guest: ModelGuest, rest: string[]): LocalAnswer => {
    const { method, body } = request;
    if (method === 'POST') {
      const { host, block_migration: block } = (body as { 'os-migrateLive': Record<string, unknown> })[
        'os-migrateLive'
      ];
      if (!model.hosts.includes(String(host)) || block !== 'auto') {
        return {
          status: 400,
          body: { badRequest: { code: 400, message: `Compute host ${String(host)} could not be found.` } },
        };
      }
      if (model.moveOf(guest.id)) {
        return {
          status: 409,
          body: { conflictingRequest: { code: 409, message: 'Cannot live-migrate: task_state migrating' } },
        };
      }
      model.start(guest, String(host));
      looksForRecord = 0;
      return { status: 202 };
    }
    const move = model.moveOf(guest.id);
    if (method === 'DELETE') {
      if (move?.id !== Number(rest[1]) - 40) return notFound('Migration');
      move.state = 'cancelled';
      return { status: 202 };
    }
    if (rest[0] === 'migrations') {
      const memory = move && { memory_total_bytes: 1000, memory_processed_bytes: model.progress(move) * 10 };
      return { body: { migrations: move ? [{ ...migrationOf(move), ...memory }] : [] } };
    }
    model.look(guest.id);
    return { body: { server: serverOf(guest) } };
  };

  const server = await startLocalServer((request) => {
    const { path, query, headers } = request;
    if (path === '/v3/auth/tokens') return keystone.handle(request);
    if (!keystone.isValid(request)) return { status: 401, body: { error: { message: 'token expired' } } };
    if (headers['openstack-api-version'] !== 'compute 2.87') return { status: 406, body: 'microversion' };
    const [list, id, ...rest] = path.replace('/v2.1/', '').split('/');
    switch (list ?? '') {
      case 'os-hypervisors':
        return page('hypervisors', model.hosts, (name) => `uuid-${name}`, hypervisorOf, request);
      case 'os-services':
        return {
          body: {
            services: model.hosts.map((host) => {
              return {
                host,
                zone: 'nova',
                state: 'up',
                status: 'enabled',
                forced_down: false,
                ...options.serviceFields?.[host],
              };
            }),
          },
        };
      case 'os-aggregates':
        return { body: { aggregates: options.aggregates ?? [] } };
      case 'os-migrations': {
        looksForRecord += 1;
        const known = model.moves.filter(({ guest }) => guest.id === query.get('instance_uuid'));
        const written = looksForRecord > (options.recordAfter ?? 0) ? known : known.slice(0, -1);
        return { body: { migrations: written.map(migrationOf).reverse() } };
      }
      case 'servers': {
        if (id === 'detail') return page('servers', [...model.guests.values()], (guest) => guest.id, serverOf, request);
        const guest = model.guests.get(id ?? '');
        return guest ? serverCall(request, guest, rest) : notFound(`Instance ${id ?? ''}`);
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
  const cloud = connect(server.url, calmly(options));
  return {
    cloud,
    connect,
    model,
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
    isMigrationRequest: ({ method, path }) => method === 'POST' && path.endsWith('/action'),
    isListOfGuests: ({ path }) => path === '/v2.1/servers/detail',
    movesTaken: () => model.moves.length,
    login: { revoke: keystone.revoke, count: keystone.logins },
    secrets: () => [PASSWORD, ...keystone.tokens()],
  };
}
