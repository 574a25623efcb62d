import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { createLibvirtCloud } from '../../src/fleet/clouds/libvirt/libvirt.js';
import { createLibvirtMetrics } from '../../src/fleet/clouds/libvirt/metrics.js';
import { createVirsh } from '../../src/fleet/clouds/libvirt/virsh.js';
import type { MigrationNotes } from '../../src/journal/events.js';
import { freePort, until } from './daemon.js';
import { alertingHosts, prometheusMetrics, startAlertmanager, startPrometheus } from './monitoring.js';
import type { Home, RunningReceiver } from './receiver.js';
import { RULE, makeHome, startReceiver } from './receiver.js';
import type { GuestPlan, HostName } from './testbed.js';
import {
  HOSTS,
  consoleLines,
  hostsDown,
  hostsUp,
  isMigrating,
  missingForTestbed,
  autostart,
  runsOn,
  script,
  startGuests,
  startsWithHost,
  uris,
} from './testbed.js';

const missing = missingForTestbed();
const STORY_MS = 240_000;

const hosts = HOSTS.map((name) => ({ name, ...uris(name) }));
const virsh = createVirsh({ program: 'virsh', timeoutMs: 10_000 });

/**
 * A threshold that hosta passes, that it no longer passes without `guest`, and that no host passes with it: midway, since how
 * much of its CPUs the machine has to spare is not known beforehand.
 */
async function thresholdFor(guest: string): Promise<{ threshold: number; cpus: number }> {
  const inventory = await createLibvirtCloud({ hosts, virsh, clock: systemClock, sharedPaths: [] }).inventory();
  const metrics = createLibvirtMetrics({ hosts, virsh, clock: systemClock, sampleIntervalMs: 1000 });
  try {
    const readings = await until('there are readings over some seconds', async () => {
      const found = await metrics.readings({ ...inventory, periodMs: 8000, historyMs: 60_000 });
      const samples = found.hosts.get('hosta')?.['cpu.usage_active']?.samples ?? [];
      return samples.length >= 8 ? found : undefined;
    });
    const hostCpu = (name: string) => readings.hosts.get(name)?.['cpu.usage_active']?.value ?? Number.NaN;
    const cpus = inventory.hosts[0]?.cpu_count ?? Number.NaN;
    const score = (id: string) => (readings.guests.get(id)?.['cpu.usage_active']?.value ?? Number.NaN) / cpus;
    const onSource = inventory.guests.filter(({ host_id }) => host_id === 'hosta');
    const own = score(inventory.guests.find(({ name }) => name === guest)?.id ?? '');
    // Prometheus knows what the guests use, libvirt what the host uses: the threshold suits both.
    const least = onSource.reduce((sum, { id }) => sum + score(id), 0);
    const after = Math.max(hostCpu('hosta') - own, Math.max(hostCpu('hostb'), hostCpu('hostc')) + own);
    expect(least, `hosta uses ${least} %, of which ${guest} ${own} %`).toBeGreaterThan(after);
    return { threshold: (least + after) / 2, cpus };
  } finally {
    metrics.close();
  }
}

const notesOf = ({ notes }: { notes: unknown }) => notes as MigrationNotes;

