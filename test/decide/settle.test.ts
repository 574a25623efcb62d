import { describe, expect, it } from 'vitest';
import type { FleetReadings, Reading } from '../../src/fleet/fleet.js';
import { settleReadings } from '../../src/decide/settled-readings.js';
import { fleet, host } from '../support/fleet.js';

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

const cpuOf = (settled: ReturnType<typeof settleReadings>, name: string) =>
  settled.snapshot.hosts.find((each) => each.name === name)?.metrics['cpu.usage_active'];

describe('after a move', () => {
  it('only samples that lie wholly behind it count for the hosts that it touched', () => {
    const given = readings({ a: [90, 90, 80, 70, 70], b: [30, 30, 40, 50, 50], c: [1, 1, 1, 1, 1] });
    const settled = settleReadings(snapshot, given, [move(2)], TIMES);
    expect([cpuOf(settled, 'a'), cpuOf(settled, 'b'), cpuOf(settled, 'c')]).toEqual([70, 50, 50]);
    expect(settled.unsettled.size).toBe(0);
  });

  it('a host without such a sample has not settled', () => {
    const settled = settleReadings(snapshot, readings({ a: [90, 90] }), [move(0.5)], TIMES);
    expect(settled.unsettled).toEqual(
      new Map([
        ['id-a', NOW - 0.5 * MINUTE],
        ['id-b', NOW - 0.5 * MINUTE],
      ]),
    );
  });

  it('everything is as it was once the period has passed', () => {
    const settled = settleReadings(snapshot, readings({}), [move(5.1)], TIMES);
    expect(settled).toEqual({ snapshot, unsettled: new Map() });
  });
});
