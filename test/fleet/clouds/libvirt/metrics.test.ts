import { describe, expect, it, onTestFinished } from 'vitest';
import { createLibvirtMetrics } from '../../../../src/fleet/clouds/libvirt/metrics.js';
import type { GuestRecord, HostRecord } from '../../../../src/fleet/fleet.js';
import { createVirtualClock } from '../../../support/virtual-clock.js';
import { libvirtHost, printingVirsh } from './fixtures.js';

const UUID = '40b5d187-31d2-4302-84c9-cb19f5bd24be';
const HOST: HostRecord = {
  id: 'a',
  name: 'a',
  status: 'online',
  enabled: true,
  host_type: 'kvm',
  cpu_architecture: 'x86_64',
  cpu_count: 4,
  mem_size: 4096,
};
const GUEST: GuestRecord = { id: UUID, name: 'vm2', host_id: 'a', status: 'running', vcpu_count: 2, vmem_size: 96 };
const S = 1e9;

/** A host of 4 CPUs with one guest of 2 vCPUs, whose counters follow the clock. */
function world(sampleIntervalMs = 10_000) {
  const clock = createVirtualClock();
  const start = clock.now();
  // Busy CPUs of the host and of the guest, and when the guest came; changed as a story goes on.
  const load = { host: 1, guest: 0.5, hostNs: 0, guestNs: 100 * S, present: true, silent: false, at: start };
  const step = () => {
    const seconds = (clock.now() - load.at) / 1000;
    load.hostNs += seconds * load.host * S;
    load.guestNs += seconds * load.guest * S;
    load.at = clock.now();
  };
  const set = (over: Partial<typeof load>) => {
    step();
    Object.assign(load, over);
  };
  const virsh = printingVirsh(() => {
    step();
    if (load.silent) return undefined;
    const idle = ((clock.now() - start) / 1000) * 4 * S - load.hostNs;
    return {
      nodecpustats: `user: ${1000 * S + load.hostNs}\nsystem: 0\nidle: ${1000 * S + idle}\niowait: 0\n\n`,
      nodememstats: `total : 4194304 KiB\nfree : 1048576 KiB\nbuffers: 0 KiB\ncached : 1048576 KiB\n\n`,
      list: load.present ? `${UUID} vm2\n\n` : '\n',
      domstats: load.present ? `Domain: 'vm2'\n  state.state=1\n  cpu.time=${load.guestNs}\n\n` : '',
    };
  });
  const metrics = createLibvirtMetrics({ hosts: [libvirtHost('a')], virsh, clock, sampleIntervalMs });
  onTestFinished(() => metrics.close());
  const read = async (periodMs = 60_000, historyMs?: number) => {
    const query = { hosts: [HOST], guests: [GUEST], periodMs, ...(historyMs !== undefined && { historyMs }) };
    const { hosts, guests } = await metrics.readings(query);
    return {
      cpu: hosts.get('a')?.['cpu.usage_active'],
      memory: hosts.get('a')?.['mem.available'],
      guest: guests.get(UUID)?.['cpu.usage_active'],
    };
  };
  return { clock, metrics, load, set, read };
}

