import { describe, expect, it } from 'vitest';
import { conditionOf } from '../../../src/cli/doctor/judge-alerts.js';
import { judgeAll, renderFindings } from '../../../src/cli/doctor/doctor.js';
import type { Evidence } from '../../../src/cli/doctor/finding.js';
import type { Reading } from '../../../src/fleet/fleet.js';
import type { Rule } from '../../../src/rules/rule.js';
import { guest, host } from '../../support/fleet.js';
import { openRule } from '../../support/service.js';

const NOW = Date.parse('2026-11-21T05:00:00Z');
const reading = (ageMs = 5000): Reading => ({ value: 50, at: NOW - ageMs });
const ofHost = (ageMs?: number) => ({ 'cpu.usage_active': reading(ageMs), 'mem.available': reading(ageMs) });
const rulesOf = (...rules: Rule[]): Evidence['rules'] => ({ rules, files: [], problems: [] });

/** A receiver that has everything it needs: two hosts, a guest, a store, a rule. */
function evidence(over: Partial<Evidence> = {}): Evidence {
  const readings = {
    hosts: new Map([
      ['id-a', ofHost()],
      ['id-b', ofHost()],
    ]),
    guests: new Map([['id-g', { 'cpu.usage_active': reading() }]]),
  };
  return {
    config: {
      host: '127.0.0.1',
      dataDir: 'data',
      rulesDir: 'rules',
      allowUnauthenticated: false,
      secrets: { monitor: [], grafana: [], webhook: ['w'], api: ['a'] },
    },
    warnings: [],
    journal: 'free',
    setup: [],
    cloud: {
      name: 'openstack',
      ping: { ok: true, value: { at: NOW, clockAt: NOW } },
      inventory: { ok: true, value: { hosts: [host('a', 1), host('b', 1)], guests: [guest('g', 'a', 1)] } },
      warnings: { ok: true, value: [] },
    },
    store: {
      name: 'prometheus',
      namedBy: { host: 'the label host_id', guest: 'the label vm_id' },
      scrapeIntervalMs: 60_000,
      periodMs: 300_000,
      ping: { ok: true, value: { at: NOW, clockAt: NOW } },
      readings: { ok: true, value: readings },
    },
    rules: rulesOf(openRule()),
    now: NOW,
    ...over,
  };
}
const cloudWith = (over: Partial<NonNullable<Evidence['cloud']>>) => ({ cloud: { ...evidence().cloud!, ...over } });
const storeWith = (over: Partial<NonNullable<Evidence['store']>>) => ({ store: { ...evidence().store!, ...over } });
const readingsWith = (hosts: [string, ReturnType<typeof ofHost>][]) =>
  storeWith({ readings: { ok: true, value: { hosts: new Map(hosts), guests: new Map([['id-g', ofHost()]]) } } });
const secretsWith = (over: object) => {
  const { config } = evidence();
  return { config: { ...config, secrets: { ...config.secrets, ...over } } };
};
const wrong = (over: Partial<Evidence>) =>
  judgeAll(evidence(over))
    .filter(({ verdict }) => verdict === 'wrong')
    .map(({ text, remedy }) => `${text} → ${remedy}`);

it('has nothing to say against a receiver that has all it needs', () => {
  expect(wrong({})).toEqual([]);
  expect(renderFindings(judgeAll(evidence()), { width: 80, colour: false })).toMatch(/All is well\.\n$/);
});

