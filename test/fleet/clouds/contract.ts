import { describe, expect, it, onTestFinished } from 'vitest';
import type { Cloud, Inventory, MigrationRequest, MigrationState } from '../../../src/fleet/fleet.js';
import { FleetError } from '../../../src/fleet/fleet.js';

/** What a fleet for the contract is to be like. */
export interface HarnessOptions {
  /** 3 by default. */
  hosts?: number;
  /** 4 by default. */
  guests?: number;
  /** The longest that one call may take, ms, where the cloud is asked by calls; long enough for any by default. */
  timeoutMs?: number;
}

/** Troubles that a harness can bring about; a case whose trouble is absent is skipped, and shows as skipped. */
export interface CloudTroubles {
  /** The next move breaks off halfway; the guest goes on running where it was. */
  breakNextMove(): Promise<void> | void;
  /** The next move takes long enough to be given up, where moves are quick. */
  slowNextMove(): Promise<void> | void;
  /** The next move ends on this host, whatever was asked for. */
  divertNextMove(hostId: string): Promise<void> | void;
  /** The guest of the contract no longer exists anywhere. */
  removeGuest(): Promise<void> | void;
  /** The cloud can no longer be reached. */
  unplug(): Promise<void> | void;
}

/** A cloud to hold to the contract, and the fleet behind it: a local server that follows the documents, or real hosts. */
export interface CloudHarness {
  readonly cloud: Cloud;
  /** Every host, three at least: online, enabled and of one kind. */
  readonly hosts: readonly { id: string; name: string }[];
  /** How many guests there are. */
  readonly guestCount: number;
  /** The guest that is moved: it runs on the first host, and may go to all others. */
  readonly guest: { id: string; name: string };
  /** Waits a little between two looks; a server that goes on with every look needs nothing. */
  pause(): Promise<void>;
  readonly troubles: Partial<CloudTroubles>;
  /** Takes everything down again, also after a case that failed. */
  close(): Promise<void>;
}

/** Makes a new fleet for one case. */
export type MakeHarness = (options?: HarnessOptions) => Promise<CloudHarness>;

/** More looks than any migration here needs. */
const MOST_LOOKS = 600;
const CASE_MS = 120_000;

/** The request to move the harness's guest to one of its hosts, made as the service makes it. */
export async function requestTo(harness: CloudHarness, target: number): Promise<MigrationRequest> {
  const { guests } = await harness.cloud.inventory();
  const guest = guests.find(({ id }) => id === harness.guest.id);
  if (!guest) throw new Error(`guest ${harness.guest.name} is not in the inventory`);
  const [source] = harness.hosts;
  return { guest, source: source!, target: harness.hosts[target]! };
}

/** Looks until the guest has left a phase of motion; the state of rest, and all states before it. */
export async function followed(
  harness: CloudHarness,
  request: MigrationRequest,
  handle: string | undefined,
): Promise<{ end: MigrationState; before: MigrationState[] }> {
  const before: MigrationState[] = [];
  for (let looks = 0; looks < MOST_LOOKS; looks += 1) {
    const state = await harness.cloud.migrationState(request, handle);
    const notBegun = state.phase === 'settled' && state.hostId === request.source.id && before.length < 3;
    if (state.phase !== 'moving' && !(notBegun && before.every(({ phase }) => phase === 'settled'))) {
      return { end: state, before };
    }
    before.push(state);
    await harness.pause();
  }
  throw new Error(`not at rest after ${MOST_LOOKS} looks`);
}

/** What every inventory has to be, whatever the cloud. */
function expectSound({ hosts, guests }: Inventory): void {
  for (const list of [hosts, guests]) expect(new Set(list.map(({ id }) => id)).size).toBe(list.length);
  const hostIds = new Set(hosts.map(({ id }) => id));
  expect(hosts.filter(({ name, status }) => name === '' || status === '')).toEqual([]);
  expect(hosts.filter(({ host_type, cpu_architecture }) => host_type === '' || cpu_architecture === '')).toEqual([]);
  expect(hosts.filter(({ cpu_count, mem_size }) => !(cpu_count >= 1) || !(mem_size >= 1))).toEqual([]);
  expect(guests.filter(({ name, status }) => name === '' || status === '')).toEqual([]);
  expect(guests.filter(({ vcpu_count, vmem_size }) => !(vcpu_count >= 1) || !(vmem_size >= 1))).toEqual([]);
  expect(guests.filter(({ host_id }) => !hostIds.has(host_id))).toEqual([]);
}

/**
 * What the service relies on, for every cloud.
 * @param name - of the cloud, and of the suite.
 * @param makeHarness - called once for each case.
 */