describe("libvirt's own metrics", () => {
  it('wait for a second sample if they are asked at once', async () => {
    const { clock, read } = world();
    const before = clock.now();
    const { cpu, memory, guest } = await read();
    expect(clock.now() - before).toBeGreaterThanOrEqual(1000);
    expect(cpu?.value).toBeCloseTo(25);
    expect(guest?.value).toBeCloseTo(25);
    expect(memory?.value).toBe(2 * 1024 ** 3);
    expect(cpu?.at).toBe(clock.now());
  });

  it('know the course of a guest over six hours in slots, and that of its host over the last one', async () => {
    const { clock, set, metrics } = world(60_000);
    for (let hour = 1; hour <= 8; hour += 1) {
      set({ guest: hour / 10 });
      await clock.sleep(3_600_000);
    }
    const query = { hosts: [HOST], guests: [GUEST], periodMs: 60_000, historyMs: 3_600_000 };
    const { hosts, guests } = await metrics.readings({ ...query, guestHistoryMs: 6 * 3_600_000 });
    const now = clock.now();
    const ages = (samples: readonly { at: number }[] = []) => samples.map(({ at }) => now - at);
    const ofGuest = ages(guests.get(UUID)?.['cpu.usage_active']?.samples);
    expect(Math.max(...ofGuest)).toBeGreaterThan(5.9 * 3_600_000);
    expect(ofGuest.length).toBeLessThan(60 + 5 * 12 + 10);
    const gaps = ofGuest.slice(1).map((age, at) => ofGuest[at]! - age);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(300_000);
    const ofHost = ages(hosts.get('a')?.['cpu.usage_active']?.samples);
    expect(Math.max(...ofHost)).toBeLessThanOrEqual(3_660_000);
    expect(ofHost.length).toBeGreaterThan(55);
  });

  it('are the mean over the period, as far as samples reach back', async () => {
    const { clock, set, read } = world();
    await clock.sleep(60_000);
    set({ host: 3, guest: 2 });
    await clock.sleep(60_000);
    const short = await read(60_000);
    expect(short.cpu?.value).toBeCloseTo(75);
    expect(short.guest?.value).toBeCloseTo(100);
    const long = await read(3_600_000);
    expect(long.cpu?.value).toBeCloseTo(50, 0);
    expect(long.guest?.value).toBeCloseTo(62.5, 0);
  });

  it('have the samples of the history that is asked for', async () => {
    const { clock, read } = world();
    await clock.sleep(60_000);
    const { cpu, memory, guest } = await read(60_000, 30_000);
    expect(cpu?.samples?.length).toBeGreaterThanOrEqual(3);
    for (const { value } of [...(cpu?.samples ?? []), ...(guest?.samples ?? [])]) expect(value).toBeCloseTo(25);
    expect(memory?.samples?.at(-1)).toEqual({ at: memory?.at, value: 2 * 1024 ** 3 });
  });

  it('count a guest on a host only since it came there', async () => {
    const { clock, set, read } = world();
    set({ present: false });
    await clock.sleep(60_000);
    set({ present: true, guestNs: 0, guest: 2 });
    const { guest } = await read();
    expect(guest?.value).toBeCloseTo(100);
    await clock.sleep(100);
    set({ guestNs: 0, guest: 0.5 });
    expect((await read()).guest?.value).toBeCloseTo(25);
  });

  it('count what the emulator needs up to all of the vCPUs', async () => {
    const { set, read } = world();
    set({ guest: 2.2 });
    expect((await read()).guest?.value).toBe(100);
  });

  it('of a guest are never above 100 %, in its history neither', async () => {
    const { clock, set, read } = world();
    set({ guest: 3 });
    await clock.sleep(60_000);
    const { guest } = await read(60_000, 60_000);
    expect(guest?.samples?.length).toBeGreaterThan(3);
    for (const { value } of [guest!, ...guest!.samples!]) expect(value).toBe(100);
  });

  it('of a host above 100 % are none: the kernel has taken back idle time', async () => {
    const { clock, set, read } = world();
    await clock.sleep(60_000);
    set({ host: 4.5 });
    await clock.sleep(60_000);
    const { cpu, memory } = await read(50_000);
    expect(cpu).toBeUndefined();
    expect(memory?.value).toBe(2 * 1024 ** 3);
    set({ host: 4 });
    await clock.sleep(120_000);
    const after = await read(50_000, 240_000);
    expect(after.cpu?.value).toBeCloseTo(100);
    for (const { value } of after.cpu?.samples ?? []) expect(value).toBeLessThanOrEqual(100);
  });

  it('begin anew when the host has', async () => {
    const { clock, set, read } = world();
    await clock.sleep(30_000);
    set({ hostNs: -900 * S, host: 4 });
    expect((await read()).cpu?.value).toBeGreaterThan(25);
    expect((await read()).cpu?.value).toBeLessThanOrEqual(100);
  });

  it('are absent for a host that has not answered, and an error if none does', async () => {
    const { set, read } = world();
    set({ silent: true });
    await expect(read()).rejects.toThrow('libvirt: no host answers: a: failed to connect to the hypervisor');
  });

  it('read no more samples once they are closed', async () => {
    const { clock, load, metrics } = world();
    await clock.sleep(20_000);
    metrics.close();
    const last = load.at;
    await clock.sleep(60_000);
    expect(load.at).toBe(last);
    await expect(metrics.readings({ hosts: [], guests: [], periodMs: 1 })).rejects.toThrow('closed');
  });
});
