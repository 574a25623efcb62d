import { describe, expect, it, onTestFinished } from 'vitest';
import type { CloudpodsOptions } from '../../support/clouds/cloudpods-server.js';
import { startCloudpods } from '../../support/clouds/cloudpods-server.js';
import { describeCloudContract, followed, requestTo } from './contract.js';
import { describeHttpContract } from './http-contract.js';

describeCloudContract('cloudpods', startCloudpods);
describeHttpContract('cloudpods', startCloudpods);

const set = async (options?: CloudpodsOptions) => {
  const harness = await startCloudpods(options);
  onTestFinished(() => harness.close());
  return harness;
};

describe('the inventory of a Cloudpods', () => {
  it('is read by pages, of whatever size the server gives', async () => {
    const harness = await set({ guests: 50, pageSize: 7 });
    const { guests } = await harness.cloud.inventory();
    expect(guests).toHaveLength(50);
    expect(harness.server.requests.filter(({ path }) => path === '/region/servers')).toHaveLength(8);
  });

  it.each([
    ['a page is missing', { servers: [], total: 50 }],
    ['a page comes twice', undefined],
    ['the total changes', { servers: [], total: 49 }],
  ])('is read anew once when %s, and whole then', async (_what, page) => {
    const harness = await set({ guests: 50, pageSize: 7 });
    let faults = 1;
    harness.server.fault = (request) => {
      if (request.path !== '/region/servers' || request.query.get('offset') !== '14' || faults-- <= 0) return undefined;
      if (page) return { body: page };
      request.query.set('offset', '7');
      return undefined;
    };
    expect((await harness.cloud.inventory()).guests).toHaveLength(50);
  });

  it('is an error, and never half a picture, when a page stays missing', async () => {
    const harness = await set({ guests: 50, pageSize: 7 });
    harness.server.fault = ({ path, query }) =>
      path === '/region/servers' && query.get('offset') === '14' ? { body: { servers: [], total: 50 } } : undefined;
    await expect(harness.cloud.inventory()).rejects.toThrow(
      'cloudpods: list servers: the list changed twice while it was read (43 of 50 entries came)',
    );
  });

  it.each([
    ['an agent that is offline', { host_status: 'offline', status: 'unknown' }, { status: 'offline' }],
    ['a host that is not in order', { status: 'init_fail' }, { status: 'init_fail' }],
    ['a disabled host', { enabled: false }, { enabled: false }],
    ['maintenance', { is_maintenance: true }, { maintenance: true }],
    ['another kind of host', { host_type: 'esxi' }, { host_type: 'esxi' }],
  ])('tells of %s', async (_what, fields, expected) => {
    const harness = await set({ hostFields: { 'host-1': fields } });
    const { hosts } = await harness.cloud.inventory();
    expect(hosts.find(({ name }) => name === 'host-1')).toMatchObject(expected);
  });

  it.each([
    ['a backup host', { backup_host_id: 'b1' }, 'has the backup host b1'],
    ['isolated devices', { isolated_devices: [{ id: 'gpu' }] }, 'has 1 isolated device'],
    ['a mounted cdrom', { cdrom: [{ ordinal: 0, detail: 'debian.iso(1G)', name: 'debian' }] }, 'has a cdrom mounted'],
    ['a mounted cdrom of an older server', { cdrom: 'debian.iso(1G/active)' }, 'has a cdrom mounted'],
    [
      'a disk that only its host reaches',
      { disks_info: [{ storage_type: 'rbd' }, { storage_type: 'local_lvm' }] },
      'has a disk on storage of type local_lvm, which only its host reaches',
    ],
  ])('says that a guest with %s cannot move', async (_what, fields, immovable) => {
    const harness = await set({ guestFields: { 'guest-0': fields } });
    const { guests } = await harness.cloud.inventory();
    expect(guests.filter((guest) => guest.immovable !== undefined)).toMatchObject([{ id: 'guest-0', immovable }]);
  });

  it('leaves out guests that are on no host yet', async () => {
    const harness = await set({ guestFields: { 'guest-0': { host_id: null, status: 'sched_fail' } } });
    expect((await harness.cloud.inventory()).guests.map(({ id }) => id)).not.toContain('guest-0');
  });
});

describe('a move by Cloudpods', () => {
  it('is asked for in the words of newer and older servers, with the options that are set', async () => {
    const harness = await set();
    await harness.cloud.startMigration(await requestTo(harness, 1));
    expect(harness.server.requests.at(-1)?.body).toEqual({
      server: { prefer_host_id: 'id-host-1', prefer_host: 'id-host-1', skip_cpu_check: true, skip_kernel_check: true },
    });
  });

  it('is refused in the forecast with the reasons for this target', async () => {
    const harness = await set();
    harness.server.fault = ({ path }) =>
      path.endsWith('/migrate-forecast')
        ? {
            body: {
              can_create: false,
              filtered_candidates: [
                { id: 'id-host-2', name: 'host-2', reasons: ['out of memory'] },
                { id: 'id-host-1', name: 'host-1', reasons: ['cpu model differs', 'no network'] },
              ],
              not_allow_reasons: ['1 of 1 not allowed'],
            },
          }
        : undefined;
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({
      allowed: false,
      reason: 'cpu model differs; no network; 1 of 1 not allowed',
    });
  });

  it('is refused in the forecast where Cloudpods would choose another host', async () => {
    const harness = await set();
    harness.server.fault = ({ path }) =>
      path.endsWith('/migrate-forecast')
        ? { body: { server: { can_create: true, candidates: [{ host_id: 'id-host-2' }] } } }
        : undefined;
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({
      allowed: false,
      reason: 'Cloudpods would choose id-host-2, not host-1',
    });
  });

  it('that failed is followed by a status synchronisation, and only then', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.cloud.afterFailure?.(request);
    await harness.troubles.breakNextMove?.();
    await harness.cloud.startMigration(request);
    const { end } = await followed(harness, request, undefined);
    expect(end).toMatchObject({ phase: 'failed', status: 'migrate_failed', hostId: 'id-host-0' });
    await harness.cloud.afterFailure?.(request);
    expect(harness.server.requests.filter(({ path }) => path.endsWith('/syncstatus'))).toHaveLength(1);
  });
});
