import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import type { LibvirtOptions } from '../../src/fleet/clouds/libvirt/libvirt.js';
import { createLibvirtCloud } from '../../src/fleet/clouds/libvirt/libvirt.js';
import { createVirsh } from '../../src/fleet/clouds/libvirt/virsh.js';
import type { Cloud, MigrationRequest, MigrationState } from '../../src/fleet/fleet.js';
import { until } from './daemon.js';
import type { HostName } from './testbed.js';
import {
  HOSTS,
  SETTINGS,
  autostart,
  consoleLines,
  hostsDown,
  hostsUp,
  isMigrating,
  missingForTestbed,
  runsOn,
  script,
  startGuests,
  startsWithHost,
  uris,
  virsh,
} from './testbed.js';

const missing = missingForTestbed();
/** Slow enough that a move can be seen, and broken. */
const SLOW_MIB = 4;
/** With the memory that the guest below writes, a copy never catches up. */
const WRITTEN_MIB = 32;
const OUTPACED_MIB = 16;
/** Short: libvirt itself cannot start a guest whose name it has to cut within a character, for a directory. */
const ODD_NAME = `'"$(id)\\&< 虚拟`;
const ODD_UUID = '0dd00000-1111-4222-8333-444444444444';

const cloudOf = (over: Partial<LibvirtOptions> = {}): Cloud =>
  createLibvirtCloud({
    hosts: HOSTS.map((name) => ({ name, ...uris(name) })),
    virsh: createVirsh({ program: 'virsh', timeoutMs: 10_000 }),
    clock: systemClock,
    sharedPaths: [],
    ...over,
  });

/** The request to move a guest from where it runs, made as the service makes it. */
async function requestTo(cloud: Cloud, name: string, target: HostName): Promise<MigrationRequest> {
  const guest = (await cloud.inventory()).guests.find((each) => each.name === name);
  if (!guest) throw new Error(`${name} is not in the inventory`);
  const ends = { source: { id: guest.host_id, name: guest.host_id }, target: { id: target, name: target } };
  return { guest, ...ends };
}

/** Starts a move, and does not take a refusal for an answer. */
async function start(cloud: Cloud, request: MigrationRequest): Promise<string | undefined> {
  const answer = await cloud.startMigration(request);
  if (!answer.accepted) throw new Error(`refused: ${answer.reason}`);
  return answer.handle;
}

async function rest(cloud: Cloud, request: MigrationRequest, handle?: string): Promise<MigrationState> {
  return until(
    'the guest has come to rest',
    async () => {
      const state = await cloud.migrationState(request, handle);
      return state.phase !== 'moving' && state;
    },
    120_000,
  );
}

const description = (host: HostName, name: string) => virsh(host, 'dumpxml', '--inactive', '--domain', name);
const moving = (name: string) => until(`${name} is on its way`, () => isMigrating(name, 'hosta'));

