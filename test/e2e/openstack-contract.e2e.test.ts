import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openstackPolicy } from '../../src/cli/openstack-policy.js';
import { systemClock } from '../../src/common/clock.js';
import { createOpenstack } from '../../src/fleet/clouds/openstack/openstack.js';
import type { Cloud, MigrationRequest } from '../../src/fleet/fleet.js';
import type { CloudHarness } from '../fleet/clouds/contract.js';
import { describeCloudContract, followed } from '../fleet/clouds/contract.js';
import { until } from './daemon.js';
import type { NovaServer } from './nova.js';
import {
  MOVER,
  NovaUser,
  POLICY_FILE,
  kill,
  missingForNova,
  novaDown,
  novaScript,
  novaUp,
  signal,
  sql,
} from './nova.js';

const missing = missingForNova();
const HOSTS = ['cmp-01', 'cmp-02', 'cmp-03', 'cmp-04', 'cmp-05', 'cmp-06', 'cmp-c2'];
const admin = new NovaUser();
const hostNamed = (id: string) => ({ id, name: `${id}.example.test` });
const pause = () => delay(200);

/** The cloud as a user with the role `automigrate` alone has it. */
const asMover = (): Cloud =>
  createOpenstack({ keystone: MOVER }, { timeoutMs: 30_000, clock: systemClock, random: Math.random });

/** The guest of the contract is made anew for every case; the others stay. */
async function harness(): Promise<CloudHarness> {
  const guest = await admin.boot('contract', { host: 'cmp-01', metadata: { mig: 'seconds=1' } });
  const guestCount = (await admin.servers()).length;
  let isUnplugged = false;
  const wish = async (mig: string) => {
    await admin.must('POST', `/servers/${guest.id}/metadata`, { metadata: { mig } });
  };
  return {
    cloud: asMover(),
    hosts: HOSTS.map(hostNamed),
    guestCount,
    guest,
    pause,
    troubles: {
      breakNextMove: () => wish('seconds=1;fail=copy'),
      slowNextMove: () => wish('seconds=60'),
      removeGuest: () => admin.remove(guest.id),
      async unplug() {
        isUnplugged = true;
        await kill('api');
      },
    },
    async close() {
      if (isUnplugged) await novaScript('run-api.sh');
      await admin.remove(guest.id);
    },
  };
}

/** A guest of a case, on its first host, and how to ask for its move. */
async function guestOn(host: string, where: object = {}, more: object = {}) {
  const server = await admin.boot('story', { host, ...where }, more);
  onTestFinished(() => admin.remove(server.id));
  return server;
}

async function requestFor(cloud: Cloud, server: NovaServer, target: string): Promise<MigrationRequest> {
  const { guests } = await cloud.inventory();
  const guest = guests.find(({ id }) => id === server.id);
  if (!guest) throw new Error(`${server.name} is not in the inventory`);
  return { guest, source: hostNamed(guest.host_id), target: hostNamed(target) };
}

/** Asks for a move that must be taken on, and follows it to its end. */
async function moved(cloud: Cloud, request: MigrationRequest) {
  const start = await cloud.startMigration(request);
  if (!start.accepted) throw new Error(start.reason);
  return (await followed({ cloud, pause } as CloudHarness, request, start.handle)).end;
}

