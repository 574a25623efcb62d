import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { DEFAULT_WATCH_LIMITS, watchMigration } from '../../../src/migration/watch.js';
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

  it('is empty where Cloudpods has none, whose empty list comes without a total', async () => {
    const harness = await set({ guests: 0 });
    expect((await harness.cloud.inventory()).guests).toEqual([]);
  });

  it('leaves out guests that are on no host yet', async () => {
    const harness = await set({ guestFields: { 'guest-0': { host_id: null, status: 'sched_fail' } } });
    expect((await harness.cloud.inventory()).guests.map(({ id }) => id)).not.toContain('guest-0');
  });
});

describe('a move by Cloudpods', () => {
  it('names the target by prefer_host_id alone, which needs no right to assign hosts', async () => {
    const harness = await set();
    expect(await harness.cloud.startMigration(await requestTo(harness, 1))).toEqual({ accepted: true });
    expect(harness.server.requests.at(-1)?.body).toEqual({
      server: { prefer_host_id: 'id-host-1', skip_cpu_check: true, skip_kernel_check: true },
    });
  });

  it('names the target by prefer_host too where older servers are to be asked, and tells of the right that newer ones want', async () => {
    const older = await set({ settings: { preferHost: true }, mayAssignHost: true });
    expect(await older.cloud.startMigration(await requestTo(older, 1))).toEqual({ accepted: true });
    expect(older.server.requests.at(-1)?.body).toMatchObject({
      server: { prefer_host_id: 'id-host-1', prefer_host: 'id-host-1' },
    });
    const newer = await set({ settings: { preferHost: true } });
    expect(await newer.cloud.startMigration(await requestTo(newer, 1))).toEqual({
      accepted: false,
      reason: 'HTTP 403: checkAssignHost: Only system admin can assign host',
    });
  });

  it('goes with the options that are set', async () => {
    const harness = await set({ settings: { maxBandwidthMb: 50, quicklyFinish: true } });
    expect(await harness.cloud.startMigration(await requestTo(harness, 1))).toEqual({ accepted: true });
    expect(harness.server.requests.at(-1)?.body).toMatchObject({
      server: { max_bandwidth_mb: 50, quickly_finish: true },
    });
  });

  it.each([
    ['that does not run', { status: 'ready' }, 'HTTP 400: Cannot live migrate in status ready'],
    ['with a backup host', { backup_host_id: 'b1' }, 'HTTP 400: Cannot migrate guest with backup host'],
    ['with a device', { isolated_devices: [{ id: 'gpu' }] }, 'HTTP 400: Cannot migrate guest with isolated devices'],
    ['with a cdrom', { cdrom: [{ name: 'debian' }] }, 'HTTP 400: Cannot live migrate guest with cdrom'],
  ])('of a guest %s is refused in the forecast, whose 400 is the answer', async (_what, fields, reason) => {
    const harness = await set({ guestFields: { 'guest-0': fields } });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({ allowed: false, reason });
  });

  it('is judged by a forecast whose lists are null', async () => {
    const harness = await set();
    harness.server.fault = ({ path }) =>
      path.endsWith('/migrate-forecast')
        ? {
            body: {
              server: { can_create: false, candidates: null, filtered_candidates: null, not_allow_reasons: null },
            },
          }
        : undefined;
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({
      allowed: false,
      reason: 'Cloudpods gives no reason',
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

  it('that is refused to be cancelled in start_migrate has not been cancelled', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.cloud.startMigration(request);
    await expect(harness.cloud.cancelMigration?.(request, undefined)).rejects.toThrow(
      /cancel-live-migrate of guest vm 0: HTTP 400.*in status start_migrate/,
    );
    await expect(harness.cloud.cancelMigration?.(request, undefined)).resolves.toBeUndefined();
  });
});

describe('the status of a guest whose move failed', () => {
  const failedMove = async (options?: CloudpodsOptions) => {
    const harness = await set(options);
    const request = await requestTo(harness, 1);
    await harness.troubles.breakNextMove?.();
    await harness.cloud.startMigration(request);
    const { end } = await followed(harness, request, undefined);
    expect(end).toMatchObject({ phase: 'failed', status: 'migrate_failed', hostId: 'id-host-0' });
    return { harness, request };
  };

  it('is not synchronised where nothing failed', async () => {
    const harness = await set();
    await harness.cloud.afterFailure?.(await requestTo(harness, 1));
    expect(harness.asked('syncstatus')).toHaveLength(0);
  });

  it('is synchronised again while the task of the move is not over, until it takes', async () => {
    const { harness, request } = await failedMove({ openTask: 3 });
    await harness.cloud.afterFailure?.(request);
    expect(harness.asked('syncstatus')).toHaveLength(4);
    expect(await harness.cloud.migrationState(request, undefined)).toMatchObject({
      phase: 'settled',
      status: 'running',
    });
  });

  it('is synchronised in spite of a fault of the moment', async () => {
    const { harness, request } = await failedMove({ openTask: 0 });
    let faults = 5;
    harness.server.fault = () => (faults-- > 0 ? { status: 503 } : undefined);
    await harness.cloud.afterFailure?.(request);
    expect(await harness.cloud.migrationState(request, undefined)).toMatchObject({
      phase: 'settled',
      status: 'running',
    });
  });

  it('is given up after a minute and a half, with the reason', async () => {
    const { harness, request } = await failedMove({ openTask: Infinity });
    const begun = harness.clock.monotonic();
    await expect(harness.cloud.afterFailure?.(request)).rejects.toThrow(
      /guest vm 0 is still migrate_failed after 90 s of syncstatus: .*HTTP 400: .*Guest has 1 active tasks/,
    );
    expect(harness.clock.monotonic() - begun).toBeGreaterThanOrEqual(90_000);
    expect(harness.clock.monotonic() - begun).toBeLessThan(110_000);
  });

  it('is given up at once where the right to synchronise is missing', async () => {
    const { harness, request } = await failedMove();
    harness.server.fault = ({ path }) => (path.endsWith('/syncstatus') ? { status: 403, body: {} } : undefined);
    const begun = harness.clock.monotonic();
    await expect(harness.cloud.afterFailure?.(request)).rejects.toThrow('syncstatus of guest vm 0: HTTP 403');
    expect(harness.clock.monotonic()).toBe(begun);
  });

  it('is let go of at once when the process goes down', async () => {
    const { harness, request } = await failedMove({ openTask: Infinity });
    const stop = new AbortController();
    const reason = new Error('going down');
    harness.server.fault = ({ path }) => {
      if (path.endsWith('/syncstatus')) stop.abort(reason);
      return undefined;
    };
    await expect(harness.cloud.afterFailure?.(request, stop.signal)).rejects.toBe(reason);
  });
});

describe('guests that a former process left in migrate_failed', () => {
  it('are synchronised until it takes when an inventory shows them', async () => {
    const harness = await set({ leftFailed: ['guest-0', 'guest-3'], openTask: 2 });
    await harness.cloud.inventory();
    await vi.waitUntil(async () => {
      const { guests } = await harness.cloud.inventory();
      return guests.every(({ status }) => status === 'running');
    });
    const asked = harness.asked('syncstatus').map(({ path }) => path.split('/').at(-2));
    expect(asked.sort()).toEqual([...Array<string>(3).fill('guest-0'), ...Array<string>(3).fill('guest-3')]);
  });

  it('hold up no inventory', async () => {
    const harness = await set({ leftFailed: ['guest-0'] });
    harness.server.fault = ({ path }) => (path.endsWith('/syncstatus') ? 'silent' : undefined);
    for (let reads = 0; reads < 2; reads += 1) {
      expect((await harness.cloud.inventory()).guests).toHaveLength(harness.guestCount);
    }
    await vi.waitUntil(() => harness.asked('syncstatus').length === 1);
  });

  it('are left alone while this process follows their move: how it ended must be seen first', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.troubles.breakNextMove?.();
    await harness.cloud.startMigration(request);
    await followed(harness, request, undefined);
    await harness.cloud.inventory();
    await harness.cloud.inventory();
    expect(harness.asked('syncstatus')).toHaveLength(0);
    harness.clock.advance(60_000);
    await harness.cloud.inventory();
    await vi.waitUntil(() => harness.asked('syncstatus').length > 0);
  });
});

describe('a guest that has arrived and stays live_migrating, as cleaning up its source failed', () => {
  const arrived = async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    harness.leaveNextMoveUnfinished();
    await harness.cloud.startMigration(request);
    const look = () => harness.cloud.migrationState(request, undefined);
    for (let looks = 0; looks < 5; looks += 1) await look();
    expect(await look()).toMatchObject({ phase: 'moving', status: 'live_migrating' });
    return { harness, request, look };
  };

  it('is synchronised after some time of that, and then judged', async () => {
    const { harness, request, look } = await arrived();
    harness.clock.advance(29_000);
    expect(await look()).toMatchObject({ phase: 'moving' });
    expect(harness.asked('syncstatus')).toHaveLength(0);
    harness.clock.advance(2000);
    expect(await look()).toEqual({ phase: 'settled', status: 'running', hostId: request.target.id });
    expect(harness.asked('syncstatus')).toHaveLength(1);
  });

  it('is synchronised, and not cancelled, when its time is up', async () => {
    const { harness, request, look } = await arrived();
    await harness.cloud.cancelMigration?.(request, undefined);
    expect(harness.asked('cancel-live-migrate')).toHaveLength(0);
    expect(await look()).toEqual({ phase: 'settled', status: 'running', hostId: request.target.id });
  });

  it('is a success to the watcher', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    harness.leaveNextMoveUnfinished();
    await harness.cloud.startMigration(request);
    const ending = await watchMigration({
      cloud: harness.cloud,
      clock: harness.clock,
      limits: DEFAULT_WATCH_LIMITS,
      request,
      handle: undefined,
      followedMs: 0,
      signal: new AbortController().signal,
    });
    expect(ending).toEqual({ outcome: 'success' });
  });
});

describe('a token that region no longer knows', () => {
  it('is answered with 403 and allow:none, and renewed by one login', async () => {
    const harness = await set();
    await harness.cloud.inventory();
    harness.login?.revoke();
    expect((await harness.cloud.inventory()).guests).toHaveLength(harness.guestCount);
    expect(harness.login?.count()).toBe(2);
  });
});

describe('a migration that is to be cancelled and that Cloudpods does not have', () => {
  it('will not begin any more where no task of the guest is open', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.cloud.cancelMigration?.(request, undefined);
    expect(harness.asked('cancel-live-migrate')).toHaveLength(1);
    expect(harness.asked('syncstatus')).toHaveLength(1);
  });

  it('may still begin where one is open: it was not cancelled', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.cloud.startMigration(request);
    await expect(harness.cloud.cancelMigration?.(request, undefined)).rejects.toThrow(/cannot cancel live migrate/);
  });
});
