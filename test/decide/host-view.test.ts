import { describe, expect, test } from 'vitest';
import { COURSE_MS, createHostViews } from '../../src/decide/host-view.js';
import type { FleetReadings, Metrics, Sample } from '../../src/fleet/fleet.js';
import { FleetError } from '../../src/fleet/fleet.js';
import { fleet, guest, host } from '../support/fleet.js';
import { createVirtualClock } from '../support/virtual-clock.js';

const snapshot = fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60), guest('h', 'b', 10)]);
const samples: Sample[] = [
  { at: 1000, value: 50 },
  { at: 2000, value: 55 },
  { at: 3000, value: 250 },
];
const nothing: FleetReadings = { hosts: new Map(), guests: new Map() };

function views(over: Partial<Metrics>) {
  const clock = createVirtualClock();
  const taken: number[] = [];
  const made = createHostViews({
    metrics: { name: 'store', scrapeIntervalMs: 60_000, readings: () => Promise.resolve(nothing), ...over },
    clock,
    timeoutMs: 1000,
    periodMs: 300_000,
    takeSnapshot: () => {
      taken.push(clock.now());
      return Promise.resolve(snapshot);
    },
  });
  return { clock, taken, ...made };
}

describe('a host by itself', () => {
  test('with its guests, and its course from a store that is asked for that apart', async () => {
    const asked: unknown[] = [];
    const { of } = views({
      history: (query) => {
        asked.push(query);
        return Promise.resolve({
          hostSpanMs: 60_000,
          hosts: new Map([['id-a', { 'cpu.usage_active': samples }]]),
          guests: new Map(),
        });
      },
    });
    const view = await of('id-a');
    expect(view).toMatchObject({ host: { name: 'a' }, guests: [{ name: 'g' }] });
    // A reading that no host can have is none.
    expect(view?.course).toEqual({
      'cpu.usage_active': [
        [1000, 50],
        [2000, 55],
      ],
    });
    expect(asked).toEqual([{ hosts: [snapshot.hosts[0]], guests: [], historyMs: COURSE_MS }]);
  });

  test('its course from a store that has it with the readings', async () => {
    const { of } = views({
      readings: ({ historyMs }) =>
        Promise.resolve({
          hosts: new Map([['id-a', { 'cpu.usage_active': { at: 0, value: 1, ...(historyMs && { samples }) } }]]),
          guests: new Map(),
        }),
    });
    expect((await of('a'))?.course['cpu.usage_active']).toHaveLength(2);
  });

  test('without a course where the store fails or is silent, and says why', async () => {
    const failing = views({ history: () => Promise.reject(new FleetError('store', 'answered 500')) });
    expect(await failing.of('id-a')).toMatchObject({ course: {}, without_course: 'store: answered 500' });
    const silent = views({ history: () => new Promise(() => undefined) });
    expect((await silent.of('id-a'))?.without_course).toContain('no answer within 1000 ms');
  });

  test('undefined if the cloud does not list it', async () => {
    expect(await views({}).of('nobody')).toBeUndefined();
  });

  test('asks once for all who look, and anew when that is old', async () => {
    const { of, taken, clock } = views({});
    await Promise.all([of('id-a'), of('id-a'), of('id-b')]);
    expect(taken).toHaveLength(1);
    clock.advance(20_000);
    await of('id-a');
    expect(taken).toHaveLength(2);
  });

  test('thins a long course out to what a screen shows, and keeps its ends', async () => {
    const long = Array.from({ length: 10_000 }, (_, at): Sample => ({ at, value: 50 }));
    const { of } = views({
      history: () =>
        Promise.resolve({
          hostSpanMs: 1,
          hosts: new Map([['id-a', { 'cpu.usage_active': long }]]),
          guests: new Map(),
        }),
    });
    const course = (await of('id-a'))?.course['cpu.usage_active'] ?? [];
    expect(course.length).toBeLessThanOrEqual(720);
    expect(course.at(-1)?.[0]).toBe(9999);
  });
});