describe.skipIf(missing !== undefined)(`on a real Nova${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  beforeAll(() => novaUp(openstackPolicy()), 600_000);
  afterAll(novaDown, 60_000);

  describeCloudContract('openstack', harness);

  describe('the inventory of a real Nova', () => {
    it('has the hosts of all cells with their zones, aggregates, sizes and architectures', async () => {
      const { hosts } = await asMover().inventory();
      expect(
        Object.fromEntries(hosts.map(({ id, tags, cpu_architecture }) => [id, { tags, cpu_architecture }])),
      ).toEqual({
        'cmp-01': { tags: { az: 'az1', aggregates: 'rack-1,ssd' }, cpu_architecture: 'x86_64' },
        'cmp-02': { tags: { az: 'az1', aggregates: 'rack-1,ssd' }, cpu_architecture: 'x86_64' },
        'cmp-03': { tags: { az: 'az1', aggregates: 'rack-1' }, cpu_architecture: 'x86_64' },
        'cmp-04': { tags: { az: 'az2', aggregates: 'rack-2,ssd' }, cpu_architecture: 'x86_64' },
        'cmp-05': { tags: { az: 'az2', aggregates: 'rack-2' }, cpu_architecture: 'x86_64' },
        'cmp-06': { tags: { az: 'az2', aggregates: 'rack-2' }, cpu_architecture: 'aarch64' },
        'cmp-c2': { tags: { az: 'nova' }, cpu_architecture: 'x86_64' },
      });
      expect(hosts.find(({ id }) => id === 'cmp-02')).toMatchObject({ cpu_count: 32, mem_size: 131072 });
    });

    it('has the guests of every project once, over several pages', async () => {
      onTestFinished(async () => {
        await novaScript('clone.py', '0');
      });
      await novaScript('clone.py', '450');
      const { guests } = await asMover().inventory();
      expect(guests.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['tenant-vm-0', 'tenant-vm-1', 'c2-vm', 'bfv']),
      );
      expect(guests.filter(({ name }) => name.startsWith('clone-'))).toHaveLength(450);
      expect(new Set(guests.map(({ id }) => id)).size).toBe(guests.length);
    });

    it('says of guests that are paused or in error that they do not run', async () => {
      const [paused, broken] = [await guestOn('cmp-01'), await guestOn('cmp-01')];
      await admin.act(paused.id, { pause: null });
      await admin.act(broken.id, { 'os-resetState': { state: 'error' } });
      const cloud = asMover();
      const statusOf = async ({ id }: NovaServer) =>
        (await cloud.inventory()).guests.find((guest) => guest.id === id)?.status;
      await until('one is paused', async () => (await statusOf(paused)) === 'paused');
      expect(await statusOf(broken)).toBe('error');
      expect(await cloud.startMigration(await requestFor(cloud, broken, 'cmp-02'))).toMatchObject({
        accepted: false,
        reason: expect.stringMatching(/HTTP 409: .*vm_state error/),
      });
    });

    it('says in plain words which cell is down', async () => {
      const cloud = asMover();
      onTestFinished(async () => {
        await sql("alter user cell2@'%' account unlock");
        await until('the cell answers', () => cloud.inventory());
      });
      await sql("alter user cell2@'%' account lock");
      const connections = await sql("select id from information_schema.processlist where user = 'cell2'");
      for (const id of connections.split('\n').filter(Boolean)) await sql(`kill ${id}`).catch(() => undefined);
      await until('Nova has noticed', async () => {
        const words = await cloud.inventory().then(() => 'it answers', String);
        return words.includes('the cell of cmp-c2 does not answer');
      });
    });
  });

  describe('the least rights in a real Nova', () => {
    it('move guests, and do nothing else to them', async () => {
      const guest = await guestOn('cmp-01');
      const mover = new NovaUser(MOVER);
      const others = [
        { 'os-stop': null },
        { lock: null },
        { pause: null },
        { migrate: null },
        { reboot: { type: 'HARD' } },
        { 'os-resetState': { state: 'error' } },
        { createImage: { name: 'copy' } },
        { 'os-getConsoleOutput': {} },
        { evacuate: {} },
        { resize: { flavorRef: 'm1.large' } },
      ];
      for (const action of others) {
        expect({ action, ...(await mover.act(guest.id, action)) }).toMatchObject({ action, status: 403 });
      }
      expect(await mover.ask('DELETE', `/servers/${guest.id}`)).toMatchObject({ status: 403 });
      expect(await admin.server(guest.id)).toMatchObject({ status: 'ACTIVE', 'OS-EXT-STS:task_state': null });
    });

    it('without context_is_admin are said to be too little, and no guest to be gone', async () => {
      const guest = await guestOn('cmp-01');
      const cloud = asMover();
      const request = await requestFor(cloud, guest, 'cmp-02');
      const policy = await readFile(POLICY_FILE, 'utf8');
      onTestFinished(async () => {
        await writeFile(POLICY_FILE, policy);
        await until('the rights are back', () => cloud.migrationState(request, undefined));
      });
      await writeFile(POLICY_FILE, policy.replace('"context_is_admin": "role:admin or role:automigrate"\n', ''));
      const mover = new NovaUser(MOVER);
      await until('Nova hides it', async () => (await mover.ask('GET', `/servers/${guest.id}`)).status === 404);
      await expect(cloud.migrationState(request, undefined)).rejects.toThrow('Nova hides guest story from user mover');
      expect(await cloud.startMigration(request)).toMatchObject({
        accepted: false,
        reason: expect.stringContaining('Nova hides guest story from user mover'),
      });
    });

    it('are asked for again when the token has been revoked', async () => {
      const cloud = asMover();
      const before = (await cloud.inventory()).guests.length;
      await admin.revokeTokens(MOVER);
      // A token of the same second is revoked too.
      const mover = new NovaUser(MOVER);
      await until('new tokens are good', async () => {
        await mover.login();
        return (await mover.ask('GET', '/os-aggregates')).status === 200;
      });
      expect((await cloud.inventory()).guests).toHaveLength(before);
    });
  });

  describe('a move by a real Nova', () => {
    it('takes locked guests, and guests that are booted from a volume', async () => {
      const cloud = asMover();
      const locked = await guestOn('cmp-01', { metadata: { mig: 'seconds=0' } });
      await admin.act(locked.id, { lock: null });
      const end = { phase: 'settled', status: 'running', hostId: 'cmp-03' };
      expect(await moved(cloud, await requestFor(cloud, locked, 'cmp-03'))).toEqual(end);
      const volume = (await admin.servers()).find(({ name }) => name === 'bfv');
      const there = await requestFor(cloud, volume!, 'cmp-03');
      expect(await moved(cloud, there)).toEqual(end);
      const back = await requestFor(cloud, volume!, there.source.id);
      expect(await moved(cloud, back)).toMatchObject({ phase: 'settled', hostId: there.source.id });
    });

    it.each([
      ['dest_check', 'the target does not want it', true],
      ['source_check', 'the source does not let it go', true],
      ['pre', 'pre_live_migration broke', false],
    ])('that fails in %s says why, and whether that is about the pair', async (step, words, isPair) => {
      const cloud = asMover();
      const guest = await guestOn('cmp-01', { metadata: { mig: `seconds=1;fail=${step}` } });
      const request = await requestFor(cloud, guest, 'cmp-02');
      const end = await moved(cloud, request);
      expect(end).toMatchObject({ phase: 'failed', hostId: 'cmp-01', reason: expect.stringContaining(words) });
      expect('concerns' in end).toBe(isPair);
      expect(await cloud.forecast?.(request)).toMatchObject({ allowed: !isPair });
    });

    it('that has arrived and is moved on by somebody else is at rest on the third host', async () => {
      const cloud = asMover();
      const guest = await guestOn('cmp-01', { metadata: { mig: 'seconds=0' } });
      const request = await requestFor(cloud, guest, 'cmp-02');
      const start = await cloud.startMigration(request);
      await until('it has arrived', async () => (await admin.server(guest.id))?.['OS-EXT-SRV-ATTR:host'] === 'cmp-02');
      await until('it is asked on', async () => {
        const onward = { 'os-migrateLive': { host: 'cmp-03', block_migration: 'auto' } };
        return (await admin.act(guest.id, onward)).status === 202;
      });
      const handle = start.accepted ? start.handle : undefined;
      const end = await until('it rests on a third host', async () => {
        const state = await cloud.migrationState(request, handle);
        return state.phase === 'settled' && state.hostId !== 'cmp-02' && state;
      });
      expect(end).toEqual({ phase: 'settled', status: 'running', hostId: 'cmp-03' });
    });

    it('is refused while another is under way', async () => {
      const cloud = asMover();
      const guest = await guestOn('cmp-01', { metadata: { mig: 'seconds=2' } });
      const request = await requestFor(cloud, guest, 'cmp-02');
      const first = await cloud.startMigration(request);
      expect(await cloud.startMigration(request)).toMatchObject({
        accepted: false,
        reason: expect.stringMatching(/^HTTP 409: .*task_state migrating/),
      });
      const handle = first.accepted ? first.handle : undefined;
      expect((await followed({ cloud, pause } as CloudHarness, request, handle)).end).toMatchObject({
        hostId: 'cmp-02',
      });
    });

    it('is not called cancelled while it is accepted, and is cancelled once it runs', async () => {
      const cloud = asMover();
      const guest = await guestOn('cmp-01', { metadata: { mig: 'seconds=120' } });
      const request = await requestFor(cloud, guest, 'cmp-03');
      // A target that hangs keeps it from being begun.
      onTestFinished(() => signal('cmp-03', 'SIGCONT'));
      await signal('cmp-03', 'SIGSTOP');
      const start = await cloud.startMigration(request);
      const handle = start.accepted ? start.handle : undefined;
      await expect(cloud.cancelMigration?.(request, handle)).rejects.toThrow(/not cancelled: it is accepted; HTTP 400/);
      await signal('cmp-03', 'SIGCONT');
      await until('it runs', async () => {
        const state = await cloud.migrationState(request, handle);
        return state.phase === 'moving' && state.status === 'running';
      });
      await cloud.cancelMigration?.(request, handle);
      const { end } = await followed({ cloud, pause } as CloudHarness, request, handle);
      expect(end).toMatchObject({ phase: 'failed', status: 'cancelled', hostId: 'cmp-01' });
    });
  });

  describe('what a real Nova would refuse', () => {
    const NO_VALID_HOST = {
      phase: 'failed',
      concerns: 'pair',
      reason: expect.stringContaining('No valid host was found'),
    };

    it('is known of a guest that is pinned to a zone', async () => {
      const cloud = asMover();
      const server = await admin.boot('story', { availability_zone: 'az1' });
      onTestFinished(() => admin.remove(server.id));
      const request = await requestFor(cloud, server, 'cmp-04');
      const forecast = await cloud.forecast?.(request);
      expect(forecast).toMatchObject({
        allowed: false,
        hosts: expect.arrayContaining(['cmp-04', 'cmp-05', 'cmp-06', 'cmp-c2']),
      });
      expect(await moved(cloud, request)).toMatchObject(NO_VALID_HOST);
    });

    it.each(['anti-affinity', 'affinity'])('is known of a server group of policy %s', async (policy) => {
      const cloud = asMover();
      const made = await admin.must<{ server_group: { id: string } }>('POST', '/os-server-groups', {
        server_group: { name: policy, policy },
      });
      onTestFinished(async () => {
        await admin.ask('DELETE', `/os-server-groups/${made.server_group.id}`);
      });
      const hints = { 'os:scheduler_hints': { group: made.server_group.id } };
      const guest = await guestOn('cmp-01', {}, hints);
      await guestOn(policy === 'affinity' ? 'cmp-01' : 'cmp-02', {}, hints);
      const request = await requestFor(cloud, guest, 'cmp-02');
      if (policy === 'affinity') expect(request.guest.immovable).toContain('affinity group affinity');
      else expect(await cloud.forecast?.(request)).toMatchObject({ allowed: false, hosts: ['cmp-02'] });
      expect(await moved(cloud, request)).toMatchObject(NO_VALID_HOST);
    });

    it('is learned of another cell by its refusal', async () => {
      const cloud = asMover();
      const guest = await guestOn('cmp-01');
      const request = await requestFor(cloud, guest, 'cmp-c2');
      expect(await cloud.forecast?.(request)).toEqual({ allowed: true });
      expect(await cloud.startMigration(request)).toMatchObject({
        accepted: false,
        concerns: 'pair',
        reason: expect.stringContaining('Compute host cmp-c2 could not be found.'),
      });
      expect(await cloud.forecast?.(request)).toMatchObject({ allowed: false, hosts: ['cmp-c2'] });
    });
  });
});
