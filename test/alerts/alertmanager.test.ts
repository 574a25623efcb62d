import { describe, expect, test } from 'vitest';
import { parseAlertmanager } from '../../src/alerts/alertmanager.js';
import { alertsOf, faultsOf, fixture } from './fixtures.js';

const firing = (labels: unknown, more: object = {}): object => ({ status: 'firing', labels, ...more });

describe('bodies that Alertmanager sent', () => {
  test('0.34 with two hosts, unknown newer fields included', () => {
    const alerts = alertsOf(parseAlertmanager(fixture('alertmanager-firing-v0.34')));
    expect(alerts).toEqual([
      {
        sender: 'alertmanager',
        name: 'HostHighCpu',
        state: 'firing',
        labels: {
          alertname: 'HostHighCpu',
          cluster: 'prod',
          host_id: 'eda7c6f5-f714-4d59-8d6a-16b658712b07',
          instance: 'kvm-node-01:9100',
          job: 'node',
          severity: 'critical',
        },
        startsAt: '2026-11-21T05:05:00.123Z',
        fingerprint: 'b9a6c39151bd0f1b',
        link: expect.stringMatching(/^http:\/\/prometheus\.example:9090\/graph\?g0\.expr=/) as string,
        key: 'alertmanager|b9a6c39151bd0f1b|2026-11-21T05:05:00.123Z',
      },
      expect.objectContaining({ key: 'alertmanager|0589b658dea7598d|2026-11-21T05:06:30.001Z' }),
    ]);
  });

  test('0.27 resolved: the same key as the firing alert that it ends', () => {
    const [resolved] = alertsOf(parseAlertmanager(fixture('alertmanager-resolved-v0.27')));
    const [first] = alertsOf(parseAlertmanager(fixture('alertmanager-firing-v0.34')));
    expect(resolved?.state).toBe('resolved');
    expect(resolved?.key).toBe(first?.key);
  });

  test.each([
    ['by-alertname-firing-several', ['firing', 'firing']],
    ['by-alertname-resolved', ['resolved']],
    ['by-host-firing-partly-resolved', ['resolved', 'firing', 'firing']],
    ['by-host-firing-several', ['firing', 'firing', 'firing']],
    ['by-host-resolved', ['resolved']],
  ])('0.25 %s', (name, states) => {
    const alerts = alertsOf(parseAlertmanager(fixture(`alertmanager-v0.25-${name}`)));
    expect(alerts.map((alert) => alert.state)).toEqual(states);
    expect(alerts.every((alert) => alert.labels.host === 'hosta')).toBe(true);
  });
});

describe('everyday oddities', () => {
  test('an empty list, also as null, is no alert', () => {
    expect(alertsOf(parseAlertmanager({ alerts: [] }))).toEqual([]);
    expect(alertsOf(parseAlertmanager({ alerts: null }))).toEqual([]);
  });

  test('the same occurrence twice in one body is one alert, another start is another', () => {
    const at = (startsAt: string): object => firing({ alertname: 'a' }, { fingerprint: 'f', startsAt });
    expect(alertsOf(parseAlertmanager({ alerts: [at('1'), at('1'), at('2')] }))).toHaveLength(2);
  });

  test('without a fingerprint the labels tell alerts apart, in whatever order they stand', () => {
    const alerts = [
      firing({ alertname: 'a', host: 'x' }),
      firing({ host: 'x', alertname: 'a' }),
      firing({ alertname: 'a', host: 'y' }),
    ];
    expect(alertsOf(parseAlertmanager({ alerts })).map((alert) => alert.labels.host)).toEqual(['x', 'y']);
  });

  test('null labels are none; numbers and booleans become text; null and nested values are dropped', () => {
    const [none, mixed] = alertsOf(
      parseAlertmanager({ alerts: [firing(null), firing({ a: 1, b: true, c: null, d: {}, e: [], f: 'x' })] }),
    );
    expect(none).toMatchObject({ name: '', labels: {} });
    expect(mixed?.labels).toEqual({ a: '1', b: 'true', f: 'x' });
  });

  test('labels named like parts of an object are data', () => {
    const body: unknown = JSON.parse(
      '{"alerts":[{"status":"firing","labels":{"__proto__":"p","constructor":"c","toString":"t"}}]}',
    );
    const [alert] = alertsOf(parseAlertmanager(body));
    expect(Object.entries(alert?.labels ?? {})).toEqual([
      ['__proto__', 'p'],
      ['constructor', 'c'],
      ['toString', 't'],
    ]);
    expect(Object.getPrototypeOf(alert?.labels)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).p).toBeUndefined();
  });

  test('a test button of Grafana is nothing special here', () => {
    const body = fixture('grafana-unified-test-button');
    expect(alertsOf(parseAlertmanager(body))[0]?.state).toBe('firing');
  });
});

describe('faults', () => {
  test.each([
    [[], 'body: expected an object'],
    [null, 'body: expected an object'],
    [{}, 'alerts: expected an array of at most 2000'],
    [{ alerts: 'x' }, 'alerts: expected an array of at most 2000'],
    [{ alerts: [firing({}), null] }, 'alerts[1]: expected an object'],
    [{ alerts: [{ status: 'suppressed' }] }, 'alerts[0].status: expected "firing" or "resolved"'],
    [{ alerts: Array(2001).fill(firing({})) as unknown[] }, 'alerts: expected an array of at most 2000'],
  ])('%j', async (body, fault) => {
    expect(await faultsOf(parseAlertmanager(body))).toEqual([fault]);
  });

  test('all of them are named at once', async () => {
    expect(await faultsOf(parseAlertmanager({ alerts: [1, { status: 2 }] }))).toHaveLength(2);
  });
});

test('alerts that the sender has left out are counted', () => {
  const body = (truncatedAlerts: unknown) => ({ alerts: [firing({})], truncatedAlerts });
  expect(parseAlertmanager(body(3))).toMatchObject({ truncated: 3 });
  for (const none of [0, undefined, null, -1, 1.5, 'many'])
    expect(parseAlertmanager(body(none))).not.toHaveProperty('truncated');
});
