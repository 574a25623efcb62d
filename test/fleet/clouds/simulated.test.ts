import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/common/clock.js';
import { createRemoteSimulation } from '../../../src/fleet/clouds/remote-simulation.js';
import { createSimulatedCloud } from '../../../src/fleet/clouds/simulated.js';
import { parseScenario } from '../../../src/fleet/clouds/scenario.js';
import type { MigrationRequest } from '../../../src/fleet/fleet.js';
import { fleet, GIB, guest, host, scenario } from '../../support/fleet.js';
import { serveSimulation } from '../../support/simulation-server.js';
import { createVirtualClock } from '../../support/virtual-clock.js';

const small = () => fleet([host('a', 62.305391), host('b', 20)], [guest('g', 'a', 50), guest('h', 'a', 10)]);

function build(simulation: Parameters<typeof scenario>[1] = {}, snapshot = small()) {
  const clock = createVirtualClock();
  const cloud = createSimulatedCloud(scenario(snapshot, simulation), clock);
  const request: MigrationRequest = {
    guest: { ...guest('g', 'a', 50) },
    source: { id: 'id-a', name: 'a' },
    target: { id: 'id-b', name: 'b' },
  };
  const asked = { hosts: snapshot.hosts, guests: snapshot.guests, periodMs: 0 };
  const cpuOf = async (name: string) =>
    (await cloud.readings(asked)).hosts.get(`id-${name}`)?.['cpu.usage_active']?.value;
  const memoryOf = async (name: string) =>
    (await cloud.readings(asked)).hosts.get(`id-${name}`)?.['mem.available']?.value;
  return { clock, cloud, request, asked, cpuOf, memoryOf };
}

describe('the simulated cloud', () => {
  it('tells the readings of its scenario to the last digit while nothing moves', async () => {
    const { cpuOf, memoryOf } = build();
    expect(await cpuOf('a')).toBe(62.305391);
    expect(await memoryOf('a')).toBe(100 * GIB);
  });

  it('takes memory / bandwidth for a migration, through start_migrate and live_migrating to running', async () => {
    const { cloud, clock, request } = build({ bandwidth: 1024 });
    expect(await cloud.startMigration(request)).toEqual({ accepted: true });
    expect(await cloud.migrationState(request, undefined)).toMatchObject({
      phase: 'moving',
      status: 'start_migrate',
      progress: 0,
    });
    clock.advance(4400);
    expect(await cloud.migrationState(request, undefined)).toMatchObject({
      phase: 'moving',
      status: 'live_migrating',
      progress: 50,
    });
    clock.advance(3599);
    expect(await cloud.migrationState(request, undefined)).toMatchObject({ phase: 'moving' });
    clock.advance(1);
    expect(await cloud.migrationState(request, undefined)).toEqual({
      phase: 'settled',
      status: 'running',
      hostId: 'id-b',
    });
  });

  it('runs faster by the time scale', async () => {
    const { cloud, clock, request } = build({ bandwidth: 1024, time_scale: 8 });
    await cloud.startMigration(request);
    clock.advance(1000);
    expect(await cloud.migrationState(request, undefined)).toMatchObject({ phase: 'settled', hostId: 'id-b' });
  });

  it('moves the load of a guest to its new host when it has arrived, by that host’s own CPU count', async () => {
    const hosts = [host('a', 60), host('b', 20, { cpu_count: 80 })];
    const { cloud, clock, request, cpuOf, memoryOf } = build({}, fleet(hosts, [guest('g', 'a', 50)]));
    await cloud.startMigration(request);
    clock.advance(7999);
    expect(await cpuOf('a')).toBe(60);
    clock.advance(1);
    expect(await cpuOf('a')).toBeCloseTo(60 - (50 * 8) / 40, 10);
    expect(await cpuOf('b')).toBeCloseTo(20 + (50 * 8) / 80, 10);
    expect(await memoryOf('a')).toBe(108 * GIB);
    expect(await memoryOf('b')).toBe(92 * GIB);
  });

  it('lets the guests fail that the scenario names, and they still run where they were', async () => {
    const { cloud, clock, request } = build({ fail: ['g'] });
    await cloud.startMigration(request);
    clock.advance(8000);
    expect(await cloud.migrationState(request, undefined)).toMatchObject({
      phase: 'failed',
      status: 'migrate_failed',
      hostId: 'id-a',
    });
    await cloud.afterFailure?.(request);
    expect(await cloud.migrationState(request, undefined)).toEqual({
      phase: 'settled',
      status: 'running',
      hostId: 'id-a',
    });
  });

  it('refuses a second move of a guest that is on its way, and counts what was asked of it', async () => {
    const { cloud, request } = build();
    await cloud.startMigration(request);
    expect(await cloud.startMigration(request)).toMatchObject({ accepted: false });
    expect(cloud.asked.get('id-g')).toBe(1);
  });

  it.each([
    ['an unknown guest', { guest: guest('nobody', 'a', 1) }],
    ['an unknown target', { target: { id: 'id-z', name: 'z' } }],
    ['the host the guest is on', { target: { id: 'id-a', name: 'a' } }],
  ])('refuses %s with a reason', async (_what, change) => {
    const { cloud, request } = build();
    expect(await cloud.startMigration({ ...request, ...change })).toMatchObject({
      accepted: false,
      reason: expect.any(String),
    });
  });

  it('gives up a migration when asked to', async () => {
    const { cloud, clock, request } = build();
    await cloud.startMigration(request);
    clock.advance(1000);
    await cloud.cancelMigration?.(request, undefined);
    clock.advance(60_000);
    expect(await cloud.migrationState(request, undefined)).toEqual({
      phase: 'settled',
      status: 'running',
      hostId: 'id-a',
    });
  });

  it('follows a change of a guest’s load, and of a host’s base load', async () => {
    const { cloud, cpuOf } = build();
    cloud.setGuestCpu('g', 100);
    expect(await cpuOf('a')).toBeCloseTo(62.305391 + (50 * 8) / 40, 10);
    cloud.setHostReading('b', 'cpu.usage_active', 22.65071999099409);
    expect(await cpuOf('b')).toBe(22.65071999099409);
    expect(await cpuOf('a')).toBeCloseTo(72.305391, 10);
  });

  it('has no reading where the scenario has none', async () => {
    const { cpuOf } = build({}, fleet([host('a', undefined)], []));
    expect(await cpuOf('a')).toBeUndefined();
  });
});

