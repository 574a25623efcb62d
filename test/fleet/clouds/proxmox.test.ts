import { describe, expect, it, onTestFinished } from 'vitest';
import { createProxmox } from '../../../src/fleet/clouds/proxmox/proxmox.js';
import type { ProxmoxOptions } from '../../support/clouds/proxmox-server.js';
import { startProxmox } from '../../support/clouds/proxmox-server.js';
import { describeCloudContract, followed, requestTo } from './contract.js';
import { describeHttpContract } from './http-contract.js';

describeCloudContract('proxmox', startProxmox);
describeCloudContract('proxmox, under HA', (options) => startProxmox({ ...options, underHa: true }));
describeHttpContract('proxmox', startProxmox);

const set = async (options?: ProxmoxOptions) => {
  const harness = await startProxmox(options);
  onTestFinished(() => harness.close());
  return harness;
};
const GIB = 1024 ** 3;

describe('the inventory of a Proxmox VE cluster', () => {
  it.each<[string, ProxmoxOptions, object]>([
    [
      'a node that is offline',
      { nodeFields: { 'host-1': { status: 'offline', maxcpu: null, maxmem: null } } },
      { status: 'offline' },
    ],
    [
      'maintenance, as the HA manager tells it',
      { haStatus: [{ type: 'lrm', node: 'host-1', status: 'host-1 (maintenance mode, Sat Nov 21 05:00:00 2026)' }] },
      { maintenance: true },
    ],
    [
      'maintenance, as the resource tells it',
      { nodeFields: { 'host-1': { hastate: 'maintenance' } } },
      { maintenance: true },
    ],
    ['its address', {}, { addresses: ['10.0.0.1'] }],
    [
      'an architecture that is not the usual',
      { nodeFields: { 'host-1': { 'host-arch': 'aarch64' } } },
      { cpu_architecture: 'aarch64' },
    ],
    ['the usual architecture, of which Proxmox VE says nothing', {}, { cpu_architecture: 'x86_64' }],
  ])('tells of %s', async (_what, options, expected) => {
    const harness = await set(options);
    const { hosts } = await harness.cloud.inventory();
    expect(hosts.find(({ name }) => name === 'host-1')).toMatchObject(expected);
  });

  it.each<[string, object, object]>([
    [
      'a container',
      { type: 'lxc', id: 'lxc/101' },
      { immovable: 'is a container, which can only be moved by a restart' },
    ],
    ['a template', { template: 1, status: 'stopped' }, { status: 'stopped', immovable: 'is a template' }],
    ['a backup that runs', { lock: 'backup' }, { status: 'backup' }],
    ['an HA state of error', { hastate: 'error' }, { immovable: 'is in the HA state error' }],
    ['tags and pool', { tags: 'red;blue', pool: 'prod' }, { tags: { red: '', blue: '', pool: 'prod' } }],
    [
      'numbers that come as texts',
      { vmid: '101', maxcpu: '4', maxmem: String(8 * GIB) },
      { vcpu_count: 4, vmem_size: 8192 },
    ],
  ])('tells of %s of a guest', async (_what, fields, expected) => {
    const harness = await set({ guestFields: { 'guest-1': fields } });
    const { guests } = await harness.cloud.inventory();
    expect(guests.find(({ name }) => name === 'vm 1')).toMatchObject(expected);
  });

  it.each<[string, ProxmoxOptions, RegExp]>([
    ['there is no quorum', { clusterStatus: [{ type: 'cluster', quorate: 0 }] }, /no quorum/],
    ['a node is missing', { clusterStatus: [{ type: 'node', name: 'host-9' }] }, /list nodes: host-9 missing/],
    ['the token may not see nodes', { nodeFields: { 'host-1': { maxcpu: null } } }, /host-1 has no CPUs.*Sys\.Audit/],
  ])('is an error, and never half a picture, where %s', async (_what, options, words) => {
    const harness = await set(options);
    await expect(harness.cloud.inventory()).rejects.toThrow(words);
  });
});

