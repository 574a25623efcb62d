import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Inventory, MetricName, Reading } from '../../src/fleet/fleet.js';
import { assembleSnapshot } from '../../src/fleet/snapshot.js';
import { parseSnapshot } from '../../src/fleet/snapshot-file.js';
import { guest, host } from '../support/fleet.js';

const now = Date.parse('2026-11-21T05:00:00Z');
const inventory: Inventory = { hosts: [host('a', undefined)], guests: [guest('g', 'a', undefined)] };

function assemble(reading: Reading | undefined, metric: MetricName = 'cpu.usage_active') {
  const found = reading ? { [metric]: reading } : {};
  return assembleSnapshot(
    inventory,
    { hosts: new Map([['id-a', found]]), guests: new Map([['id-g', found]]) },
    { now, maxAgeMs: 360_000, maxAheadMs: 60_000 },
  );
}

describe('assembling a snapshot', () => {
  it('takes a fresh reading as it is', () => {
    const { snapshot, discarded } = assemble({ value: 61.5, at: now - 360_000 });
    expect(snapshot.hosts[0]?.metrics).toEqual({ 'cpu.usage_active': 61.5 });
    expect(snapshot.guests[0]?.metrics).toEqual({ 'cpu.usage_active': 61.5 });
    expect(discarded).toEqual([]);
  });

  it.each([
    ['older than the period plus a scrape', { value: 61.5, at: now - 360_001 }, 'stale'],
    ['without a time', { value: 61.5, at: Number.NaN }, 'stale'],
    ['not a number', { value: Number.NaN, at: now }, 'implausible'],
    ['dated later than now by more than a scrape', { value: 61.5, at: now + 60_001 }, 'future'],
    ['infinite', { value: Number.POSITIVE_INFINITY, at: now }, 'implausible'],
    ['negative', { value: -1, at: now }, 'implausible'],
  ] as const)('leaves out a reading that is %s, and says so', (_what, reading, reason) => {
    const { snapshot, discarded } = assemble(reading);
    expect(snapshot.hosts[0]?.metrics).toEqual({});
    expect(snapshot.guests[0]?.metrics).toEqual({});
    expect(discarded).toContainEqual(expect.objectContaining({ kind: 'host', name: 'a', reason }));
  });

  it('takes a reading that is ahead by no more than a scrape: clocks differ', () => {
    expect(assemble({ value: 61.5, at: now + 60_000 }).snapshot.hosts[0]?.metrics).toEqual({
      'cpu.usage_active': 61.5,
    });
  });

  it('a guest above 100 % is at 100 %, now and in its history; a host is refused, and told', () => {
    const samples = [
      { at: now - 400_000, value: 250 },
      { at: now, value: 130 },
    ];
    const { snapshot, discarded } = assemble({ value: 130, at: now, samples });
    expect(snapshot.guests[0]).toMatchObject({
      metrics: { 'cpu.usage_active': 100 },
      history: { 'cpu.usage_active': [100, 100] },
    });
    expect(snapshot.hosts[0]?.metrics).toEqual({});
    expect(discarded).toMatchObject([{ kind: 'host', name: 'a', value: 130, reason: 'implausible' }]);
  });

  it('a guest above 100 % in a snapshot file is at 100 %, a host there has no reading', () => {
    const parsed = parseSnapshot({ hosts: [host('a', 130)], guests: [guest('g', 'a', 130)] });
    if (!parsed.ok) throw new Error(parsed.problems.join());
    expect(parsed.snapshot.hosts[0]?.metrics).not.toHaveProperty(['cpu.usage_active']);
    expect(parsed.snapshot.guests[0]?.metrics).toEqual({ 'cpu.usage_active': 100 });
  });

  it('leaves out what the store does not know, rather than taking it for 0', () => {
    expect(assemble(undefined).snapshot.hosts[0]?.metrics).toEqual({});
  });

  it('keeps the course of the last hour as means of five minutes, and what lies before a gap not', () => {
    const samples = [40, 20, 4, 1, 2, 3].map((minutesAgo) => ({ at: now - minutesAgo * 60_000, value: minutesAgo }));
    const given = { value: 1, at: now, samples: [...samples, { at: now - 6 * 60_000, value: 60 }] };
    expect(assemble(given).snapshot.guests[0]?.history).toEqual({ 'cpu.usage_active': [60, 2.5] });
    expect(assemble({ value: 1, at: now, samples: [] }).snapshot.guests[0]).not.toHaveProperty('history');
  });

  it('never lets through a reading that is stale or out of range', () => {
    fc.assert(
      fc.property(fc.double(), fc.integer({ min: now - 1_000_000, max: now }), (value, at) => {
        const metrics = assemble({ value, at }).snapshot.hosts[0]?.metrics ?? {};
        const kept = metrics['cpu.usage_active'];
        expect(kept === undefined || (kept >= 0 && kept <= 100 && now - at <= 360_000)).toBe(true);
      }),
    );
  });
});

describe('a snapshot file', () => {
  const file = { hosts: [host('a', 10)], guests: [guest('g', 'a', 5)] };

  it('may carry keys that are not known', () => {
    const parsed = parseSnapshot({ ...file, simulation: {}, hosts: [{ ...host('a', 10), rack: 7 }] });
    expect(parsed).toMatchObject({ ok: true, snapshot: { hosts: [{ name: 'a' }] } });
  });

  it.each([
    ['null', null],
    ['negative', -5],
    ['above 100', 150],
  ])('treats a reading that is %s as absent', (_what, value) => {
    const parsed = parseSnapshot({
      ...file,
      hosts: [host('a', undefined, { metrics: { 'cpu.usage_active': value! } })],
    });
    expect(parsed.ok && parsed.snapshot.hosts[0]?.metrics).toEqual({});
  });

  it('knows a host under maintenance by either name', () => {
    const parsed = parseSnapshot({ ...file, hosts: [{ ...host('a', 1), is_maintenance: true }] });
    expect(parsed.ok && parsed.snapshot.hosts[0]?.maintenance).toBe(true);
  });

  it('is refused with the field when a value is missing, of another type, or an id stands there twice', () => {
    const problems = (value: unknown) => {
      const parsed = parseSnapshot(value);
      return parsed.ok ? [] : parsed.problems;
    };
    expect(problems({ hosts: [] }).join()).toMatch(/^guests:/);
    expect(problems({ ...file, hosts: [{ ...host('a', 1), cpu_count: '40' }] }).join()).toMatch(
      /^hosts\[0\]\.cpu_count:/,
    );
    expect(problems({ ...file, hosts: [host('a', 1), host('a', 2)] }).join()).toMatch(/hosts\[1\]\.id/);
    expect(problems([]).join()).toMatch(/the whole file/);
  });
});
