import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/alerts/alert.js';
import { FlapWatch, flappingText } from '../../src/intake/flapping.js';
import { matchAlerts } from '../../src/rules/match.js';
import { openRule } from '../support/service.js';

const MINUTE = 60_000;
const rules = [openRule({ name: 'cpu-high' })];

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
  return states.flatMap((state, index) =>
    watch.note(matchAlerts([alert(state)], rules), index * step).length > 0 ? [index] : [],
  );
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
    expect(hosts.flatMap((host) => watch.note(matchAlerts([alert('firing', host)], rules), 0))).toEqual([]);
  });

  describe('where the sender tells no recovery', () => {
    const started = (minute: number, fingerprint = 'f') => ({
      ...alert('firing'),
      fingerprint,
      startsAt: new Date(minute * MINUTE).toISOString(),
    });
    const seenOf = (alerts: readonly Alert[]) => {
      const watch = new FlapWatch();
      return alerts.flatMap((each, at) => (watch.note(matchAlerts([each], rules), at * MINUTE).length > 0 ? [at] : []));
    };

    it('by a new start of the same alert', () => {
      expect(seenOf([started(0), started(1), started(2), started(3)])).toEqual([2]);
    });

    it('not by repeats, nor by the starts that two replicas tell of one occurrence', () => {
      const [one, other] = [started(0), started(0.2)];
      expect(seenOf([one, other, one, other, one, other])).toEqual([]);
    });

    it('not by several alerts of one host, each with its own start', () => {
      const alerts = [started(0, 'f'), started(10, 'g'), started(20, 'h')];
      expect(seenOf([...alerts, ...alerts, ...alerts])).toEqual([]);
    });
  });

  it('however the other labels change in between', () => {
    const watch = new FlapWatch();
    const states = ['firing', 'resolved', 'firing', 'resolved', 'firing'] as const;
    const seen = states.map((state, at) => {
      const flapping = { ...alert(state), labels: { host: 'a', value: String(at) } };
      return watch.note(matchAlerts([flapping], rules), at * MINUTE).length;
    });
    expect(seen).toEqual([0, 0, 0, 0, 1]);
  });

  it('not where no rule takes it', () => {
    const watch = new FlapWatch();
    const states = ['firing', 'resolved', 'firing', 'resolved', 'firing'] as const;
    expect(states.flatMap((state, at) => watch.note(matchAlerts([alert(state)], []), at * MINUTE))).toEqual([]);
  });

  it('is forgotten first where it was quiet the longest, once very many hosts are watched', () => {
    const watch = new FlapWatch();
    const twice = (host: string) => {
      for (const state of ['firing', 'resolved', 'firing', 'resolved'] as const)
        watch.note(matchAlerts([alert(state, host)], rules), 0);
    };
    twice('first');
    twice('second');
    for (let other = 0; other < 10_000; other += 1)
      watch.note(matchAlerts([alert('firing', `host-${other}`)], rules), 1);
    watch.note(matchAlerts([alert('resolved', 'host-0')], rules), 2);
    expect(watch.note(matchAlerts([alert('firing', 'first'), alert('firing', 'second')], rules), 3)).toEqual([]);
  });

  it('in words for the journal', () => {
    expect(flappingText({ alert: alert('firing'), rule: 'cpu-high', host: 'a', times: 3 })).toBe(
      'alert cpu-high of host a fired 3 times within 60 minutes and was resolved in between',
    );
  });
});