describe('the readings of a Proxmox VE cluster', () => {
  const query = { hosts: [], guests: [], periodMs: 60_000 };
  /** What `/cluster/metrics/export` tells of some values, a sample every ten seconds up to now. */
  const past = (id: string, metric: string, values: number[]) =>
    values.map((value, index) => ({
      id,
      metric,
      value,
      timestamp: Date.parse('2026-11-21T05:00:00Z') / 1000 - 10 * (values.length - 1 - index),
      type: 'gauge',
    }));

  it('come with three calls, as percent and bytes, and none where nothing runs', async () => {
    const harness = await set({
      nodeFields: { 'host-1': { status: 'offline' } },
      guestFields: { 'guest-1': { status: 'stopped' } },
    });
    const { hosts, guests } = await harness.cloud.readings(query);
    expect(harness.server.requests).toHaveLength(3);
    expect([...hosts.keys()]).toEqual(['node/host-0', 'node/host-2']);
    expect(hosts.get('node/host-0')).toMatchObject({
      'cpu.usage_active': { value: 62.5 },
      'mem.available': { value: 156 * GIB },
    });
    expect(guests.get('qemu/100')).toMatchObject({ 'cpu.usage_active': { value: 25 } });
    expect(guests.has('qemu/101')).toBe(false);
  });

  it('of a guest above 100 % are 100 %, and a node above 100 % has none', async () => {
    const harness = await set({ guestFields: { 'guest-2': { cpu: 1.04 } }, nodeFields: { 'host-1': { cpu: 1.04 } } });
    const { hosts, guests } = await harness.cloud.readings(query);
    expect(guests.get('qemu/102')).toMatchObject({ 'cpu.usage_active': { value: 100 } });
    expect(hosts.get('node/host-1')).toEqual({ 'mem.available': expect.anything() });
  });

  it('are means over the period where the cluster tells its last half hour', async () => {
    const data = [
      ...past('node/host-0', 'cpu_current', [0.9, 0.2, 0.4, 0.6]),
      ...past('node/host-0', 'mem_used', [10 * GIB, 20 * GIB, 30 * GIB]),
      ...past('node/host-0', 'uptime', [1, 2, 3]),
      ...past('qemu/100', 'cpu_current', [1.2, 0.5]),
    ];
    const harness = await set({ answers: { '/cluster/metrics/export': { data } } });
    const { hosts, guests } = await harness.cloud.readings({ ...query, periodMs: 25_000 });
    const asked = harness.server.requests.find(({ path }) => path.endsWith('/export'));
    expect(Object.fromEntries(asked?.query ?? [])).toEqual({ history: '1', 'start-time': String(1_795_237_175) });
    // The first sample of the node is older than the period.
    expect(hosts.get('node/host-0')?.['cpu.usage_active']?.value).toBeCloseTo(40);
    expect(hosts.get('node/host-0')?.['mem.available']?.value).toBe(236 * GIB);
    expect(guests.get('qemu/100')?.['cpu.usage_active']?.value).toBeCloseTo(75);
    // Of what it does not tell there is the value of the moment.
    expect(hosts.get('node/host-1')?.['cpu.usage_active']?.value).toBe(62.5);
  });

  it.each<[string, object]>([
    ['has no such call', { status: 501, statusText: "Method 'GET /cluster/metrics/export' not implemented" }],
    [
      'gives no right to them',
      { status: 403, body: { data: null, message: 'Permission check failed (/, Sys.Audit)\n' } },
    ],
    ['answers nonsense', { body: { data: { data: [{ id: 7 }] } } }],
  ])('are those of the moment where the cluster %s', async (_what, answer) => {
    const harness = await set();
    harness.server.fault = ({ path }) => (path.endsWith('/export') ? answer : undefined);
    const { hosts } = await harness.cloud.readings(query);
    expect(hosts.get('node/host-0')?.['cpu.usage_active']?.value).toBe(62.5);
  });

  it('are those of the moment where the means take too long', async () => {
    const harness = await set({ timeoutMs: 200 });
    harness.server.fault = ({ path }) => (path.endsWith('/export') ? 'silent' : undefined);
    const { hosts } = await harness.cloud.readings(query);
    expect(hosts.get('node/host-0')?.['cpu.usage_active']?.value).toBe(62.5);
  });

  it('are those of the moment where there would be too many samples', async () => {
    const harness = await set({ hosts: 40, guests: 1000 });
    await harness.cloud.readings({ ...query, periodMs: 300_000 });
    expect(harness.server.requests.map(({ path }) => path)).not.toContain('/api2/json/cluster/metrics/export');
  });

  it('are the newest that the cluster tells, and old where a node has ended to report', async () => {
    const data = past('node/host-0', 'cpu_current', [0.5, 0.5]).map((it) => ({ ...it, timestamp: it.timestamp - 40 }));
    const harness = await set({ answers: { '/cluster/metrics/export': { data } } });
    const { hosts } = await harness.cloud.readings(query);
    const at = hosts.get('node/host-0')?.['cpu.usage_active']?.at ?? 0;
    expect(harness.clock.now() - at).toBe(40_000);
  });

  it('are none of a node whose uptime has stood still for over 20 s, nor of its guests', async () => {
    const nodeFields: Record<string, object> = { 'host-0': { uptime: 500 } };
    const harness = await set({ nodeFields });
    const readable = async () => {
      const { hosts, guests } = await harness.cloud.readings(query);
      return [hosts.has('node/host-0'), guests.has('qemu/100'), hosts.has('node/host-1'), guests.has('qemu/101')];
    };
    expect(await readable()).toEqual([true, true, true, true]);
    harness.clock.advance(20_000);
    expect(await readable()).toEqual([true, true, true, true]);
    harness.clock.advance(1000);
    expect(await readable()).toEqual([false, false, true, true]);
    nodeFields['host-0'] = { uptime: 521 };
    expect(await readable()).toEqual([true, true, true, true]);
  });
});

