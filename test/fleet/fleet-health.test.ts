import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Pong } from '../../src/fleet/fleet.js';
import { FleetError } from '../../src/fleet/fleet.js';
import { HEALTH_INTERVAL_MS, watchFleetHealth } from '../../src/fleet/fleet-health.js';
import { createVirtualClock } from '../support/virtual-clock.js';

type Ping = (signal?: AbortSignal) => Promise<Pong>;

/** A system that answers one ping after the other as it is told, and tells the test which one it has come to. */
function system(name: string, answers: readonly ('up' | 'down' | 'silent')[]) {
  const reached = answers.map(() => new AbortController());
  let count = 0;
  let atOnce = 0;
  let mostAtOnce = 0;
  const ping: Ping = async (signal) => {
    const answer = answers[count] ?? 'silent';
    reached[count]?.abort();
    count += 1;
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    try {
      await Promise.resolve();
      if (answer === 'down') throw new FleetError(name, 'log in: HTTP 401');
      if (answer === 'silent') await new Promise((_, reject) => signal?.addEventListener('abort', reject));
      return {};
    } finally {
      atOnce -= 1;
    }
  };
  const comesTo = async (n: number) => {
    const signal = reached[n]!.signal;
    if (!signal.aborted) await once(signal, 'abort');
  };
  return { name, ping, asked: () => count, mostAtOnce: () => mostAtOnce, comesTo };
}

function watch(cloud: { name: string; ping?: Ping }, store?: { name: string; ping?: Ping }, timeoutMs = 30_000) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const lines: string[] = [];
  const log = {
    info: (_fields: object, message: string) => void lines.push(`info ${message}`),
    warn: (_fields: object, message: string) => void lines.push(`warn ${message}`),
    error: (_fields: object, message: string) => void lines.push(`error ${message}`),
  };
  const health = watchFleetHealth({ cloud, ...(store && { store }), clock, log, timeoutMs, signal: stop.signal });
  onTestFinished(() => stop.abort(new Error('over')));
  return { clock, stop, lines, health };
}

describe('the health of the fleet', () => {
  it('is not up before the first look has ended', () => {
    const { health } = watch(system('openstack', ['silent']));
    expect(health.current().cloud).toMatchObject({ up: false, text: 'has not been asked yet' });
  });

  it('keeps since when a system is down, and why, until it is up again; each change is logged once', async () => {
    const cloud = system('openstack', ['up', 'down', 'down', 'up', 'silent']);
    const { health, lines, clock } = watch(cloud, system('prometheus', ['up', 'up', 'up', 'up', 'silent']));
    const began = clock.now();
    await cloud.comesTo(2);
    const down = { up: false, since: new Date(began + HEALTH_INTERVAL_MS).toISOString() };
    expect(health.current().cloud).toEqual({ ...down, text: 'openstack: log in: HTTP 401' });
    await cloud.comesTo(3);
    expect(health.current().cloud).toMatchObject(down);
    await cloud.comesTo(4);
    expect(health.current()).toEqual({
      cloud: { up: true, since: new Date(began + 3 * HEALTH_INTERVAL_MS).toISOString() },
      metrics: { up: true, since: new Date(began).toISOString() },
    });
    expect(lines).toEqual([
      'warn the cloud cannot be asked: openstack: log in: HTTP 401',
      `info openstack can be asked again; it could not since ${down.since}`,
    ]);
  });

  it('gives a system that does not answer up in time, and never asks it twice at once', async () => {
    const cloud = system('proxmox', ['silent', 'silent', 'up', 'silent']);
    const { health, lines } = watch(cloud, undefined, 20);
    await cloud.comesTo(1);
    expect(health.current().cloud.text).toBe('proxmox: whether it is there: no answer within 20 ms');
    await cloud.comesTo(3);
    expect(health.current().cloud.up).toBe(true);
    expect(cloud.mostAtOnce()).toBe(1);
    expect(lines).toHaveLength(2);
  });

  it("says of a cloud's own readings what it says of the cloud", async () => {
    const cloud = system('proxmox', ['down', 'silent']);
    const { health } = watch(cloud);
    await cloud.comesTo(1);
    expect(health.current().metrics).toEqual(health.current().cloud);
    expect(health.current().metrics.up).toBe(false);
  });

  it('takes a fleet in this process to be there', async () => {
    const store = system('prometheus', ['up', 'silent']);
    const { health } = watch({ name: 'simulated' }, store);
    await store.comesTo(1);
    expect(health.current().cloud.up).toBe(true);
  });

  it('asks no more once it is to stop, and lets go of what it asks', async () => {
    const cloud = system('openstack', ['silent']);
    const { stop, health, lines } = watch(cloud);
    await cloud.comesTo(0);
    stop.abort(new Error('the service is stopping'));
    await health.stopped();
    expect(cloud.asked()).toBe(1);
    expect(lines).toEqual([]);
  });
});