describe.skipIf(missing !== undefined)(
  `moves between real libvirt hosts${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: 180_000 },
  () => {
    beforeAll(hostsUp);
    afterAll(hostsDown);
    afterEach(async () => {
      await script('guests.sh', 'down');
    });

    const boot = (memory = 96) => startGuests([{ name: 'vm1', host: 'hosta', burn: 0, memory }]);

    describe('a guest that starts with its host', () => {
      it('does so where it has arrived, and nothing of ours stays in its description', async () => {
        await boot();
        await autostart('hosta', 'vm1');
        const cloud = cloudOf();
        const request = await requestTo(cloud, 'vm1', 'hostb');
        const handle = await start(cloud, request);
        expect(await rest(cloud, request, handle)).toMatchObject({ phase: 'settled', hostId: 'hostb' });
        expect(await startsWithHost('hostb', 'vm1')).toBe(true);
        expect(await description('hostb', 'vm1')).not.toContain('urn:automigrate');
        expect(await virsh('hostb', 'dumpxml', '--domain', 'vm1')).not.toContain('urn:automigrate');
      });

      it('does so though we were ended before we knew its handle: another process follows it without', async () => {
        await boot();
        await autostart('hosta', 'vm1');
        const former = cloudOf({ bandwidthMiB: SLOW_MIB });
        const request = await requestTo(former, 'vm1', 'hostb');
        void former.startMigration(request);
        await moving('vm1');
        expect(await rest(cloudOf(), request)).toMatchObject({ phase: 'settled', hostId: 'hostb' });
        expect(await startsWithHost('hostb', 'vm1')).toBe(true);
      });

      it('still does so on its source when the move has failed, and nothing of ours stays there', async () => {
        await boot();
        await autostart('hosta', 'vm1');
        const cloud = cloudOf({ bandwidthMiB: SLOW_MIB });
        const request = await requestTo(cloud, 'vm1', 'hostb');
        const handle = await start(cloud, request);
        await moving('vm1');
        expect(await description('hosta', 'vm1')).toContain('urn:automigrate');
        await virsh('hosta', 'domjobabort', '--domain', 'vm1');
        expect(await rest(cloud, request, handle)).toMatchObject({ phase: 'failed', hostId: 'hosta' });
        await cloud.afterFailure?.(request);
        expect(await startsWithHost('hosta', 'vm1')).toBe(true);
        expect(await description('hosta', 'vm1')).not.toContain('urn:automigrate');
      });
    });

    it('a guest that does not start with its host does not begin to', async () => {
      await boot();
      const cloud = cloudOf();
      const request = await requestTo(cloud, 'vm1', 'hostb');
      await rest(cloud, request, await start(cloud, request));
      expect(await runsOn('vm1')).toEqual(['hostb']);
      expect(await startsWithHost('hostb', 'vm1')).toBe(false);
    });

    it('a guest whose name holds quotes, $(id) and Chinese characters moves', async () => {
      await boot();
      const escaped = ODD_NAME.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
      const xml = (await description('hosta', 'vm1'))
        .replace(/<name>.*<\/name>/, () => `<name>${escaped}</name>`)
        .replace(/<uuid>.*<\/uuid>/, `<uuid>${ODD_UUID}</uuid>`)
        .replace(/<mac address=.*\/>/, "<mac address='52:54:00:77:00:63'/>");
      const file = join(SETTINGS.TESTBED_DIR, 'odd.xml');
      await writeFile(file, xml);
      onTestFinished(async () => {
        for (const host of HOSTS) await virsh(host, 'destroy', '--domain', ODD_UUID).catch(() => undefined);
        for (const host of HOSTS) await virsh(host, 'undefine', '--domain', ODD_UUID).catch(() => undefined);
      });
      await virsh('hosta', 'define', file);
      await virsh('hosta', 'start', '--domain', ODD_UUID);
      await autostart('hosta', ODD_UUID);

      const cloud = cloudOf();
      const request = await requestTo(cloud, ODD_NAME, 'hostc');
      const handle = await start(cloud, request);
      expect(await rest(cloud, request, handle)).toEqual({ phase: 'settled', status: 'running', hostId: 'hostc' });
      expect(await requestTo(cloud, ODD_NAME, 'hosta')).toMatchObject({ guest: { id: ODD_UUID, host_id: 'hostc' } });
      expect(await startsWithHost('hostc', ODD_UUID)).toBe(true);
    });

    describe('a guest that writes memory faster than it is copied', () => {
      const busy = async () => {
        await boot();
        await script('guests.sh', 'dirty', 'vm1', String(WRITTEN_MIB));
        await until('it writes', async () =>
          (await consoleLines('vm1')).some(({ line }) => line === `DIRTY ${WRITTEN_MIB}`),
        );
      };
      const passes = async () =>
        Number(/Iteration:\s+(\d+)/.exec(await virsh('hosta', 'domjobinfo', '--domain', 'vm1'))?.[1] ?? 0);

      it('arrives, since it is slowed down by default; without that the copy does not catch up', async () => {
        await busy();
        const without = cloudOf({ bandwidthMiB: OUTPACED_MIB, autoConverge: false });
        const request = await requestTo(without, 'vm1', 'hostb');
        const handle = await start(without, request);
        await until('memory has been copied over and over', async () => (await passes()) >= 12);
        expect(await virsh('hosta', 'domjobinfo', '--domain', 'vm1')).not.toContain('Auto converge throttle');
        await without.cancelMigration?.(request, handle);
        expect(await runsOn('vm1')).toEqual(['hosta']);

        const cloud = cloudOf({ bandwidthMiB: OUTPACED_MIB });
        const again = await start(cloud, request);
        await until('it is slowed down', async () =>
          (await virsh('hosta', 'domjobinfo', '--domain', 'vm1')).includes('Auto converge throttle'),
        );
        expect(await rest(cloud, request, again)).toEqual({ phase: 'settled', status: 'running', hostId: 'hostb' });
      });

      it('arrives by post-copy once the time for that has come, also if another process follows it then', async () => {
        await busy();
        const over = { bandwidthMiB: OUTPACED_MIB, autoConverge: false, postcopyAfterMs: 8000 };
        const former = cloudOf(over);
        const request = await requestTo(former, 'vm1', 'hostb');
        const handle = await start(former, request);
        const cloud = cloudOf(over);
        expect(await rest(cloud, request, handle)).toEqual({ phase: 'settled', status: 'running', hostId: 'hostb' });
        expect(await runsOn('vm1')).toEqual(['hostb']);
      });

      it('whose post-copy breaks off has failed, and is not followed for ever', async () => {
        await busy();
        const over = { bandwidthMiB: SLOW_MIB, autoConverge: false, postcopyAfterMs: 3000 };
        const cloud = cloudOf(over);
        const request = await requestTo(cloud, 'vm1', 'hostb');
        const handle = await start(cloud, request);
        await until('it runs on the target', async () => {
          await cloud.migrationState(request, handle);
          return (await virsh('hostb', 'domstate', '--reason', '--domain', 'vm1')).includes('post-copy');
        });
        await virsh('hostb', 'destroy', '--domain', 'vm1').catch(() => undefined);
        expect(await rest(cloud, request, handle)).toMatchObject({ phase: 'failed', status: 'postcopy_failed' });
        await expect(cloud.cancelMigration?.(request, handle)).rejects.toThrow('post-copy');
      });
    });

    describe('a fault of the target is told as one:', () => {
      it('its daemon is down before', async () => {
        await boot();
        const cloud = cloudOf();
        const request = await requestTo(cloud, 'vm1', 'hostb');
        await script('hosts.sh', 'daemon', 'hostb', 'stop');
        onTestFinished(async () => {
          await script('hosts.sh', 'daemon', 'hostb', 'start');
        });
        expect(await cloud.startMigration(request)).toMatchObject({ accepted: false, concerns: 'target' });
        expect(await runsOn('vm1')).toEqual(['hosta']);
      });

      it('its daemon ends in the middle, and is up again when we look', async () => {
        await boot();
        const cloud = cloudOf({ bandwidthMiB: SLOW_MIB });
        const request = await requestTo(cloud, 'vm1', 'hostb');
        const handle = await start(cloud, request);
        await moving('vm1');
        await script('hosts.sh', 'daemon', 'hostb', 'stop');
        await script('hosts.sh', 'daemon', 'hostb', 'start');
        expect(await rest(cloud, request, handle)).toMatchObject({
          phase: 'failed',
          hostId: 'hosta',
          concerns: 'target',
        });
      });

      it('that it lacks what this guest needs is a matter of the pair', async () => {
        await boot();
        const cloud = cloudOf();
        const request = await requestTo(cloud, 'vm1', 'hostb');
        await script('hosts.sh', 'exec', 'hostb', 'ip', 'link', 'set', 'br0', 'name', 'away0');
        onTestFinished(async () => {
          await script('hosts.sh', 'exec', 'hostb', 'ip', 'link', 'set', 'away0', 'name', 'br0');
        });
        expect(await cloud.startMigration(request)).toMatchObject({ accepted: false, concerns: 'pair' });
      });
    });

    it('a guest that dies on its source while it moves is at rest there, though virsh goes on waiting', async () => {
      await boot();
      const cloud = cloudOf({ bandwidthMiB: SLOW_MIB });
      const request = await requestTo(cloud, 'vm1', 'hostb');
      const handle = await start(cloud, request);
      await moving('vm1');
      await script('hosts.sh', 'exec', 'hosta', 'sh', '-c', 'kill -9 $(cat /run/libvirt/qemu/vm1.pid)');
      expect(await rest(cloud, request, handle)).toEqual({ phase: 'settled', status: 'shut off', hostId: 'hosta' });
    });
  },
);