describe('a forecast of Proxmox VE', () => {
  it('allows a node that stands in not_allowed_nodes with nothing against it', async () => {
    const harness = await set({
      preconditions: { allowed_nodes: ['host-1', 'host-2'], not_allowed_nodes: { 'host-1': {}, 'host-2': {} } },
    });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({ allowed: true });
  });

  it('allows a guest with a cloud-init drive, which is made anew on the target', async () => {
    const drive = { volid: 'local-lvm:vm-100-cloudinit', cdrom: 1, is_cloudinit: 1, drivename: 'ide2' };
    const harness = await set({ preconditions: { local_disks: [drive] } });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({ allowed: true });
  });

  it.each<[string, object, RegExp]>([
    [
      'local disks, with what they are',
      {
        local_disks: [
          { volid: 'lvm:disk-0', drivename: 'scsi0', cdrom: 0 },
          { volid: 'lvm:disk-1', is_unused: 1 },
          { volid: 'lvm:disk-2', drivename: 'tpmstate0', is_tpmstate: 1 },
        ],
      },
      /local disks lvm:disk-0 \(scsi0\), lvm:disk-1 \(unused\), lvm:disk-2 \(TPM state\)/,
    ],
    ['a local cdrom', { local_disks: [{ volid: 'local:iso/d.iso', cdrom: 1 }] }, /local cdrom local:iso\/d\.iso/],
    ['a local device', { local_resources: ['hostpci0'] }, /local resources hostpci0/],
    [
      'a storage that is not there',
      { allowed_nodes: ['host-2'], not_allowed_nodes: { 'host-1': { unavailable_storages: ['fast'] }, 'host-2': {} } },
      /node host-1 is not among the allowed nodes host-2: it does not have the storage fast/,
    ],
    [
      'mapped devices that are not there',
      { allowed_nodes: [], not_allowed_nodes: { 'host-1': { 'unavailable-resources': ['gpu', 'nic'] } } },
      /\(none\): it does not have the mapped devices gpu, nic/,
    ],
    [
      'a cause that nobody has heard of, where there is no list of allowed nodes',
      { allowed_nodes: null, not_allowed_nodes: { 'host-1': { 'moon-phase': ['full'] } } },
      /node host-1 is not allowed: moon-phase full/,
    ],
    ['a node that is not among the allowed', { allowed_nodes: ['host-2'] }, /not among the allowed nodes host-2/],
    ['guests that HA would take along', { 'dependent-ha-resources': ['vm:101'] }, /take vm:101 along/],
    [
      'guests that HA keeps it from',
      {
        allowed_nodes: [],
        not_allowed_nodes: { 'host-1': { 'blocking-ha-resources': [{ sid: 'vm:7', cause: 'resource-affinity' }] } },
      },
      /a rule of HA keeps the guest from vm:7 \(resource-affinity\)/,
    ],
  ])('refuses for %s', async (_what, preconditions, words) => {
    const harness = await set({ preconditions });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({
      allowed: false,
      reason: expect.stringMatching(words),
    });
  });

  const pin = (fields: object) => [{ rule: 'pin', type: 'node-affinity', resources: 'vm:100,vm:102', ...fields }];
  const resource = (fields: object) => [{ sid: 'vm:100', state: 'started', ...fields }];
  it.each<[string, Record<string, unknown>, RegExp | undefined]>([
    [
      'a strict rule names other nodes',
      { '/cluster/ha/rules': pin({ nodes: 'host-0,host-2', strict: 1 }) },
      /HA rule pin allows only host-0, host-2/,
    ],
    [
      'a rule prefers other nodes',
      { '/cluster/ha/rules': pin({ nodes: 'host-0:2,host-1:1', strict: 0 }) },
      /HA rule pin prefers host-0: the HA manager would send it back there/,
    ],
    ['a rule names the target', { '/cluster/ha/rules': pin({ nodes: 'host-1', strict: 1 }) }, undefined],
    ['a rule names the target among equals', { '/cluster/ha/rules': pin({ nodes: 'host-0,host-1' }) }, undefined],
    ['a rule is disabled', { '/cluster/ha/rules': pin({ nodes: 'host-0', strict: 1, disable: 1 }) }, undefined],
    [
      'a rule contradicts others, and HA leaves it out',
      { '/cluster/ha/rules': pin({ nodes: 'host-0', strict: 1, errors: { resources: ['used twice'] } }) },
      undefined,
    ],
    [
      'a rule is for other guests',
      { '/cluster/ha/rules': pin({ nodes: 'host-0', strict: 1, resources: 'vm:1000' }) },
      undefined,
    ],
    [
      'a rule prefers other nodes, and the guest is not sent back',
      { '/cluster/ha/rules': pin({ nodes: 'host-0' }), '/cluster/ha/resources': resource({ failback: 0 }) },
      undefined,
    ],
    [
      'the guest is not under HA',
      { '/cluster/ha/rules': pin({ nodes: 'host-0', strict: 1 }), '/cluster/ha/resources': [] },
      undefined,
    ],
    [
      'HA ignores the guest',
      {
        '/cluster/ha/rules': pin({ nodes: 'host-0', strict: 1 }),
        '/cluster/ha/resources': resource({ state: 'ignored' }),
      },
      undefined,
    ],
    [
      'a rule keeps guests apart',
      {
        '/cluster/ha/rules': [
          { rule: 'apart', type: 'resource-affinity', affinity: 'negative', resources: 'vm:100,vm:101' },
        ],
      },
      /HA rule apart keeps it apart from vm:101/,
    ],
    [
      'a rule keeps guests together',
      {
        '/cluster/ha/rules': [
          { rule: 'pair', type: 'resource-affinity', affinity: 'positive', resources: 'vm:100,vm:103' },
        ],
      },
      /HA rule pair keeps it with vm:103/,
    ],
  ])('asks the rules of HA: %s', async (_what, answers, words) => {
    const harness = await set({ underHa: true, answers });
    const answer = await harness.cloud.forecast?.(await requestTo(harness, 1));
    expect(answer).toEqual(words ? { allowed: false, reason: expect.stringMatching(words) } : { allowed: true });
  });

  it('does not count a node that is offline among the preferred ones', async () => {
    const answers = { '/cluster/ha/rules': pin({ nodes: 'host-2:2,host-1:1' }) };
    const harness = await set({ underHa: true, answers, nodeFields: { 'host-2': { status: 'offline' } } });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({ allowed: true });
  });

  it.each<[string, object, RegExp | undefined]>([
    [
      'restricted to others',
      { nodes: 'host-0,host-2', restricted: 1, nofailback: 1 },
      /HA group fast allows only host-0, host-2/,
    ],
    ['that prefers others', { nodes: 'host-0' }, /HA group fast prefers host-0/],
    ['that prefers others without failback', { nodes: 'host-0', nofailback: 1 }, undefined],
    ['that has the target', { nodes: 'host-1:3,host-0:2', restricted: 1 }, undefined],
  ])('asks the groups of HA, before Proxmox VE 9: one %s', async (_what, group, words) => {
    const answers = {
      '/cluster/ha/rules': undefined,
      '/cluster/ha/groups': [{ group: 'fast', ...group }],
      '/cluster/ha/resources': resource({ group: 'fast' }),
    };
    const harness = await set({ underHa: true, answers });
    const answer = await harness.cloud.forecast?.(await requestTo(harness, 1));
    expect(answer).toEqual(words ? { allowed: false, reason: expect.stringMatching(words) } : { allowed: true });
  });

  it('is a refusal in the words of Proxmox VE, which is not asked again', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    const isForecast = ({ method, path }: { method: string; path: string }) =>
      method === 'GET' && path.endsWith('/migrate');
    const words = "no such cluster node 'host-1'";
    harness.server.fault = (received) =>
      isForecast(received)
        ? { status: 500, statusText: words, body: { data: null, message: `${words}\n` } }
        : undefined;
    expect(await harness.cloud.forecast?.(request)).toEqual({ allowed: false, reason: words });
    expect(harness.server.requests.filter(isForecast)).toHaveLength(1);
  });
});

