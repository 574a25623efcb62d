import { describe, expect, it } from 'vitest';
import { createInventory } from '../../../../src/fleet/clouds/libvirt/inventory.js';
import type { Printed } from './fixtures.js';
import { libvirtHost, printed, printingVirsh } from './fixtures.js';

const HOSTS = ['a', 'b'].map(libvirtHost);
const UUID = '40b5d187-31d2-4302-84c9-cb19f5bd24be';

/** A host with one guest, in a state of libvirt's numbers. */
const host = (name: string, state?: [state: number, reason: number]) => ({
  hostname: `${name}.example\n`,
  nodeinfo: printed('nodeinfo.txt'),
  nodememstats: printed('nodememstats.txt'),
  capabilities: printed('capabilities.xml').replace('cbc1dc73', `cbc1dc7${name}`),
  list: state ? `${UUID} vm2\n\n` : '\n',
  domstats: state
    ? `Domain: 'vm2'\n  state.state=${state[0]}\n  state.reason=${state[1]}\n  balloon.maximum=98304\n  vcpu.current=2\n\n`
    : '',
});
const inventory = (printedBy: Printed) => createInventory(printingVirsh(printedBy), HOSTS, []);
const RUNNING: [number, number] = [1, 1];
const INCOMING: [number, number] = [3, 2];
const SHUT_OFF: [number, number] = [5, 1];

describe('the inventory of libvirt hosts', () => {
  it('has every host under its name, and finds it by its own host name, address and UUID too', async () => {
    const { hosts } = await inventory((name) => host(name))();
    expect(hosts[0]).toEqual({
      id: 'a',
      name: 'a',
      addresses: ['a.example', 'cbc1dc7a-b07b-4917-80ae-a6b2fb8b88b8'],
      status: 'online',
      enabled: true,
      host_type: 'qemu',
      cpu_architecture: 'x86_64',
      cpu_count: 2,
      mem_size: 2048,
      tags: { host_uuid: 'cbc1dc7a-b07b-4917-80ae-a6b2fb8b88b8', cpu_model: 'kvm64' },
    });
  });

  it('has a host whose daemon does not answer as offline, with what was last known of it', async () => {
    let silent = true;
    const read = inventory((name) => (name === 'b' && silent ? undefined : host(name, RUNNING)));
    const reason = 'b: failed to connect to the hypervisor';
    expect((await read()).hosts[1]).toMatchObject({
      status: 'offline',
      cpu_count: 1,
      tags: { offline_reason: reason },
    });
    silent = false;
    await read();
    silent = true;
    const { hosts, guests } = await read();
    expect(hosts.map(({ status }) => status)).toEqual(['online', 'offline']);
    expect(hosts[1]).toMatchObject({ cpu_count: 2, mem_size: 2048, tags: { offline_reason: reason } });
    expect(guests).toHaveLength(1);
  });

  it('is an error if no daemon answers, or one prints what cannot be read for every host', async () => {
    await expect(inventory(() => undefined)()).rejects.toThrow(
      'libvirt: no host answers: a: failed to connect to the hypervisor; b: failed to connect to the hypervisor',
    );
    await expect(inventory((name) => ({ ...host(name), nodeinfo: '' }))()).rejects.toThrow('a: nodeinfo: expected');
  });

  it('is an error if two URIs lead to one host, whose guests would count twice', async () => {
    await expect(inventory(() => host('a'))()).rejects.toThrow(
      'libvirt: a and b are one host: both have the host UUID cbc1dc7a-b07b-4917-80ae-a6b2fb8b88b8',
    );
  });

  it.each([
    ['runs on one, is shut off on the other', RUNNING, SHUT_OFF, { host_id: 'a', status: 'running' }],
    ['is shut off on one, runs on the other', SHUT_OFF, RUNNING, { host_id: 'b', status: 'running' }],
    ['is being taken in by one, runs on the other', INCOMING, RUNNING, { host_id: 'b', status: 'migrating' }],
    ['is shut off on both', SHUT_OFF, SHUT_OFF, { host_id: 'a', status: 'shut off' }],
  ])('has a guest once that %s', async (_name, onA, onB, guest) => {
    const { guests } = await inventory((name) => host(name, name === 'a' ? onA : onB))();
    expect(guests).toEqual([{ id: UUID, name: 'vm2', vcpu_count: 2, vmem_size: 96, ...guest }]);
  });

  it('says why a guest cannot move', async () => {
    const { guests } = await inventory((name) =>
      name === 'a' ? { ...host(name, RUNNING), dumpxml: printed('ties-full.txt') } : host(name),
    )();
    expect(guests[0]?.immovable).toBe('it has a device of its host (network)');
  });
});
