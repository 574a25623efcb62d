import { describe, expect, it, onTestFinished } from 'vitest';
import type { ProxmoxOptions } from '../../support/clouds/proxmox-server.js';
import { startProxmox } from '../../support/clouds/proxmox-server.js';
import { requestTo } from './contract.js';

const set = async (options?: ProxmoxOptions) => {
  const harness = await startProxmox(options);
  onTestFinished(() => harness.close());
  return harness;
};

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
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toMatchObject({
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
    expect(answer).toMatchObject(words ? { allowed: false, reason: expect.stringMatching(words) } : { allowed: true });
  });

  it('names the other nodes that are refused as well, by the preconditions or by HA', async () => {
    const preconditions = {
      allowed_nodes: ['host-2', 'host-3'],
      not_allowed_nodes: { 'host-1': { unavailable_storages: ['fast'] }, 'host-2': {}, 'host-3': {} },
    };
    const answers = { '/cluster/ha/rules': pin({ nodes: 'host-0,host-3', strict: 1 }) };
    const harness = await set({ underHa: true, hosts: 4, preconditions, answers });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toMatchObject({
      allowed: false,
      hosts: ['node/host-2'],
    });
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
    expect(answer).toMatchObject(words ? { allowed: false, reason: expect.stringMatching(words) } : { allowed: true });
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