describe('a move by Proxmox VE', () => {
  it('takes local disks along where the rule allows it', async () => {
    const harness = await set({ preconditions: { local_disks: [{ volid: 'local-lvm:vm-100-disk-0' }] } });
    const request = { ...(await requestTo(harness, 1)), options: { withLocalDisks: true } };
    expect(await harness.cloud.forecast?.(request)).toEqual({ allowed: true });
    await harness.cloud.startMigration(request);
    expect(harness.server.requests.at(-1)?.body).toEqual({ target: 'host-1', online: '1', 'with-local-disks': '1' });
  });

  it('has a limit of bandwidth and its connections where that is set', async () => {
    const harness = await set({ settings: { bwlimitKib: 102_400, withConntrackState: true } });
    await harness.cloud.startMigration(await requestTo(harness, 1));
    expect(harness.server.requests.at(-1)?.body).toEqual({
      target: 'host-1',
      online: '1',
      bwlimit: '102400',
      'with-conntrack-state': '1',
    });
  });

  it('that failed says so in the words of its task', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.troubles.breakNextMove?.();
    const start = await harness.cloud.startMigration(request);
    expect(start).toMatchObject({ handle: expect.stringMatching(/^UPID:host-0:.*:qmigrate:100:/) });
    const { end } = await followed(harness, request, start.accepted ? start.handle : undefined);
    expect(end).toMatchObject({ phase: 'failed', reason: 'migration aborted', hostId: 'node/host-0' });
  });

  it.each([
    [
      { status: 500, statusText: 'VM is locked (backup)', body: { data: null, message: 'VM is locked (backup)\n' } },
      'VM is locked (backup)',
    ],
    [
      {
        status: 400,
        statusText: 'Parameter verification failed.',
        body: {
          data: null,
          errors: { target: 'invalid format - value does not look like a valid node name\n' },
          message: 'Parameter verification failed.\n',
        },
      },
      'HTTP 400: Parameter verification failed. (target: invalid format - value does not look like a valid node name)',
    ],
    [
      { status: 403, body: { data: null, message: 'Permission check failed (/vms/100, VM.Migrate)\n' } },
      'HTTP 403: Permission check failed (/vms/100, VM.Migrate)',
    ],
  ])('is refused at once, in the words of the answer: %j', async (answer, reason) => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    harness.server.fault = ({ method }) => (method === 'POST' ? answer : undefined);
    expect(await harness.cloud.startMigration(request)).toEqual({ accepted: false, reason });
    expect(harness.server.requests.filter((it) => harness.isMigrationRequest(it))).toHaveLength(1);
  });

  it.each([
    [595, 'No route to host'],
    [596, 'Connection timed out'],
    [599, 'Too many redirections'],
    [500, 'proxy is out of order'],
  ])(
    'whose answer is HTTP %i without words of Proxmox VE may have begun: it is not asked for again',
    async (status, statusText) => {
      const harness = await set();
      const request = await requestTo(harness, 1);
      harness.server.fault = ({ method }) => (method === 'POST' ? { status, statusText, body: '' } : undefined);
      await expect(harness.cloud.startMigration(request)).rejects.toThrow(`HTTP ${status} ${statusText}`);
      expect(harness.server.requests.filter((it) => harness.isMigrationRequest(it))).toHaveLength(1);
    },
  );
});

