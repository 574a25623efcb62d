import { describe, expect, it, onTestFinished } from 'vitest';
import type { OpenstackOptions } from '../../support/clouds/openstack-server.js';
import { startOpenstack } from '../../support/clouds/openstack-server.js';
import { createVirtualClock } from '../../support/virtual-clock.js';
import { describeCloudContract } from './contract.js';
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

  it('asks for pages so small that a Nova that takes 16 ms a server answers each in time', async () => {
    const harness = await set({ guests: 1000 });
    await harness.cloud.inventory();
    const limits = harness.server.requests.flatMap(({ query }) =>
      query.has('limit') ? [Number(query.get('limit'))] : [],
    );
    expect(Math.max(...limits)).toBeLessThanOrEqual(250);
  });

  it('has the limit of its own that it was given, besides that of each call', async () => {
    const harness = await set();
    const how = { timeoutMs: 30_000, clock: createVirtualClock(), random: () => 0.5 };
    expect(harness.connect(harness.server.url, { ...how, inventoryTimeoutMs: 300_000 }).inventoryTimeoutMs).toBe(
      300_000,
    );
    expect(harness.connect(harness.server.url, how).inventoryTimeoutMs).toBeUndefined();
  });

  it('is read anew once when the server is gone after which the next page begins', async () => {
    const harness = await set({ guests: 50, pageSize: 10 });
    harness.server.fault = ({ query }) => {
      if (query.get('marker') === 'guest-19') harness.model.guests.delete('guest-19');
      return undefined;
    };
    expect((await harness.cloud.inventory()).guests).toHaveLength(49);
  });

  it('says in plain words that a cell is down, of which Nova only tells the names of its hosts', async () => {
    const harness = await set({ hostOfDownCell: 'host-2' });
    await expect(harness.cloud.inventory()).rejects.toThrow(
      'openstack: list compute services: the cell of host-2 does not answer',
    );
  });

  it('is an error, and never half a picture, where servers of a cell are not told', async () => {
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
    ['SHUTOFF', null, 4, 'shutoff'],
    ['ACTIVE', 'rebooting', 1, 'rebooting'],
    ['ACTIVE', null, 1, 'running'],
    ['ACTIVE', null, 4, 'active with power state shut down'],
    ['ACTIVE', null, 0, 'active with power state no state'],
    ['ACTIVE', null, 9, 'active with power state 9'],
  ])('a server in %s with task %s and power state %s is %s', async (status, task, power, expected) => {
    const fields = { status, 'OS-EXT-STS:task_state': task, 'OS-EXT-STS:power_state': power };
    const harness = await set({ serverFields: { 'guest-1': fields } });
    const { guests } = await harness.cloud.inventory();
    expect(guests.find(({ id }) => id === 'guest-1')?.status).toBe(expected);
  });

  it('says that a guest with a passed-through device cannot move', async () => {
    const flavor = { vcpus: 4, ram: 8192, extra_specs: { 'pci_passthrough:alias': 'gpu:1' } };
    const harness = await set({ serverFields: { 'guest-1': { flavor } } });
    const { guests } = await harness.cloud.inventory();
    expect(guests.find(({ id }) => id === 'guest-1')?.immovable).toBe('has the passed-through device gpu:1');
  });

  it('says that a guest of an affinity group cannot move, not even its only member', async () => {
    const group = { id: 'g', name: 'together', policy: 'affinity' as const, members: ['guest-1'] };
    const harness = await set({ serverGroups: [group] });
    const { guests } = await harness.cloud.inventory();
    expect(guests.find(({ id }) => id === 'guest-1')?.immovable).toContain('the affinity group together');
    expect(guests.find(({ id }) => id === 'guest-0')).not.toHaveProperty('immovable');
  });

  it('is read without server groups where these may not be asked for', async () => {
    const harness = await set({ groupsForbidden: true });
    expect((await harness.cloud.inventory()).guests).toHaveLength(4);
  });
});

describe('the version of Nova', () => {
  it.each(['2.87', '2.95', '2.104'])('%s is enough for a whole inventory', async (newest) => {
    const harness = await set({ newest });
    const { hosts, guests } = await harness.cloud.inventory();
    expect(hosts[0]).toMatchObject({ cpu_count: 40, mem_size: 262144, cpu_architecture: 'x86_64' });
    expect(guests).toHaveLength(4);
  });

  it.each([
    ['2.79', 'this Nova knows microversions up to 2.79; 2.87 is needed, which came with Ussuri'],
    ['', 'this Nova knows no microversions; 2.87 is needed'],
  ])('%s is too old, and said to be', async (newest, words) => {
    const harness = await set({ newest });
    await expect(harness.cloud.inventory()).rejects.toThrow(words);
  });
});
