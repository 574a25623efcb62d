import { describe, expect, test } from 'vitest';
import { parseGrafana } from '../../src/alerts/grafana.js';
import { alertsOf, faultsOf, fixture } from './fixtures.js';

describe('unified alerting', () => {
  test('a firing alert', () => {
    expect(alertsOf(parseGrafana(fixture('grafana-unified-firing')))).toEqual([
      {
        sender: 'grafana',
        name: 'Host CPU high',
        state: 'firing',
        labels: {
          alertname: 'Host CPU high',
          grafana_folder: 'VM hosts',
          host: 'kvm-node-01',
          host_id: 'eda7c6f5-f714-4d59-8d6a-16b658712b07',
        },
        startsAt: '2026-11-21T05:05:00Z',
        fingerprint: '31b6e47837316a2e',
        link: 'https://grafana.example/d/kvmhosts?from=1763697600000&orgId=1&to=1763701200000&viewPanel=4',
        key: 'grafana|31b6e47837316a2e|2026-11-21T05:05:00Z',
      },
    ]);
  });

  test('the Test button is a test, although it says that it fires', () => {
    expect(alertsOf(parseGrafana(fixture('grafana-unified-test-button'))).map((alert) => alert.state)).toEqual([
      'test',
    ]);
  });

  test('an alert that is only called TestAlert, of a real host, is none', () => {
    const body = { alerts: [{ status: 'firing', labels: { alertname: 'TestAlert', instance: 'kvm-node-01' } }] };
    expect(alertsOf(parseGrafana(body))[0]?.state).toBe('firing');
  });

  test("the Test button with edited labels is a test too: its group key is made up, a real one begins with '{'", () => {
    const body = (groupKey: string) => ({
      groupKey,
      alerts: [{ status: 'firing', labels: { alertname: 'test-cpu', instance: 'kvm-node-01', host: 'kvm-node-01' } }],
    });
    const stateOf = (groupKey: string) => alertsOf(parseGrafana(body(groupKey)))[0]?.state;
    expect(stateOf('my webhook-57c6d9296de2ad39-1795237200')).toBe('test');
    expect(stateOf('{}/{team="a"}:{alertname="x-57c6d9296de2ad39-1795237200"}')).toBe('firing');
    expect(stateOf('')).toBe('firing');
  });

  test.each(['DatasourceNoData', 'DatasourceError'])(
    '%s never acts, even where its labels name a rule; it goes by the name in `rulename`',
    (alertname) => {
      const labels = { alertname, rulename: 'Host CPU high', host: 'kvm-node-01', migration_rule: 'test-cpu' };
      const [alert] = alertsOf(parseGrafana({ alerts: [{ status: 'firing', labels }] }));
      expect(alert).toMatchObject({ name: 'Host CPU high', state: 'resolved' });
    },
  );

  test.each(['NoData', 'Error', 'NoData, KeepLast'])(
    'a rule that alerts for want of data (`grafana_state_reason: %s`) never acts: it says nothing about load',
    (reason) => {
      const alert = { status: 'firing', labels: { alertname: 'test-cpu', host: 'a' } };
      const annotations = { grafana_state_reason: reason };
      expect(alertsOf(parseGrafana({ alerts: [{ ...alert, annotations }] }))[0]?.state).toBe('resolved');
      expect(alertsOf(parseGrafana({ alerts: [{ ...alert, annotations: {} }] }))[0]?.state).toBe('firing');
    },
  );

  test('values may be null, and the numbers in them too', () => {
    const alerts = [null, { A: null, C: 1 }].map((values, index) => ({
      status: 'firing',
      labels: { alertname: 'a', host: `h${index}` },
      values,
    }));
    expect(alertsOf(parseGrafana({ alerts, state: 'alerting' }))).toHaveLength(2);
  });

  test('faults are named as for Alertmanager', async () => {
    expect(await faultsOf(parseGrafana({}))).toEqual(['alerts: expected an array of at most 2000']);
    expect(await faultsOf(parseGrafana('text'))).toEqual(['body: expected an object']);
  });
});

describe('legacy alerting', () => {
  const legacy = (more: object): object => ({ ruleId: 1, ruleName: 'Host CPU alert', state: 'alerting', ...more });

  test('one alert per match, with the tags of rule and match as labels', () => {
    expect(alertsOf(parseGrafana(fixture('grafana-legacy-alerting')))).toEqual([
      {
        sender: 'grafana',
        name: 'Host CPU alert',
        state: 'firing',
        labels: { team: 'virt', host: 'kvm-node-01', host_id: 'eda7c6f5-f714-4d59-8d6a-16b658712b07' },
        value: 93.47,
        link: 'http://localhost:3000/d/hZ7BuVbWz/vm-hosts?fullscreen&edit&tab=alert&panelId=2&orgId=1',
        key: expect.stringContaining('grafana|1|1|Host CPU alert|kvm-node-01|') as string,
      },
    ]);
  });

  test("the series' name is the host where no tag names one", () => {
    const evalMatches = [
      { value: 93, metric: 'kvm-node-01', tags: null },
      { value: null, metric: 'kvm-node-02' },
      { value: 91, metric: 'cpu', tags: { hostname: 'kvm-node-03' } },
    ];
    const alerts = alertsOf(parseGrafana(legacy({ evalMatches })));
    expect(alerts.map((alert) => alert.labels)).toEqual([
      { host: 'kvm-node-01' },
      { host: 'kvm-node-02' },
      { hostname: 'kvm-node-03' },
    ]);
    expect(alerts.map((alert) => alert.value)).toEqual([93, undefined, 91]);
  });

  test.each([
    ['alerting', 'firing'],
    ['ok', 'resolved'],
    ['no_data', 'resolved'],
    ['paused', 'resolved'],
    ['pending', 'resolved'],
  ])('%s counts as %s, also without matches', (state, expected) => {
    for (const evalMatches of [[], null, undefined, [{ metric: 'h' }]]) {
      expect(alertsOf(parseGrafana(legacy({ state, evalMatches }))).map((alert) => alert.state)).toEqual([expected]);
    }
  });

  test('its Test button is a test; a rule of that name with tagged matches is not', () => {
    const ruleName = 'Test notification';
    const button = [
      { value: 100, metric: 'High value', tags: null },
      { value: 200, metric: 'Higher Value', tags: null },
    ];
    const states = (evalMatches: object[]): string[] =>
      alertsOf(parseGrafana(legacy({ ruleName, evalMatches }))).map((alert) => alert.state);
    expect(states(button)).toEqual(['test', 'test']);
    expect(states([{ value: 1, metric: 'x', tags: { host: 'kvm-node-01' } }])).toEqual(['firing']);
  });

  test('the same match twice is one alert', () => {
    const match = { value: 93, metric: 'kvm-node-01', tags: {} };
    expect(alertsOf(parseGrafana(legacy({ evalMatches: [match, match] })))).toHaveLength(1);
  });

  test.each([
    [{ ruleName: null }, ['ruleName: expected a string']],
    [{ state: 'on_fire' }, ['state: expected one of alerting, ok, no_data, paused, pending']],
    [{ evalMatches: 'x' }, ['evalMatches: expected an array of at most 2000']],
    [{ evalMatches: [{}, 7] }, ['evalMatches[1]: expected an object']],
    [{ evalMatches: Array(2001).fill({}) as unknown[] }, ['evalMatches: expected an array of at most 2000']],
  ])('fault %#', async (more, faults) => {
    expect(await faultsOf(parseGrafana(legacy(more)))).toEqual(faults);
  });
});