describe('is wrong, and what to do about it', () => {
  it.each<[string, Partial<Evidence>, RegExp]>([
    ['a variable that was meant otherwise', { warnings: ['WEBHOKO_TOKEN is no variable'] }, /^WEBHOKO_TOKEN.*→ rename/],
    ['a closed API', secretsWith({ api: [] }), /no API_TOKEN: \/api, and with it the page, is closed → set API_TOKEN/],
    ['closed webhooks', secretsWith({ webhook: [] }), /every alert is refused → set WEBHOOK_TOKEN/],
    [
      'an open door',
      { config: { ...secretsWith({ webhook: [], api: [] }).config, host: '0.0.0.0' } },
      /no secret is set: whoever reaches it can send alerts.*→ set WEBHOOK_TOKEN and API_TOKEN/,
    ],
    ['a journal that cannot be written', { journal: { problem: 'DATA_DIR: cannot write' } }, /cannot write → give/],
    [
      'a wrong password',
      cloudWith({ inventory: { ok: false, text: 'openstack: log in: HTTP 401' } }),
      /HTTP 401 → check user and secret: OS_AUTH_URL, OS_USERNAME/,
    ],
    [
      'a missing right',
      cloudWith({ inventory: { ok: false, text: 'openstack: list servers: HTTP 403' } }),
      /HTTP 403 → give the user the rights/,
    ],
    [
      'a cloud that is away',
      cloudWith({ inventory: { ok: false, text: 'openstack: log in: connect ECONNREFUSED' } }),
      /ECONNREFUSED → check the address/,
    ],
    [
      'a fleet without hosts',
      cloudWith({ inventory: { ok: true, value: { hosts: [], guests: [] } } }),
      /0 hosts.*→ no host/,
    ],
    [
      'a right that the cloud tells of',
      cloudWith({ warnings: { ok: true, value: ['no VM.Migrate'] } }),
      /no VM\.Migrate → see/,
    ],
    [
      'a clock that differs',
      cloudWith({ ping: { ok: true, value: { at: NOW, clockAt: NOW - 90_000 } } }),
      /the clock of openstack is 90 s behind ours → set both clocks by NTP/,
    ],
    ['a store that is away', storeWith({ ping: { ok: false, text: 'prometheus: HTTP 401' } }), /401 → check user/],
    [
      'readings of nobody',
      readingsWith([]),
      /cpu.usage_active of 0 of 2.*the label host_id\) → check the preset.*a, b/,
    ],
    [
      'a host without readings',
      readingsWith([['id-a', ofHost()]]),
      /^1 host without cpu.usage_active: b → .*no target/,
    ],
    [
      'stale readings',
      readingsWith([
        ['id-a', ofHost()],
        ['id-b', ofHost(400_000)],
      ]),
      /^1 host with a cpu.usage_active that is too old to be used \(400 s\) → check that the exporter runs/,
    ],
    [
      'names that do not match',
      {
        ...readingsWith([]),
        store: { ...readingsWith([]).store, names: { ok: true, value: { hosts: ['10.0.0.1:9100'], guests: [] } } },
      },
      /the label host_id holds names that no host of the cloud has: 10\.0\.0\.1:9100 → the cloud calls them a, b: .*PROMETHEUS_HOST_LABEL/,
    ],
    [
      'no cloud to ask',
      { setup: ['CLOUD: libvirt: the program virsh is not in PATH'] },
      /virsh is not in PATH → install/,
    ],
    [
      'no directory of rules',
      {
        rules: {
          ...rulesOf(),
          problems: [{ file: 'rules', text: 'rules: the directory of rules does not exist' }],
        },
      },
      /^rules: the directory of rules does not exist → automigrate rules create/,
    ],
    ['no rule', { rules: rulesOf() }, /no rule in rules: no alert leads to anything → automigrate rules create/],
    [
      'no rule that is enabled',
      { rules: rulesOf(openRule({ enabled: false })) },
      /0 enabled: no alert leads to anything/,
    ],
    [
      'a rule that another hides',
      { rules: rulesOf(openRule(), openRule({ name: 'b', match: { alert: 'test-cpu' } })) },
      /^test-cpu is hidden by b, which takes the same alerts \("test-cpu"\) → give one of them/,
    ],
    [
      'a rule that names hosts that are not there',
      { rules: rulesOf(openRule({ source: { hosts: ['gone'] } })) },
      /^test-cpu: source.hosts names 1 host that the cloud does not know: gone: no alert can move anything/,
    ],
    [
      'a rule that names guests that are not there',
      { rules: rulesOf(openRule({ pinned: { gone: ['a'] }, keepApart: [['g', 'lost']] })) },
      /^test-cpu: pinned names 1 guest that the cloud does not know: gone →/,
    ],
    [
      'a period of less than two samples',
      { rules: rulesOf(openRule({ period: '90s' })) },
      /its period of 90 s holds fewer than two samples, which come every 60 s/,
    ],
    [
      'a rule file that cannot be used',
      { rules: { ...rulesOf(openRule()), problems: [{ file: 'b.json', text: 'b.json: threshold: expected' }] } },
      /^b\.json: threshold: expected → mend the file/,
    ],
  ])('%s', (what, over, text) => {
    const { cloud: _cloud, store: _store, ...withoutFleet } = evidence(over);
    const found =
      what === 'no cloud to ask' ? judgeAll(withoutFleet).map((each) => `${each.text} → ${each.remedy}`) : wrong(over);
    expect(
      found.some((line) => text.test(line)),
      found.join('\n'),
    ).toBe(true);
  });
});

