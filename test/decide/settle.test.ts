import { describe, expect, it } from 'vitest';
import type { FleetReadings, Reading } from '../../src/fleet/fleet.js';
import { correctReadings } from '../../src/decide/readings-after-moves.js';
import { fleet, guest, host } from '../support/fleet.js';

const MINUTE = 60_000;
const NOW = 100 * MINUTE;
const TIMES = { now: NOW, periodMs: 5 * MINUTE, scrapeIntervalMs: MINUTE, batch: 'this' };
const snapshot = fleet([host('a', 82), host('b', 40), host('c', 50)], []);
const move = (minutesAgo: number) => ({
  guestId: 'id-g',
  fromId: 'id-a',
  from: 'a',
  toId: 'id-b',
  to: 'b',
  at: NOW - minutesAgo * MINUTE,
});

/** Samples of a host at each of the last minutes, the oldest first. */
function readings(byHost: Record<string, number[]>): FleetReadings {
  const reading = (values: number[]): Reading => ({
    value: 0,
    at: NOW,
    samples: values.map((value, index) => ({ value, at: NOW - (values.length - 1 - index) * MINUTE })),
  });
  return {
    hosts: new Map(
      Object.entries(byHost).map(([name, values]) => [
        `id-${name}`,
        { 'cpu.usage_active': reading(values), 'mem.available': reading(values) },
      ]),
    ),
    guests: new Map(),
  };
}

const cpuOf = (settled: ReturnType<typeof correctReadings>, name: string) =>
  settled.snapshot.hosts.find((each) => each.name === name)?.metrics['cpu.usage_active'];

describe('after a move', () => {
  it('only samples that lie wholly behind it count for the hosts that it touched', () => {
    const given = readings({ a: [90, 90, 80, 70, 70], b: [30, 30, 40, 50, 50], c: [1, 1, 1, 1, 1] });
    const settled = correctReadings(snapshot, given, [move(2)], TIMES);
    expect([cpuOf(settled, 'a'), cpuOf(settled, 'b'), cpuOf(settled, 'c')]).toEqual([70, 50, 50]);
    expect(settled.unsettled.size).toBe(0);
  });

  it('a host without such a sample has not settled', () => {
    const settled = correctReadings(snapshot, readings({ a: [90, 90] }), [move(0.5)], TIMES);
    expect(settled.unsettled).toEqual(
      new Map([
        ['id-a', NOW - 0.5 * MINUTE],
        ['id-b', NOW - 0.5 * MINUTE],
      ]),
    );
  });

  it('everything is as it was once the period has passed', () => {
    const settled = correctReadings(snapshot, readings({}), [move(5.1)], TIMES);
    expect(settled).toEqual({ snapshot, unsettled: new Map() });
  });

  it('a sample that is the mean of a step of 60 s shows nothing of a move within it, however often the store scrapes', () => {
    // Scraped each 15 s, asked for in steps of 60 s: the last sample still covers 35 s of the time before the move.
    const given = readings({ a: [90, 90, 86], b: [30, 30, 34] });
    for (const { 'cpu.usage_active': reading } of given.hosts.values()) reading!.sampleSpanMs = MINUTE + 15_000;
    const times = { ...TIMES, scrapeIntervalMs: 15_000 };
    const settled = correctReadings(snapshot, given, [move(25 / 60)], times);
    expect([...settled.unsettled.keys()]).toEqual(['id-a', 'id-b']);
    const later = correctReadings(snapshot, given, [move(75 / 60)], times);
    expect([cpuOf(later, 'a'), cpuOf(later, 'b')]).toEqual([86, 34]);
  });

  it('a reading that ends before now still holds what lies a period behind its own end', () => {
    const given = readings({ a: [] });
    given.hosts.get('id-a')!['cpu.usage_active']!.at = NOW - 50_000;
    // The period is 5 min: the reading reaches back 5 min 50 s.
    expect(correctReadings(snapshot, given, [move(5.5)], TIMES).unsettled.has('id-a')).toBe(true);
    expect(correctReadings(snapshot, given, [move(5.9)], TIMES).unsettled.has('id-a')).toBe(false);
  });

  it('a reading of the moment, taken before the move, is corrected by the whole guest; one taken after it by nothing', () => {
    const moved = fleet(snapshot.hosts, [guest('g', 'b', 60)]);
    const present = (at: number): FleetReadings => ({
      hosts: new Map([['id-a', { 'cpu.usage_active': { value: 82, at, coversMs: 0 } }]]),
      guests: new Map(),
    });
    const own = { ...move(0.5), batch: 'this' };
    expect(cpuOf(correctReadings(moved, present(own.at - 1000), [own], TIMES), 'a')).toBe(70);
    expect(cpuOf(correctReadings(moved, present(own.at - 1000), [{ ...own, at: NOW - 1 }], TIMES), 'a')).toBe(70);
    expect(cpuOf(correctReadings(moved, present(own.at), [own], TIMES), 'a')).toBe(82);
  });
});
