import { describe, expect, it, onTestFinished } from 'vitest';
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
  it('come with two calls, as percent and bytes, and none where nothing runs', async () => {
    const harness = await set({
      nodeFields: { 'host-1': { status: 'offline' } },
      guestFields: { 'guest-1': { status: 'stopped' }, 'guest-2': { cpu: 1.04 } },
    });
    const { hosts, guests } = await harness.cloud.readings({ hosts: [], guests: [], periodMs: 60_000 });
    expect(harness.server.requests).toHaveLength(2);
    expect([...hosts.keys()]).toEqual(['node/host-0', 'node/host-2']);
    expect(hosts.get('node/host-0')).toMatchObject({
      'cpu.usage_active': { value: 62.5 },
      'mem.available': { value: 156 * GIB },
    });
    expect(guests.get('qemu/100')).toMatchObject({ 'cpu.usage_active': { value: 25 } });
    expect(guests.has('qemu/101')).toBe(false);
    expect(guests.get('qemu/102')).toMatchObject({ 'cpu.usage_active': { value: 100 } });
  });
});

describe('a move by Proxmox VE', () => {
  it.each<[string, object, RegExp]>([
    [
      'a local disk',
      { local_disks: [{ volid: 'local-lvm:vm-100-disk-0', size: 1 }] },
      /local disks local-lvm:vm-100-disk-0/,
    ],
    ['a local cdrom', { local_disks: [{ volid: 'local:iso/d.iso', cdrom: 1 }] }, /local cdrom local:iso\/d\.iso/],
    ['a local device', { local_resources: ['hostpci0'] }, /local resources hostpci0/],
    [
      'a storage that is not there',
      { not_allowed_nodes: { 'host-1': { unavailable_storages: ['fast'] } } },
      /storage fast is not there/,
    ],
    ['a node that is not among the allowed', { allowed_nodes: ['host-2'] }, /not among the allowed nodes host-2/],
    ['guests that HA would take along', { 'dependent-ha-resources': ['vm:101'] }, /take vm:101 along/],
    [
      'a rule of HA',
      { not_allowed_nodes: { 'host-1': { 'blocking-ha-resources': [{ sid: 'vm:7', cause: 'resource-affinity' }] } } },
      /HA rules keep it from vm:7/,
    ],
  ])('is refused in the forecast for %s', async (_what, preconditions, words) => {
    const harness = await set({ preconditions });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({
      allowed: false,
      reason: expect.stringMatching(words),
    });
  });

  it('takes local disks along where the rule allows it', async () => {
    const harness = await set({ preconditions: { local_disks: [{ volid: 'local-lvm:vm-100-disk-0' }] } });
    const request = { ...(await requestTo(harness, 1)), options: { withLocalDisks: true } };
    expect(await harness.cloud.forecast?.(request)).toEqual({ allowed: true });
    await harness.cloud.startMigration(request);
    expect(harness.server.requests.at(-1)?.body).toEqual({ target: 'host-1', online: '1', 'with-local-disks': '1' });
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

  it('tells the words of a status line, where Proxmox VE puts them', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    harness.server.fault = ({ method }) =>
      method === 'POST' ? { status: 500, statusText: 'VM 100 is locked (backup)', body: { data: null } } : undefined;
    await expect(harness.cloud.startMigration(request)).rejects.toThrow('HTTP 500 VM 100 is locked (backup)');
  });
});
