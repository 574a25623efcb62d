import { describe, expect, it, onTestFinished } from 'vitest';
import type { OpenstackOptions } from '../../support/clouds/openstack-server.js';
import { startOpenstack } from '../../support/clouds/openstack-server.js';
import { describeCloudContract, followed, requestTo } from './contract.js';
import { describeHttpContract } from './http-contract.js';

describeCloudContract('openstack', startOpenstack);
describeHttpContract('openstack', startOpenstack);

const set = async (options?: OpenstackOptions) => {
  const harness = await startOpenstack(options);
  onTestFinished(() => harness.close());
  return harness;
};

describe('the inventory of an OpenStack', () => {
  it('is read page by page as long as there is a next one, also when the last page is full', async () => {
    const harness = await set({ guests: 50, pageSize: 10 });
    expect((await harness.cloud.inventory()).guests).toHaveLength(50);
    const markers = harness.server.requests
      .filter(({ path }) => path === '/v2.1/servers/detail')
      .map(({ query }) => query.get('marker'));
    expect(markers).toEqual([null, 'guest-9', 'guest-19', 'guest-29', 'guest-39', 'guest-49']);
  });

  it('is read anew once when the server is gone after which the next page begins', async () => {
    const harness = await set({ guests: 50, pageSize: 10 });
    harness.server.fault = ({ query }) => {
      if (query.get('marker') === 'guest-19') harness.model.guests.delete('guest-19');
      return undefined;
    };
    expect((await harness.cloud.inventory()).guests).toHaveLength(49);
  });

  it('is an error, and never half a picture, where a cell does not answer', async () => {
    const harness = await set({ serverFields: { 'guest-1': { status: 'UNKNOWN', flavor: undefined } } });
    await expect(harness.cloud.inventory()).rejects.toThrow('server vm 1 has no flavor: its cell does not answer');
  });

  it('is an error where hosts are not shown, for want of rights', async () => {
    const harness = await set({ serverFields: { 'guest-1': { 'OS-EXT-SRV-ATTR:host': undefined } } });
    await expect(harness.cloud.inventory()).rejects.toThrow('administrator rights are needed');
  });

  it.each<[string, OpenstackOptions, object]>([
    ['a hypervisor that is down', { hypervisorFields: { 'host-1': { state: 'down' } } }, { status: 'down' }],
    ['a service that is down', { serviceFields: { 'host-1': { state: 'down' } } }, { status: 'down' }],
    ['a service that was forced down', { serviceFields: { 'host-1': { forced_down: true } } }, { status: 'down' }],
    ['a disabled hypervisor', { hypervisorFields: { 'host-1': { status: 'disabled' } } }, { enabled: false }],
    ['a disabled service', { serviceFields: { 'host-1': { status: 'disabled' } } }, { enabled: false }],
    [
      'another kind of host',
      { hypervisorFields: { 'host-1': { hypervisor_type: 'VMware' } } },
      { host_type: 'vmware' },
    ],
    [
      'zone and aggregates',
      {
        serviceFields: { 'host-1': { zone: 'az2' } },
        aggregates: [
          { name: 'ssd', hosts: ['host-1'] },
          { name: 'gpu', hosts: ['host-1', 'host-2'] },
        ],
      },
      { tags: { az: 'az2', aggregates: 'gpu,ssd' } },
    ],
  ])('tells of %s', async (_what, options, expected) => {
    const harness = await set(options);
    const { hosts } = await harness.cloud.inventory();
    expect(hosts.find(({ id }) => id === 'host-1')).toMatchObject(expected);
  });

  it('leaves out bare metal, and servers that are on no host', async () => {
    const harness = await set({
      hypervisorFields: { 'host-2': { hypervisor_type: 'ironic' } },
      serverFields: { 'guest-1': { 'OS-EXT-SRV-ATTR:host': null, status: 'SHELVED_OFFLOADED' } },
    });
    const { hosts, guests } = await harness.cloud.inventory();
    expect(hosts.map(({ id }) => id)).toEqual(['host-0', 'host-1']);
    expect(guests.map(({ id }) => id)).not.toContain('guest-1');
  });

  it.each([
    ['SHUTOFF', null, 'shutoff'],
    ['ACTIVE', 'rebooting', 'rebooting'],
    ['ACTIVE', null, 'running'],
  ])('a server in %s with task %s is %s', async (status, task, expected) => {
    const harness = await set({ serverFields: { 'guest-1': { status, 'OS-EXT-STS:task_state': task } } });
    const { guests } = await harness.cloud.inventory();
    expect(guests.find(({ id }) => id === 'guest-1')?.status).toBe(expected);
  });

  it('says that a guest with a passed-through device cannot move', async () => {
    const flavor = { vcpus: 4, ram: 8192, extra_specs: { 'pci_passthrough:alias': 'gpu:1' } };
    const harness = await set({ serverFields: { 'guest-1': { flavor } } });
    const { guests } = await harness.cloud.inventory();
    expect(guests.find(({ id }) => id === 'guest-1')?.immovable).toBe('has the passed-through device gpu:1');
  });
});

describe('a move by Nova', () => {
  it('has the id of its own migration as its handle, not that of an earlier one', async () => {
    const harness = await set();
    const there = await requestTo(harness, 1);
    const first = await harness.cloud.startMigration(there);
    await followed(harness, there, first.accepted ? first.handle : undefined);
    const back = { guest: there.guest, source: there.target, target: there.source };
    const second = await harness.cloud.startMigration(back);
    expect([first, second]).toEqual([
      { accepted: true, handle: '41' },
      { accepted: true, handle: '42' },
    ]);
  });

  it('is found by following when Nova writes its record late', async () => {
    const harness = await set({ recordAfter: 5 });
    const request = await requestTo(harness, 1);
    const start = await harness.cloud.startMigration(request);
    expect(start).toEqual({ accepted: true, handle: 'after:0' });
    await harness.troubles.breakNextMove?.();
    const { end } = await followed(harness, request, 'after:0');
    expect(end).toMatchObject({ phase: 'failed', status: 'error', hostId: 'host-0' });
  });

  it('that failed before says nothing about a guest that is asked about without a handle', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.troubles.breakNextMove?.();
    const start = await harness.cloud.startMigration(request);
    const { end } = await followed(harness, request, start.accepted ? start.handle : undefined);
    expect(end.phase).toBe('failed');
    expect(await harness.cloud.migrationState(request, undefined)).toMatchObject({
      phase: 'settled',
      status: 'running',
    });
  });

  it('is not asked for when the earlier migrations cannot be read', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    harness.server.fault = ({ path }) =>
      path === '/v2.1/os-migrations'
        ? { status: 403, body: { forbidden: { message: 'Policy does not allow it' } } }
        : undefined;
    expect(await harness.cloud.startMigration(request)).toMatchObject({
      accepted: false,
      reason: expect.stringMatching(/not asked for.*Policy does not allow it/),
    });
    expect(harness.movesTaken()).toBe(0);
  });
});