describe('a scenario file', () => {
  it('is a snapshot with defaults for the simulation', () => {
    const parsed = parseScenario(small());
    expect(parsed).toMatchObject({ ok: true, scenario: { simulation: { bandwidth: 1024, time_scale: 1, fail: [] } } });
  });

  it('is refused with the names of the fields that are wrong', () => {
    const parsed = parseScenario({ hosts: [{ id: 'a' }], guests: [], simulation: { bandwidth: -1, speed: 2 } });
    expect(parsed.ok).toBe(false);
    const problems = parsed.ok ? [] : parsed.problems;
    expect(problems.join('\n')).toMatch(/hosts\[0\]\.name/);
    expect(problems.join('\n')).toMatch(/simulation\.bandwidth/);
    expect(problems.join('\n')).toMatch(/speed/);
  });
});

describe('what the simulated cloud remembers', () => {
  it('is what its readings were, as a store that scrapes every minute', async () => {
    const { cloud, clock, asked } = build();
    clock.advance(120_000);
    cloud.setGuestCpu('g', 100);
    clock.advance(90_000);
    const { hosts, guests } = await cloud.readings({ ...asked, periodMs: 180_000, historyMs: 3_600_000 });
    const samples = guests.get('id-g')?.['cpu.usage_active']?.samples?.map(({ value }) => value);
    expect(samples).toEqual([50, 75, 100]);
    expect(guests.get('id-g')?.['cpu.usage_active']?.value).toBe(100);
    expect(hosts.get('id-a')?.['cpu.usage_active']?.samples?.at(-1)?.at).toBe(clock.now());
  });

  it('gives means over the period where the scenario says so, with a guest counted where it was', async () => {
    const { cloud, clock, request, asked } = build({ averaged: true });
    await cloud.startMigration(request);
    clock.advance(10_000);
    const means = (await cloud.readings({ ...asked, periodMs: 10_000 })).hosts;
    expect(means.get('id-a')?.['cpu.usage_active']?.value).toBeCloseTo(62.305391 - 10 * 0.2, 10);
    expect(means.get('id-b')?.['cpu.usage_active']?.value).toBeCloseTo(20 + 10 * 0.2, 10);
  });
});

describe('a simulated cloud in another process', () => {
  it.each([
    ['of the present moment', false, 0],
    ['that are means of the period', true, undefined],
  ])('tells readings %s as such', async (_what, averaged, coversMs) => {
    const server = await serveSimulation(
      createSimulatedCloud(scenario(fleet([host('a', 70)], []), { averaged }), systemClock),
    );
    onTestFinished(() => server.close());
    const remote = createRemoteSimulation({
      baseUrl: server.url,
      timeoutMs: 10_000,
      clock: systemClock,
      random: () => 0,
    });
    const { hosts } = await remote.readings({ hosts: [], guests: [], periodMs: 60_000 });
    expect(hosts.get('id-a')?.['cpu.usage_active']).toEqual({
      value: 70,
      at: expect.any(Number) as number,
      ...(coversMs !== undefined && { coversMs }),
    });
  });
});
