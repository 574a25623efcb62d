import { describe, expect, it, onTestFinished } from 'vitest';
import type { Cloud, MigrationRequest } from '../../../src/fleet/fleet.js';
import type { OpenstackOptions } from '../../support/clouds/openstack-server.js';
import { startOpenstack } from '../../support/clouds/openstack-server.js';
import { followed, requestTo } from './contract.js';

const set = async (options?: OpenstackOptions) => {
  const harness = await startOpenstack(options);
  onTestFinished(() => harness.close());
  return harness;
};

/** The handle of a move that Nova has taken on. */
const begun = async (cloud: Cloud, request: MigrationRequest) => {
  const start = await cloud.startMigration(request);
  if (!start.accepted) throw new Error(start.reason);
  return start.handle;
};

describe('a move by Nova', () => {
  it('has the id of its own migration as its handle, not that of an earlier one', async () => {
    const harness = await set();
    const there = await requestTo(harness, 1);
    const first = await harness.cloud.startMigration(there);
    await followed(harness, there, first.accepted ? first.handle : undefined);
    const back = { guest: there.guest, source: there.target, target: there.source };
    const second = await harness.cloud.startMigration(back);
    expect([first, second]).toEqual([
      { accepted: true, handle: '41/req-1' },
      { accepted: true, handle: '42/req-2' },
    ]);
  });

  it('is found by following when Nova writes its record late', async () => {
    const harness = await set({ recordAfter: 5 });
    const request = await requestTo(harness, 1);
    const start = await harness.cloud.startMigration(request);
    expect(start).toEqual({ accepted: true, handle: 'after:0/req-1' });
    await harness.troubles.breakNextMove?.();
    const { end } = await followed(harness, request, 'after:0/req-1');
    expect(end).toMatchObject({ phase: 'failed', status: 'failed', hostId: 'host-0' });
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

  it('is followed by a handle of an earlier version, which did not tell the request', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await begun(harness.cloud, request);
    const { end } = await followed(harness, request, '41');
    expect(end).toMatchObject({ phase: 'settled', hostId: 'host-1' });
  });

  it('goes on until its record says so, though the guest runs on its target before', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    const { before } = await followed(harness, request, await begun(harness.cloud, request));
    expect(harness.model.guests.get('guest-0')?.host).toBe('host-1');
    expect(before.at(-1)).toMatchObject({ phase: 'moving', status: 'running' });
  });
});

describe('why a move by Nova failed', () => {
  it('is told in the words of the step that failed', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    const details = 'Migration pre-check error: CPU is not compatible\nTraceback (most recent call last)';
    harness.refuseNextMove({ event: 'compute_check_can_live_migrate_destination', details });
    const { end } = await followed(harness, request, await begun(harness.cloud, request));
    expect(end).toMatchObject({
      phase: 'failed',
      reason: "Migration pre-check error: CPU is not compatible (Nova's migration 41 ended as error)",
      hostId: 'host-0',
    });
  });

  it('is not known of a copy that broke off, which leaves nothing in the actions', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.troubles.breakNextMove?.();
    const { end } = await followed(harness, request, await begun(harness.cloud, request));
    expect(end).toMatchObject({
      phase: 'failed',
      reason: "Nova's migration 41 ended as failed, of which Nova keeps no reason",
    });
    expect(end).not.toHaveProperty('concerns');
  });

  it('does not hide the failure where the actions may not be seen', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.troubles.breakNextMove?.();
    harness.server.fault = ({ path }) => (path.includes('os-instance-actions') ? { status: 403 } : undefined);
    const { end } = await followed(harness, request, await begun(harness.cloud, request));
    expect(end).toMatchObject({ phase: 'failed', status: 'failed' });
  });
});

describe('a move by Nova that is given up', () => {
  it('is not cancelled while it is only accepted, and is once it moves', async () => {
    const harness = await set({ acceptedFor: 3 });
    const { cloud } = harness;
    const request = await requestTo(harness, 1);
    const handle = await begun(cloud, request);
    await expect(cloud.cancelMigration?.(request, handle)).rejects.toThrow(
      /not cancelled: it is accepted; HTTP 400: Cannot abort/,
    );
    for (let looks = 0; looks < 3; looks += 1) {
      expect(await cloud.migrationState(request, handle)).toMatchObject({ phase: 'moving' });
    }
    await cloud.cancelMigration?.(request, handle);
    expect(await cloud.migrationState(request, handle)).toMatchObject({ phase: 'failed', status: 'cancelled' });
  });

  it('is cancelled only when its record says so, and not when it has arrived all the same', async () => {
    const harness = await set();
    const { cloud, model } = harness;
    const request = await requestTo(harness, 1);
    const handle = await begun(cloud, request);
    await cloud.migrationState(request, handle);
    harness.server.fault = ({ method }) => {
      // It arrives between the request to abort and the abort.
      if (method === 'DELETE') while (model.moveOf('guest-0')) model.look('guest-0');
      return method === 'DELETE' ? { status: 202 } : undefined;
    };
    await expect(cloud.cancelMigration?.(request, handle)).rejects.toThrow('not cancelled: it has ended as completed');
    expect(await cloud.migrationState(request, handle)).toMatchObject({ phase: 'settled', hostId: 'host-1' });
  });

  it('is not called cancelled where Nova has no record of it yet', async () => {
    const harness = await set({ recordAfter: 100 });
    const request = await requestTo(harness, 1);
    const handle = await begun(harness.cloud, request);
    await expect(harness.cloud.cancelMigration?.(request, handle)).rejects.toThrow('Nova has no record of one yet');
  });

  it('has nothing to be cancelled where Nova has neither a record of it nor a task for its guest', async () => {
    const harness = await set();
    const request = await requestTo(harness, 1);
    await harness.cloud.cancelMigration?.(request, 'after:40/req-1');
    expect(await harness.cloud.migrationState(request, 'after:40/req-1')).toMatchObject({ phase: 'settled' });
  });
});