it('a receiver that runs holds the journal, and that is as it should be', () => {
  const findings = judgeAll(evidence({ journal: { heldBy: 'process 7' } }));
  expect(findings).toContainEqual({ subject: 'journal', verdict: 'ok', text: 'a receiver runs in data: process 7' });
});

it('every thing that is wrong says what to do', () => {
  const all = judgeAll(evidence({ ...cloudWith({ inventory: { ok: false, text: 'x' } }), rules: rulesOf() }));
  expect(all.filter(({ verdict, remedy }) => verdict === 'wrong' && remedy === undefined)).toEqual([]);
});

it('is no wider than the terminal, and no name steers it', () => {
  const text = renderFindings(judgeAll(evidence({ warnings: [`\u001b[2J${'wide '.repeat(60)}`] })), {
    width: 80,
    colour: false,
  });
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  expect(text).not.toContain('\u001b');
});

describe('the alerts that the store raises itself', () => {
  const alert = (query: string, forMs = 15_000, name = 'test-cpu') => ({ name, query, forMs, labels: {} });
  const said = (...alerts: ReturnType<typeof alert>[]) =>
    judgeAll(
      evidence({
        ...storeWith({ alertingRules: { ok: true, value: alerts } }),
        rules: rulesOf(openRule({ period: '5m' })),
      }),
    )
      .filter(({ text }) => /\balerts?\b/.test(text))
      .map(({ verdict, text }) => `${verdict}: ${text}`);

  it.each([
    ['avg_over_time(cpu{a="[9h] > 7"}[5m]) > 60', { windowMs: 300_000, bound: { operator: '>', threshold: 60 } }],
    [
      '100 * (1 - avg by (i) (avg_over_time(rate(t[2m])[1h5m:1m]))) >= 60',
      { windowMs: 3_900_000, bound: { operator: '>', threshold: 60 } },
    ],
    ['(mem < 1.7179869184e+10)', { bound: { operator: '<', threshold: 17_179_869_184 } }],
    ['a[1w] > 60 and b > 5', { windowMs: 604_800_000 }],
    ['60 < a', {}],
  ])('%s', (query, condition) => expect(conditionOf(query)).toEqual(condition));

  it('fit where window, threshold and wait are those of the rule, and say nothing of what no rule takes', () => {
    const fitting = alert('avg_over_time(cpu_usage_active[5m]) > 60');
    expect(said(fitting, alert('up == 0', 0, 'HostDown'))).toEqual(['ok: 1 alert of prometheus fits its rule']);
    expect(said(alert('cpu_usage_active / 100 > 0.6', 300_000))).toEqual(['ok: 1 alert of prometheus fits its rule']);
    expect(said(alert('up == 0', 0, 'HostDown'))).toEqual([]);
  });

  it.each([
    [
      'a shorter window',
      alert('avg_over_time(cpu[1m]) > 60'),
      /it looks back over 1m held for 15s, the rule's period is 5m: it comes before/,
    ],
    ['no window', alert('cpu > 60', 0), /goes by single readings, the rule's period is 5m/],
    ['a longer window', alert('avg_over_time(cpu[1h]) > 60'), /looks back over 1h, .*it comes late/],
    ['a long wait', alert('avg_over_time(cpu[5m]) > 60', 600_000), /it waits for 10m more/],
    ['another threshold', alert('avg_over_time(cpu[5m]) > 80'), /its threshold is 80, the rule's 60/],
    [
      'the other direction',
      alert('avg_over_time(cpu[5m]) < 60'),
      /fires where the value is below 60, the rule acts above 60/,
    ],
  ])('do not fit with %s', (_what, wrongOne, text) => {
    const [first, ...more] = said(wrongOne);
    expect(first).toMatch(/^wrong: the alert test-cpu of prometheus does not fit the rule test-cpu: /);
    expect(first).toMatch(text);
    expect(more).toEqual([]);
  });

  it('are not asked for where the store has none of its own', () => {
    const alertingRules = { ok: false as const, text: 'prometheus: alerting rules: HTTP 404' };
    expect(wrong(storeWith({ alertingRules }))).toEqual([]);
  });
});
