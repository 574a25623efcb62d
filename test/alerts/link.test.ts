import { describe, expect, test } from 'vitest';
import { parseAlertmanager } from '../../src/alerts/alertmanager.js';
import { parseGrafana } from '../../src/alerts/grafana.js';
import { linkIn } from '../../src/alerts/link.js';
import { parseMonitor } from '../../src/alerts/monitor.js';
import { alertsOf } from './fixtures.js';

const firing = (more: object) => ({ alerts: [{ status: 'firing', labels: {}, ...more }] });
const PANEL = 'https://grafana.example/d/abc?viewPanel=2';
const BOARD = 'https://grafana.example/d/abc?orgId=1';
const RULE = 'https://grafana.example/alerting/grafana/xyz/view';

describe('the link back to the sender', () => {
  test.each([
    [
      'Prometheus',
      parseAlertmanager(firing({ generatorURL: 'http://prometheus.example:9090/graph?g0.expr=up+%3E+80' })),
    ],
    ['InfluxDB, by IPv6', parseAlertmanager(firing({ generatorURL: 'http://[2001:db8::1]:8086/' }))],
  ])('of %s is that of the rule', (_name, parsed) => {
    expect(alertsOf(parsed)[0]?.link).toMatch(/^http:/);
  });

  test('of Grafana is the panel, else the dashboard, else the rule', () => {
    const links = [
      { panelURL: PANEL, dashboardURL: BOARD, generatorURL: RULE },
      { panelURL: '', dashboardURL: BOARD, generatorURL: RULE },
      { generatorURL: RULE },
    ].map((urls) => alertsOf(parseGrafana(firing(urls)))[0]?.link);
    expect(links).toEqual([PANEL, BOARD, RULE]);
    const legacy = { ruleName: 'a', state: 'alerting', ruleUrl: RULE, evalMatches: [] };
    expect(alertsOf(parseGrafana(legacy))[0]?.link).toBe(RULE);
  });

  test('of the monitor service is in its text or its structured form', () => {
    const text = 'AlertName: a\nResourceName:\n- h.cpu.usage_active: 93%\nWebUrl: https://cloud.example/alerts/1';
    const config = { name: 'a', web_url: 'https://cloud.example/alerts/1', matches: [{}] };
    for (const body of [{ Msg: text }, config])
      expect(alertsOf(parseMonitor(body))[0]?.link).toBe('https://cloud.example/alerts/1');
  });
});

test.each([
  'javascript:alert(1)',
  'ftp://example.org/',
  'https://user:password@example.org/',
  'https://example.org/"><script>',
  'https://example.org/a b',
  'https://example.org/\u001b[2J',
  'https://example.org/\u202e',
  ` https://example.org/`,
  `https://example.org/${'x'.repeat(2000)}`,
  '',
  7,
  null,
  {},
])('what nobody should follow is left out: %j', (value) => {
  expect(linkIn(value)).toEqual({});
  expect(linkIn(value, PANEL)).toEqual({ link: PANEL });
});