describe('a guest that Nova hides from us', () => {
  const words = 'Nova hides guest vm 0 from user mover';

  it('is not said to be gone, by any question about it', async () => {
    const harness = await set({ isAdmin: false });
    const request = await requestTo(harness, 1);
    await expect(harness.cloud.migrationState(request, undefined)).rejects.toThrow(words);
    await expect(harness.cloud.forecast?.(request)).rejects.toThrow('automigrate deploy --for openstack-policy');
    expect(await harness.cloud.startMigration(request)).toMatchObject({
      accepted: false,
      reason: expect.stringContaining(words),
    });
    expect(harness.movesTaken()).toBe(0);
  });
});

describe('where Nova would refuse a guest', () => {
  const zones = { 'host-1': { zone: 'az2' }, 'host-2': { zone: 'az2' } };

  it('are all hosts outside the zone that it is pinned to', async () => {
    const pinned = { 'guest-0': { pinned_availability_zone: 'nova' } };
    const harness = await set({ serverFields: pinned, serviceFields: zones });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({
      allowed: false,
      reason: 'guest vm 0 is pinned to the zone nova, and host host-1.example is in az2',
      hosts: ['host-1', 'host-2'],
    });
  });

  it.each([
    [undefined, false],
    [{ max_server_per_host: 1 }, false],
    [{ max_server_per_host: 2 }, true],
  ])('is a host with members of its anti-affinity group, by its rules %o', async (rules, allowed) => {
    const group = { id: 'g', name: 'apart', policy: 'anti-affinity' as const, members: ['guest-0', 'guest-1'] };
    const harness = await set({ serverGroups: [{ ...group, ...(rules && { rules }) }] });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toMatchObject({ allowed });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 2))).toEqual({ allowed: true });
  });

  it('is not where its group only prefers to be apart', async () => {
    const group = { id: 'g', name: 'apart', policy: 'soft-anti-affinity' as const, members: ['guest-0', 'guest-1'] };
    const harness = await set({ serverGroups: [group] });
    expect(await harness.cloud.forecast?.(await requestTo(harness, 1))).toEqual({ allowed: true });
  });

  it('is another cell, which a refusal has told; it says nothing against the guest', async () => {
    const harness = await set({ hosts: 4, cells: { 'host-2': 'cell2', 'host-3': 'cell2' } });
    const { cloud } = harness;
    const request = await requestTo(harness, 2);
    expect(await cloud.forecast?.(request)).toEqual({ allowed: true });
    expect(await cloud.startMigration(request)).toMatchObject({
      accepted: false,
      concerns: 'pair',
      reason: expect.stringMatching(
        /could not be found.*hosts host-0.example and host-2.example are in different cells/,
      ),
    });
    expect(await cloud.forecast?.(request)).toMatchObject({ allowed: false, hosts: ['host-2'] });
    expect(await cloud.forecast?.(await requestTo(harness, 1))).toEqual({ allowed: true });
  });

  it('is a host that is not there, which is no word about cells', async () => {
    const harness = await set();
    const { guest, source } = await requestTo(harness, 1);
    const start = await harness.cloud.startMigration({ guest, source, target: { id: 'host-9', name: 'host-9' } });
    expect(start).toEqual({ accepted: false, reason: 'HTTP 400: Compute host host-9 could not be found.' });
  });

  it('is a target that it was refused before the move began, for an hour', async () => {
    const harness = await set();
    const { cloud } = harness;
    const request = await requestTo(harness, 1);
    harness.refuseNextMove({ event: 'conductor_live_migrate_instance', details: 'No valid host was found.' });
    const { end } = await followed(harness, request, await begun(cloud, request));
    expect(end).toMatchObject({ phase: 'failed', concerns: 'pair' });
    expect(await cloud.forecast?.(request)).toMatchObject({
      allowed: false,
      reason: expect.stringContaining('No valid host was found.'),
      hosts: ['host-1'],
    });
    harness.clock.advance(3_600_001);
    expect(await cloud.forecast?.(request)).toEqual({ allowed: true });
  });
});
