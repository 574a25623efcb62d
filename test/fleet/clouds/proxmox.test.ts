import { describe, expect, it, onTestFinished } from 'vitest';
import { createProxmox } from '../../../src/fleet/clouds/proxmox/proxmox.js';
import type { ProxmoxOptions } from '../../support/clouds/proxmox-server.js';
import { startProxmox } from '../../support/clouds/proxmox-server.js';
import { describeCloudContract } from './contract.js';
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
      'what a guest holds of its host, as Proxmox VE 9 tells it',
      { memhost: 3 * GIB },
      { mem_held: 3072, vmem_size: 8192 },
    ],
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
