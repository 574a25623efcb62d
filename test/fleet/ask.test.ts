import { describe, expect, it } from 'vitest';
import { askFleet } from '../../src/fleet/ask.js';
import type { Cloud, Metrics } from '../../src/fleet/fleet.js';
import { FleetError } from '../../src/fleet/fleet.js';
import { guest, host } from '../support/fleet.js';
import { createVirtualClock } from '../support/virtual-clock.js';

const clock = createVirtualClock();
const now = clock.now();
const cloud = {
  name: 'cloud',
  inventory: () => Promise.resolve({ hosts: [host('a', undefined)], guests: [guest('g', 'a', undefined)] }),
} as unknown as Cloud;
const store = (history: Metrics['history']): Metrics => ({
  name: 'store',
  scrapeIntervalMs: 60_000,
  readings: () =>
    Promise.resolve({
      hosts: new Map([['id-a', { 'cpu.usage_active': { value: 70, at: now } }]]),
      guests: new Map(),
    }),
  ...(history && { history }),
});
/** What a store that hangs answers. */
const never = new Promise<never>(() => undefined);
const ask = (metrics: Metrics, timeoutMs = 5000, historyMs = 3_600_000) =>
  askFleet({
    cloud,
    metrics,
    clock,
    periodMs: 60_000,
    history: { hostsMs: historyMs, guestsMs: historyMs },
    timeoutMs,
  });

describe('the history, a question of its own', () => {
  it('is put to the readings that came', async () => {
    const samples = [
      { at: now - 400_000, value: 60 },
      { at: now, value: 70 },
    ];
    const history = {
      hostSpanMs: 60_000,
      hosts: new Map([['id-a', { 'cpu.usage_active': samples }]]),
      guests: new Map(),
    };
    const answer = await ask(store(() => Promise.resolve(history)));
    expect(answer.readings.hosts.get('id-a')!['cpu.usage_active']).toEqual({
      value: 70,
      at: now,
      samples,
      sampleSpanMs: 60_000,
    });
    expect(answer.snapshot.hosts[0]!.history).toEqual({ 'cpu.usage_active': [60, 70] });
    expect(answer).not.toHaveProperty('withoutHistory');
  });

  it('that fails does not cost the readings, and that it is missing is said', async () => {
    const answer = await ask(store(() => Promise.reject(new FleetError('store', 'history: query timed out'))));
    expect(answer.snapshot.hosts[0]!.metrics['cpu.usage_active']).toBe(70);
    expect(answer.withoutHistory).toBe('store: history: query timed out: decided without a history');
  });

  it('that hangs is given up after the time that a store may take', async () => {
    let given: AbortSignal | undefined;
    const answer = await ask(
      store((_query, signal) => {
        given = signal;
        return never;
      }),
      20,
    );
    expect(answer.snapshot.hosts[0]!.metrics['cpu.usage_active']).toBe(70);
    expect(answer.withoutHistory).toBe('store: history: no answer within 20 ms: decided without a history');
    expect(given!.aborted).toBe(true);
  });

  it('is no longer waited for when the readings fail', async () => {
    let given: AbortSignal | undefined;
    const metrics = store((_query, signal) => {
      given = signal;
      return never;
    });
    const failing = { ...metrics, readings: () => Promise.reject(new FleetError('store', 'gone')) };
    await expect(ask(failing)).rejects.toThrow('store: gone');
    expect(given!.aborted).toBe(true);
  });
});
