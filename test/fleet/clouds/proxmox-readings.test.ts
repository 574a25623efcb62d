import { describe, expect, it, onTestFinished } from 'vitest';
import type { ProxmoxOptions } from '../../support/clouds/proxmox-server.js';
import { startProxmox } from '../../support/clouds/proxmox-server.js';

const set = async (options?: ProxmoxOptions) => {
  const harness = await startProxmox(options);
  onTestFinished(() => harness.close());
  return harness;
};
const GIB = 1024 ** 3;

describe('the readings of a Proxmox VE cluster', () => {
  const query = { hosts: [], guests: [], periodMs: 60_000 };
  /** What `/cluster/metrics/export` tells of some values, a sample every ten seconds up to now. */
  const past = (id: string, metric: string, values: number[]) =>
    values.map((value, index) => ({
      id,
      metric,
      value,
      timestamp: Date.parse('2026-11-21T05:00:00Z') / 1000 - 10 * (values.length - 1 - index),
      type: 'gauge',
    }));

  it('come with three calls, as percent and bytes, and none where nothing runs', async () => {
    const harness = await set({
      nodeFields: { 'host-1': { status: 'offline' } },
      guestFields: { 'guest-1': { status: 'stopped' } },
    });
    const { hosts, guests } = await harness.cloud.readings(query);
    expect(harness.server.requests).toHaveLength(3);
    expect([...hosts.keys()]).toEqual(['node/host-0', 'node/host-2']);
    expect(hosts.get('node/host-0')).toMatchObject({
      'cpu.usage_active': { value: 62.5 },
      'mem.available': { value: 156 * GIB },
    });
    expect(guests.get('qemu/100')).toMatchObject({ 'cpu.usage_active': { value: 25 } });
    expect(guests.has('qemu/101')).toBe(false);
  });

  it('of a guest above 100 % are 100 %, and a node above 100 % has none', async () => {
    const harness = await set({ guestFields: { 'guest-2': { cpu: 1.04 } }, nodeFields: { 'host-1': { cpu: 1.04 } } });
    const { hosts, guests } = await harness.cloud.readings(query);
    expect(guests.get('qemu/102')).toMatchObject({ 'cpu.usage_active': { value: 100 } });
    expect(hosts.get('node/host-1')).toEqual({ 'mem.available': expect.anything() });
  });

  it('are means over the period where the cluster tells its last half hour', async () => {
    const data = [
      ...past('node/host-0', 'cpu_current', [0.9, 0.2, 0.4, 0.6]),
      ...past('node/host-0', 'mem_used', [10 * GIB, 20 * GIB, 30 * GIB]),
      ...past('node/host-0', 'uptime', [1, 2, 3]),
      ...past('qemu/100', 'cpu_current', [1.2, 0.5]),
    ];
    const harness = await set({ answers: { '/cluster/metrics/export': { data } } });
    const { hosts, guests } = await harness.cloud.readings({ ...query, periodMs: 25_000 });
    const asked = harness.server.requests.find(({ path }) => path.endsWith('/export'));
    expect(Object.fromEntries(asked?.query ?? [])).toEqual({ history: '1', 'start-time': String(1_795_237_175) });
    // The first sample of the node is older than the period.
    expect(hosts.get('node/host-0')?.['cpu.usage_active']?.value).toBeCloseTo(40);
    expect(hosts.get('node/host-0')?.['mem.available']?.value).toBe(236 * GIB);
    expect(guests.get('qemu/100')?.['cpu.usage_active']?.value).toBeCloseTo(75);
    // Of what it does not tell there is the value of the moment.
    expect(hosts.get('node/host-1')?.['cpu.usage_active']?.value).toBe(62.5);
  });

  it.each<[string, object]>([
    ['has no such call', { status: 501, statusText: "Method 'GET /cluster/metrics/export' not implemented" }],
    [
      'gives no right to them',
      { status: 403, body: { data: null, message: 'Permission check failed (/, Sys.Audit)\n' } },
    ],
    ['answers nonsense', { body: { data: { data: [{ id: 7 }] } } }],
  ])('are those of the moment where the cluster %s', async (_what, answer) => {
    const harness = await set();
    harness.server.fault = ({ path }) => (path.endsWith('/export') ? answer : undefined);
    const { hosts } = await harness.cloud.readings(query);
    expect(hosts.get('node/host-0')?.['cpu.usage_active']?.value).toBe(62.5);
  });

  it('are those of the moment where the means take too long', async () => {
    const harness = await set({ timeoutMs: 200 });
    harness.server.fault = ({ path }) => (path.endsWith('/export') ? 'silent' : undefined);
    const { hosts } = await harness.cloud.readings(query);
    expect(hosts.get('node/host-0')?.['cpu.usage_active']?.value).toBe(62.5);
  });

  it('are those of the moment where there would be too many samples', async () => {
    const harness = await set({ hosts: 40, guests: 1000 });
    await harness.cloud.readings({ ...query, periodMs: 300_000 });
    expect(harness.server.requests.map(({ path }) => path)).not.toContain('/api2/json/cluster/metrics/export');
  });

  it('are the newest that the cluster tells, and old where a node has ended to report', async () => {
    const data = past('node/host-0', 'cpu_current', [0.5, 0.5]).map((it) => ({ ...it, timestamp: it.timestamp - 40 }));
    const harness = await set({ answers: { '/cluster/metrics/export': { data } } });
    const { hosts } = await harness.cloud.readings(query);
    const at = hosts.get('node/host-0')?.['cpu.usage_active']?.at ?? 0;
    expect(harness.clock.now() - at).toBe(40_000);
  });

  it('are none of a node whose uptime has stood still for over 20 s, nor of its guests', async () => {
    const nodeFields: Record<string, object> = { 'host-0': { uptime: 500 } };
    const harness = await set({ nodeFields });
    const readable = async () => {
      const { hosts, guests } = await harness.cloud.readings(query);
      return [hosts.has('node/host-0'), guests.has('qemu/100'), hosts.has('node/host-1'), guests.has('qemu/101')];
    };
    expect(await readable()).toEqual([true, true, true, true]);
    harness.clock.advance(20_000);
    expect(await readable()).toEqual([true, true, true, true]);
    harness.clock.advance(1000);
    expect(await readable()).toEqual([false, false, true, true]);
    nodeFields['host-0'] = { uptime: 521 };
    expect(await readable()).toEqual([true, true, true, true]);
  });
});