export function describeCloudContract(name: string, makeHarness: MakeHarness): void {
  const set = async (options?: HarnessOptions) => {
    const harness = await makeHarness(options);
    onTestFinished(() => harness.close());
    return harness;
  };

  describe(`${name} keeps the contract of a cloud:`, { timeout: CASE_MS }, () => {
    it('its name is the one that its errors bear', async () => {
      const { cloud } = await set();
      expect(cloud.name).toMatch(/^[a-z]+$/);
    });

    it('the inventory holds every host and guest once, with everything that planning needs', async () => {
      const harness = await set();
      const inventory = await harness.cloud.inventory();
      expectSound(inventory);
      expect(inventory.hosts.map(({ id, name }) => ({ id, name }))).toEqual(
        expect.arrayContaining(harness.hosts.map(({ id, name }) => ({ id, name }))),
      );
      expect(inventory.hosts).toHaveLength(harness.hosts.length);
      expect(inventory.hosts.filter(({ status, enabled }) => status !== 'online' || !enabled)).toEqual([]);
      expect(inventory.guests).toHaveLength(harness.guestCount);
      expect(inventory.guests.find(({ id }) => id === harness.guest.id)).toMatchObject({
        name: harness.guest.name,
        status: 'running',
        host_id: harness.hosts[0]?.id,
      });
      expect(inventory.guests.find(({ id }) => id === harness.guest.id)).not.toHaveProperty('immovable');
    });

    it('a guest that nobody moves is at rest where the inventory says', async () => {
      const harness = await set();
      const request = await requestTo(harness, 1);
      const state = await harness.cloud.migrationState(request, undefined);
      expect(state).toEqual({ phase: 'settled', status: 'running', hostId: request.source.id });
    });

    it('a move is allowed, taken, followed and arrives, and the inventory then shows it', async () => {
      const harness = await set();
      const { cloud } = harness;
      const request = await requestTo(harness, 1);
      if (cloud.forecast) expect(await cloud.forecast(request)).toEqual({ allowed: true });
      const start = await cloud.startMigration(request);
      if (!start.accepted) throw new Error(`refused: ${start.reason}`);
      const { end } = await followed(harness, request, start.handle);
      expect(end).toEqual({ phase: 'settled', status: 'running', hostId: request.target.id });
      const { guests } = await cloud.inventory();
      expect(guests.find(({ id }) => id === harness.guest.id)).toMatchObject({
        host_id: request.target.id,
        status: 'running',
      });
    });

    it('a move can be followed without its handle, as after a request whose answer was lost', async () => {
      const harness = await set();
      const request = await requestTo(harness, 1);
      await harness.cloud.startMigration(request);
      const { end } = await followed(harness, request, undefined);
      expect(end).toEqual({ phase: 'settled', status: 'running', hostId: request.target.id });
    });

    it('progress, where it is told, is in % and does not fall', async () => {
      const harness = await set();
      const request = await requestTo(harness, 1);
      const start = await harness.cloud.startMigration(request);
      const { before } = await followed(harness, request, start.accepted ? start.handle : undefined);
      const told = before.flatMap((state) =>
        state.phase === 'moving' && state.progress !== undefined ? [state.progress] : [],
      );
      expect(told.filter((progress) => !(progress >= 0 && progress <= 100))).toEqual([]);
      expect(told).toEqual([...told].sort((a, b) => a - b));
    });

    it('a guest that came back can be moved again', async () => {
      const harness = await set();
      const there = await requestTo(harness, 1);
      const first = await harness.cloud.startMigration(there);
      await followed(harness, there, first.accepted ? first.handle : undefined);
      const back: MigrationRequest = {
        guest: { ...there.guest, host_id: there.target.id },
        source: there.target,
        target: there.source,
      };
      const second = await harness.cloud.startMigration(back);
      expect(second).toMatchObject({ accepted: true });
      const { end } = await followed(harness, back, second.accepted ? second.handle : undefined);
      expect(end).toEqual({ phase: 'settled', status: 'running', hostId: back.target.id });
    });

    it('a request to go where the guest is already is refused with a reason', async () => {
      const harness = await set();
      const { guest, source } = await requestTo(harness, 1);
      const start = await harness.cloud.startMigration({ guest, source, target: source });
      expect(start).toEqual({ accepted: false, reason: expect.stringMatching(/\w/) });
    });

    it('a failed move says so, and the guest is then at rest on its source and can be moved', async (context) => {
      const harness = await set();
      context.skip(!harness.troubles.breakNextMove, 'moves cannot be broken here');
      const request = await requestTo(harness, 1);
      await harness.troubles.breakNextMove?.();
      const start = await harness.cloud.startMigration(request);
      if (start.accepted) {
        const { end } = await followed(harness, request, start.handle);
        if (end.phase === 'failed') expect(end.reason).toMatch(/\w/);
        else expect(end).toMatchObject({ phase: 'settled', hostId: request.source.id });
      } else expect(start.reason).toMatch(/\w/);
      await harness.cloud.afterFailure?.(request);
      const { end } = await followed(harness, request, undefined);
      expect(end).toEqual({ phase: 'settled', status: 'running', hostId: request.source.id });
      expect(await harness.cloud.startMigration(request)).toMatchObject({ accepted: true });
    });

    it('a move that ends on a third host is at rest on that host', async (context) => {
      const harness = await set();
      context.skip(!harness.troubles.divertNextMove, 'moves cannot be diverted here');
      const request = await requestTo(harness, 1);
      await harness.troubles.divertNextMove?.(harness.hosts[2]!.id);
      const start = await harness.cloud.startMigration(request);
      const { end } = await followed(harness, request, start.accepted ? start.handle : undefined);
      expect(end).toMatchObject({ phase: 'settled', hostId: harness.hosts[2]?.id });
    });

    it('a guest that is gone is vanished, is refused, and is no longer in the inventory', async (context) => {
      const harness = await set();
      context.skip(!harness.troubles.removeGuest, 'guests cannot be removed here');
      const request = await requestTo(harness, 1);
      await harness.troubles.removeGuest?.();
      expect(await harness.cloud.migrationState(request, undefined)).toEqual({ phase: 'vanished' });
      if (harness.cloud.forecast) expect(await harness.cloud.forecast(request)).toMatchObject({ allowed: false });
      expect(await harness.cloud.startMigration(request)).toEqual({
        accepted: false,
        reason: expect.stringMatching(/\w/),
      });
      const { guests } = await harness.cloud.inventory();
      expect(guests.map(({ id }) => id)).not.toContain(harness.guest.id);
    });

    it('a guest that goes while it moves is vanished', async (context) => {
      const harness = await set();
      context.skip(!harness.troubles.removeGuest, 'guests cannot be removed here');
      const request = await requestTo(harness, 1);
      const start = await harness.cloud.startMigration(request);
      await harness.troubles.removeGuest?.();
      const { end } = await followed(harness, request, start.accepted ? start.handle : undefined);
      // A cloud that keeps a record of its job may say first that it failed.
      expect(['vanished', 'failed']).toContain(end.phase);
      expect(await harness.cloud.migrationState(request, undefined)).toEqual({ phase: 'vanished' });
    });

    it('a move that is given up leaves the guest running on its source', async (context) => {
      const harness = await set();
      context.skip(!harness.cloud.cancelMigration, 'this cloud cannot give up a move');
      const request = await requestTo(harness, 1);
      await harness.troubles.slowNextMove?.();
      const start = await harness.cloud.startMigration(request);
      const handle = start.accepted ? start.handle : undefined;
      const cancelled = async (): Promise<boolean> => {
        if ((await harness.cloud.migrationState(request, handle)).phase !== 'moving') return false;
        // A cloud may refuse while it has not quite begun.
        return harness.cloud.cancelMigration!(request, handle).then(
          () => true,
          (error: unknown) => {
            expect(error).toBeInstanceOf(FleetError);
            return false;
          },
        );
      };
      for (let looks = 0; looks < MOST_LOOKS && !(await cancelled()); looks += 1) await harness.pause();
      await followed(harness, request, handle);
      await harness.cloud.afterFailure?.(request);
      const { end } = await followed(harness, request, undefined);
      expect(end).toEqual({ phase: 'settled', status: 'running', hostId: request.source.id });
    });

    it('a cloud that cannot be reached is an error that names it, for every question', async (context) => {
      const harness = await set();
      context.skip(!harness.troubles.unplug, 'this cloud cannot be unplugged');
      const request = await requestTo(harness, 1);
      await harness.troubles.unplug?.();
      const { cloud } = harness;
      for (const ask of [() => cloud.inventory(), () => cloud.migrationState(request, undefined)]) {
        const error = await ask().then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(FleetError);
        expect(String(error)).toContain(`${cloud.name}: `);
      }
    });

    it('a caller that gives up is told its own reason', async () => {
      const harness = await set();
      const reason = new Error('given up');
      await expect(harness.cloud.inventory(AbortSignal.abort(reason))).rejects.toBe(reason);
    });
  });
}