describe('a move by the HA manager', () => {
  const begun = async (options: ProxmoxOptions) => {
    const harness = await set({ underHa: true, ...options });
    const request = await requestTo(harness, 1);
    const start = await harness.cloud.startMigration(request);
    if (!start.accepted) throw new Error(start.reason);
    expect(start.handle).toMatch(/:hamigrate:100:/);
    return { harness, request, handle: start.handle };
  };

  it('is on its way from the request to the arrival, whatever the task and the HA state say', async () => {
    const { harness, request, handle } = await begun({});
    const { end, before } = await followed(harness, request, handle);
    expect(before.map(({ phase }) => phase)).toEqual(before.map(() => 'moving'));
    expect(new Set(before.map((state) => ('status' in state ? state.status : '')))).toEqual(
      new Set(['running', 'asked of the HA manager', 'migrate']),
    );
    expect(end).toEqual({ phase: 'settled', status: 'running', hostId: 'node/host-1' });
    expect(harness.clock.monotonic()).toBeGreaterThanOrEqual(60_000);
  });

  it('is on its way for a process that knows no more than its handle', async () => {
    const { harness, request, handle } = await begun({});
    harness.clock.advance(5000);
    const other = harness.connect(harness.server.url, { timeoutMs: 30_000, clock: harness.clock, random: () => 0.5 });
    expect(await other.migrationState(request, handle)).toEqual({ phase: 'moving', status: 'asked of the HA manager' });
  });

  it('that it never begins is at rest on its source after a minute', async () => {
    const { harness, request, handle } = await begun({ haAnswer: 'ignores' });
    harness.clock.advance(59_000);
    expect(await harness.cloud.migrationState(request, handle)).toMatchObject({ phase: 'moving' });
    harness.clock.advance(1000);
    expect(await harness.cloud.migrationState(request, handle)).toMatchObject({
      phase: 'settled',
      hostId: 'node/host-0',
    });
  });

  it('that it takes back has failed, in the words of the task that it had moved the guest by', async () => {
    const { harness, request, handle } = await begun({ haAnswer: 'takes back' });
    const { end } = await followed(harness, request, handle);
    expect(end).toEqual({
      phase: 'failed',
      status: 'running',
      reason: 'the HA manager has taken it back to host-0: migration aborted',
      hostId: 'node/host-0',
    });
    expect(await harness.cloud.migrationState(request, undefined)).toMatchObject({ phase: 'settled' });
  });

  it('that somebody else has asked for is nothing of ours once it is over', async () => {
    const { harness, request } = await begun({ haAnswer: 'takes back' });
    const other = harness.connect(harness.server.url, { timeoutMs: 30_000, clock: harness.clock, random: () => 0.5 });
    harness.clock.advance(10_000);
    expect(await other.migrationState(request, undefined)).toMatchObject({ phase: 'moving' });
    harness.clock.advance(20_000);
    expect(await other.migrationState(request, undefined)).toMatchObject({ phase: 'settled', hostId: 'node/host-0' });
  });

  it('is given up once its task runs', async () => {
    const { harness, request, handle } = await begun({});
    await harness.cloud.cancelMigration?.(request, handle);
    expect(harness.server.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(1);
    expect(harness.model.moves).toMatchObject([{ state: 'cancelled' }]);
  });
});

describe('a cluster that is asked through several nodes', () => {
  const through = async (...ways: ((url: string) => string)[]) => {
    const harness = await set();
    const settings = { urls: ways.map((way) => way(harness.server.url)), token: harness.secrets()[0]! };
    const how = { timeoutMs: 30_000, clock: harness.clock, random: () => 0.5 };
    return { harness, cloud: createProxmox(settings, how) };
  };
  const dead = () => 'http://127.0.0.1:1';

  it('is asked through the next where one does not answer, and a move then through that one', async () => {
    const { harness, cloud } = await through(dead, (url) => url);
    const { guests, hosts } = await cloud.inventory();
    expect(guests).toHaveLength(harness.guestCount);
    const [source, target] = hosts;
    expect(await cloud.startMigration({ guest: guests[0]!, source: source!, target: target! })).toMatchObject({
      accepted: true,
    });
  });

  it('is asked through the next where one does not reach the others', async () => {
    const { harness, cloud } = await through(
      (url) => url,
      (url) => url,
    );
    let faults = 1;
    harness.server.fault = ({ path, query }) =>
      path.endsWith('/resources') && query.get('type') === 'vm' && faults-- > 0 ? { status: 595, body: '' } : undefined;
    expect((await cloud.inventory()).guests).toHaveLength(harness.guestCount);
  });

  it('is an error where none answers', async () => {
    const { cloud } = await through(dead, dead);
    await expect(cloud.inventory()).rejects.toThrow(/^proxmox: .*ECONNREFUSED/);
  });

  it('is asked through the next, next time, where one is cut off from the quorum', async () => {
    const cut = await set({ clusterStatus: [{ type: 'cluster', quorate: 0 }] });
    const { harness, cloud } = await through(
      () => cut.server.url,
      (url) => url,
    );
    await expect(cloud.inventory()).rejects.toThrow(/no quorum/);
    expect((await cloud.inventory()).guests).toHaveLength(harness.guestCount);
  });
});

describe('what is amiss with a Proxmox VE cluster', () => {
  const all = { 'Sys.Audit': 1, 'VM.Audit': 1, 'VM.Migrate': 1 };
  const inOrder = {
    '/access/permissions': { '/': all, '/nodes': all, '/vms': all },
    '/cluster/metrics/export': { data: [] },
  };
  it.each<[string, Record<string, unknown>, RegExp[]]>([
    ['nothing, where all is as it should be', {}, []],
    [
      'a token that sees only some guests',
      { '/access/permissions': { '/': { 'Sys.Audit': 1 }, '/nodes': all, '/vms/100': all } },
      [/^the token does not have VM\.Audit on all of \/vms: guests that it may not see/, /VM\.Migrate on all of \/vms/],
    ],
    [
      'a guest that is kept from the token',
      { '/access/permissions': { '/': all, '/nodes': all, '/vms': all, '/vms/101': { 'VM.Audit': 1 } } },
      [/^the token does not have VM\.Migrate on \/vms\/101/],
    ],
    [
      'a right that holds for one path alone',
      { '/access/permissions': { '/': all, '/nodes': { 'Sys.Audit': 0 }, '/vms': all } },
      [/^the token does not have Sys\.Audit on all of \/nodes/],
    ],
    [
      'an HA manager that balances by itself',
      { '/cluster/options': { crs: { ha: 'dynamic', 'ha-auto-rebalance': 1 } } },
      [/^the HA manager of the cluster balances guests under HA by itself/],
    ],
    [
      'the same, as a text',
      { '/cluster/options': { crs: 'ha=dynamic,ha-auto-rebalance=1' } },
      [/balances guests under HA by itself/],
    ],
    ['not an HA manager that only places by load', { '/cluster/options': { crs: { ha: 'dynamic' } } }, []],
    [
      'readings that are only of the moment',
      { '/cluster/metrics/export': undefined },
      [/^without METRICS, readings are those of the moment, not means over the period of a rule: .*501/],
    ],
  ])('is told at the start: %s', async (_what, answers, words) => {
    const harness = await set({ answers: { ...inOrder, ...answers } });
    expect(await harness.cloud.warnings?.()).toEqual(words.map((word): unknown => expect.stringMatching(word)));
  });
});