describe.skipIf(missing !== undefined)(
  `automigrate on real libvirt hosts${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: STORY_MS },
  () => {
    let home: Home;
    const receivers: RunningReceiver[] = [];
    const serve = async (port: number, env: Record<string, string>) => {
      const receiver = await startReceiver(home, port, env);
      receivers.push(receiver);
      return receiver;
    };
    const begin = async (guests: readonly GuestPlan[]) => {
      home = await makeHome();
      onTestFinished(() => home.remove());
      await startGuests(guests);
    };

    // New hosts for each story: what one leaves behind must not be read, or run into, by the next.
    beforeEach(hostsUp, STORY_MS);
    afterEach(async () => {
      for (const receiver of receivers.splice(0)) await receiver.kill('SIGKILL');
      await hostsDown();
    }, STORY_MS);

    /** Two guests on hosta of which the cheaper one is to go; its copy takes a while at so few MiB/s. */
    const slowly = async (bandwidthMiB: number, before: () => Promise<unknown> = () => Promise.resolve()) => {
      await begin([
        { name: 'vm1', host: 'hosta', burn: 30, memory: 96 },
        { name: 'vm2', host: 'hosta', burn: 30, memory: 192 },
      ]);
      await before();
      // One target only, so that a move that fails is not tried on the next best one.
      await home.writeRule((await thresholdFor('vm1')).threshold, ['hostb']);
      const port = await freePort();
      const env = { LIBVIRT_BANDWIDTH_MIB: String(bandwidthMiB) };
      const receiver = await serve(port, env);
      expect(await receiver.alert('hosta')).toMatchObject({ status: 202, body: { outcome: 'accepted' } });
      const { guest, target_host: host } = notesOf(await receiver.event(({ action }) => action === 'migrating'));
      expect(guest.name).toBe('vm1');
      const target = host.name as HostName;
      await until('vm1 is on its way', async () => {
        const ended = (await receiver.events()).find(({ action }) => action.startsWith('migrate_'));
        if (ended) throw new Error(`${ended.action}: ${JSON.stringify(ended.notes)}`);
        const [migration] = (await receiver.batch())?.migrations ?? [];
        return migration?.progress !== undefined && migration.progress > 0 && (await isMigrating('vm1', 'hosta'));
      });
      return { receiver, target, port, env };
    };

    it('a guest burns CPU, Prometheus and Alertmanager tell, and it really moves live', async () => {
      await begin([
        { name: 'vm1', host: 'hosta', burn: 70, memory: 96 },
        { name: 'vm2', host: 'hosta', burn: 30, memory: 192 },
        { name: 'vm3', host: 'hostb', burn: 0, memory: 96 },
        { name: 'vm4', host: 'hostc', burn: 0, memory: 96 },
      ]);
      const { threshold, cpus } = await thresholdFor('vm1');
      await home.writeRule(threshold);
      await script('services.sh', 'up', 'exporter');
      const port = await freePort();
      const alertmanager = await startAlertmanager(`http://127.0.0.1:${port}/webhooks/alertmanager`);
      onTestFinished(() => alertmanager.stop());
      const prometheus = await startPrometheus(alertmanager.url, { name: RULE, cpus, threshold });
      onTestFinished(() => prometheus.stop());
      const receiver = await serve(port, prometheusMetrics(prometheus.url, cpus));

      await receiver.event(({ action }) => action === 'migrate_success', 120_000);
      const events = await receiver.events();
      const moves = events.filter(({ action }) => action.startsWith('migrat'));
      expect(moves.map(({ action }) => action)).toEqual(['migrating', 'migrate_success']);
      expect(events.map(({ user }) => user)).toContain('alertmanager');
      const { guest, target_host: target } = notesOf(moves[0]!);
      expect(guest).toMatchObject({ name: 'vm1', host: 'hosta', vcpu_count: 1, vmem_size: 96 });

      expect(await runsOn('vm1')).toEqual([target.name]);
      // It went on where it was: one boot, and its uptime goes on counting at its new host.
      const lines = await until('vm1 tells its uptime from its new host', async () => {
        const told = await consoleLines('vm1');
        return told.some(({ host, line }) => host === target.name && line.startsWith('ALIVE')) ? told : undefined;
      });
      expect(lines.filter(({ line }) => line.startsWith('READY'))).toHaveLength(1);
      const uptimes = (on: string) =>
        lines.filter(({ host }) => host === on).flatMap(({ line }) => /^ALIVE up=([\d.]+)/.exec(line)?.[1] ?? []);
      expect(Math.min(...uptimes(target.name).map(Number))).toBeGreaterThan(Math.max(...uptimes('hosta').map(Number)));

      await until('the alert is resolved', async () => (await alertingHosts(alertmanager.url)).length === 0);
      await until('the receiver is free', async () => (await receiver.batch()) === null);
    });

    it('the destination dies in the middle: the guest stays, and the receiver is free again', async () => {
      const { receiver, target } = await slowly(1);
      await script('hosts.sh', 'daemon', target, 'stop');

      const failed = await receiver.event(({ action }) => action === 'migrate_fail');
      expect(notesOf(failed)).toMatchObject({
        guest: { name: 'vm1' },
        reason: expect.stringMatching(/vm1 .*migrate_failed: .*(closed|connection|end of file|lost)/i),
      });
      expect(await runsOn('vm1')).toEqual(['hosta']);
      await until('the receiver is free', async () => (await receiver.batch()) === null);
      // With one host away the alert is planned for the others, and not dropped.
      expect(await receiver.alert('hosta')).toMatchObject({ status: 202, body: { outcome: 'accepted' } });
    });

    it('the receiver is killed in the middle: started again it follows the migration, and starts nothing twice', async () => {
      const { receiver, target, port, env } = await slowly(4, () => autostart('hosta', 'vm1'));
      await receiver.kill('SIGKILL');
      expect(await isMigrating('vm1', 'hosta')).toBe(true);

      const again = await serve(port, env);
      expect(await again.batch()).toMatchObject({ step: 'migrating' });
      expect(await again.alert('hosta')).toMatchObject({ status: 200, body: { outcome: 'dropped', reason: 'busy' } });
      await again.event(({ action }) => action.startsWith('migrate_'), 150_000);
      const moves = (await again.events()).filter(({ action }) => action.startsWith('migrat'));
      expect(moves.map(({ action }) => action)).toEqual(['migrating', 'migrate_success']);
      expect(await runsOn('vm1')).toEqual([target]);
      // It started with its host, and goes on doing so.
      expect(await startsWithHost(target, 'vm1')).toBe(true);
      await until('the receiver is free', async () => (await again.batch()) === null);
      const booted = (await consoleLines('vm1')).filter(({ line }) => line.startsWith('READY'));
      expect(booted).toHaveLength(1);
    });
  },
);
