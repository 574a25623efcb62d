import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/alerts/alert.js';
import { FlapWatch, flappingText } from '../../src/service/flapping.js';

const MINUTE = 60_000;

const alert = (state: Alert['state'], host = 'a'): Alert => ({
  sender: 'alertmanager',
  name: 'cpu-high',
  state,
  labels: { host },
  key: `${host} ${state}`,
});

/** Sends one state a minute and tells in which minutes flapping was seen. */
function seenIn(states: readonly Alert['state'][], step = MINUTE): number[] {
  const watch = new FlapWatch();
  return states.flatMap((state, index) => (watch.note([alert(state)], index * step).length > 0 ? [index] : []));
}

describe('an alert flaps', () => {
  it('when it begins to fire for the third time within an hour, and is told once', () => {
    expect(seenIn(['firing', 'resolved', 'firing', 'resolved', 'firing', 'resolved', 'firing'])).toEqual([4]);
  });

  it('not when it goes on firing and is sent again and again', () => {
    expect(seenIn(['firing', 'firing', 'firing', 'firing', 'firing'])).toEqual([]);
  });

  it('not when hours lie between', () => {
    expect(seenIn(['firing', 'resolved', 'firing', 'resolved', 'firing'], 31 * MINUTE)).toEqual([]);
  });

  it('for itself: the alert of another host is another alert', () => {
    const watch = new FlapWatch();
    const hosts = ['a', 'b', 'c'];
    expect(hosts.flatMap((host) => watch.note([alert('firing', host)], 0))).toEqual([]);
  });

  it('also among ever new alerts, of which no more are watched than memory bears', () => {
    const watch = new FlapWatch();
    const states = ['firing', 'resolved', 'firing', 'resolved', 'firing'] as const;
    const told = states.flatMap((state, round) => {
      for (let n = 0; n < 5000; n += 1) watch.note([alert('firing', `${round}-${n}`)], round * MINUTE);
      return watch.note([alert(state)], round * MINUTE);
    });
    expect(told).toHaveLength(1);
    expect(watch.size).toBeLessThanOrEqual(10_000);
    watch.note([alert('firing')], 100 * MINUTE);
    expect(watch.size).toBe(1);
  });

  it('in words for the journal', () => {
    expect(flappingText({ alert: alert('firing'), times: 3 })).toBe(
      'alert cpu-high (host=a) fired 3 times within 60 minutes and was resolved in between',
    );
  });
});
