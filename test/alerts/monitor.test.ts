import { describe, expect, test } from 'vitest';
import { isCloudEvent, parseMonitor } from '../../src/alerts/monitor.js';
import { alertsOf, faultsOf, fixture } from './fixtures.js';

const english = (lines: Partial<Record<'head' | 'condition' | 'reason', string>>, ...resources: string[]): string =>
  [
    ...(lines.head ? [lines.head] : []),
    'AlertName: node &lt;cpu&gt; &amp; more',
    'Time: 2026-11-21 13:05:00',
    'Level: 重要',
    `TriggerCondition: ${lines.condition ?? 'cpu.usage_active > 80.00%'}`,
    ...(lines.reason ? [`Reason: ${lines.reason}`] : []),
    `AlertCount: ${resources.length}`,
    'ResourceName:',
    ...resources.map((resource) => `- ${resource}`),
    '',
    'WebUrl: https://10.127.100.2/alertrecord',
  ].join('\n');

const states = (text: string): string[] => alertsOf(parseMonitor({ Msg: text })).map((alert) => alert.state);

describe('the text', () => {
  test('in Chinese, two hosts over the threshold', () => {
    expect(alertsOf(parseMonitor(fixture('cloudpods-firing-zh')))).toEqual([
      {
        sender: 'monitor',
        name: '宿主机CPU使用率>80%',
        state: 'firing',
        labels: { level: '重要', host: 'kvm-node-01', metric: 'cpu.usage_active' },
        metric: 'cpu.usage_active',
        value: 93.47,
        startsAt: '2026-11-21 13:05:00',
        link: 'https://10.127.100.2/alertrecord',
        key: 'monitor|宿主机CPU使用率>80%|kvm-node-01|cpu.usage_active|2026-11-21 13:05:00',
      },
      expect.objectContaining({ state: 'firing', value: 88.12 }),
    ]);
  });

  test('a recovery looks like an alert; its value is one that does not meet the condition', () => {
    expect(alertsOf(parseMonitor(fixture('cloudpods-recovered-zh')))).toMatchObject([
      { state: 'resolved', value: 41.08, labels: { host: 'kvm-node-01' } },
    ]);
  });

  test('in English, with escapes, a host name with dots and one resource of several recovered', () => {
    const text = english({}, 'kvm-01.dc2.example.com.cpu.usage_active: 93.47%', 'kvm-02.cpu.usage_active: 80.00%');
    expect(alertsOf(parseMonitor({ Msg: text }))).toMatchObject([
      { name: 'node <cpu> & more', state: 'firing', labels: { host: 'kvm-01.dc2.example.com' } },
      { state: 'resolved', labels: { host: 'kvm-02' } },
    ]);
  });

  test('the Chinese and the English copy of an alert have the same key', () => {
    const zh = fixture('cloudpods-firing-zh').Msg as string;
    const en = [
      ['策略名称', 'AlertName'],
      ['触发时间', 'Time'],
      ['报警级别', 'Level'],
      ['触发条件', 'TriggerCondition'],
      ['报警数量：', 'AlertCount: '],
      ['资源名称：', 'ResourceName: '],
      ['详情地址', 'WebUrl'],
    ].reduce((text, [from = '', to = '']) => text.replace(from, to), zh);
    expect(en).not.toBe(zh);
    expect(alertsOf(parseMonitor({ Msg: en }))).toEqual(alertsOf(parseMonitor({ Msg: zh })));
  });

  test('both colons, spaces around them, and line ends of Windows', () => {
    const text = english({}, 'h.cpu.usage_active： 93.47%').replaceAll(': ', ' ： ').replaceAll('\n', '\r\n');
    expect(alertsOf(parseMonitor({ Msg: text }))).toMatchObject([{ labels: { host: 'h' }, value: 93.47 }]);
  });

  test.each([
    ['mem.available < 4.00Gbyte', 'kvm.mem.available: 3.27Gbyte', 'firing', 3.27 * 1024 ** 3],
    ['mem.available < 4.00Gbyte', 'kvm.mem.available: 4.50Gbyte', 'resolved', 4.5 * 1024 ** 3],
    ['mem.available < 4.00Gbyte', 'kvm.mem.available: 512.00Mbyte', 'firing', 512 * 1024 ** 2],
    ['mem.available < 4.00Gbyte', 'kvm.mem.available: 0.01Tbyte', 'resolved', 0.01 * 1024 ** 4],
    ['mem.available <= 1024Kbyte', 'kvm.mem.available: 1048576byte', 'firing', 1048576],
    ['mem.available < 4294967296', 'kvm.mem.available: 3.27Gbyte', 'firing', 3.27 * 1024 ** 3],
    ['cpu.usage_active >= 80%', 'kvm.cpu.usage_active: 80.00%', 'firing', 80],
    ['cpu.usage_active > 80%', 'kvm.cpu.usage_active: 80', 'resolved', 80],
    ['cpu.usage_active &gt; 80%', 'kvm.cpu.usage_active: 79', 'resolved', 79],
    ['cpu.usage_active == 100%', 'kvm.cpu.usage_active: 99%', 'resolved', 99],
    ['cpu.usage_active != 0%', 'kvm.cpu.usage_active: 0%', 'resolved', 0],
    ['mem.available < 4Gbyte and cpu.usage_active > 80%', 'kvm.cpu.usage_active: 41%', 'resolved', 41],
  ])('%s with %s is %s', (condition, resource, state, value) => {
    expect(alertsOf(parseMonitor({ Msg: english({ condition }, resource) }))).toMatchObject([
      { state, value, labels: { host: 'kvm' } },
    ]);
  });

  test('what cannot be compared counts as firing: the fleet is asked again anyway', () => {
    expect(states(english({}, 'h.cpu.usage_active: unknown'))).toEqual(['firing']);
    expect(states(english({}, 'h.cpu.usage_active: 3.27Gbyte'))).toEqual(['firing']);
    expect(states(english({ condition: 'no condition' }, 'h.cpu.usage_active: 3%'))).toEqual(['firing']);
  });

  test('a metric that no rule watches is told in the labels only', () => {
    const [alert] = alertsOf(
      parseMonitor({ Msg: english({ condition: 'net.bps_recv > 1Mbps' }, 'h.net.bps_recv: 2Mbps') }),
    );
    expect(alert).toMatchObject({ labels: { host: 'h', metric: 'net.bps_recv' }, value: 2 });
    expect(alert).not.toHaveProperty('metric');
  });

  test('a reason of several lines cannot pass for another field', () => {
    const text = english(
      { reason: 'disk\nAlertName: forged\n- forged.cpu.usage_active: 99%' },
      'h.cpu.usage_active: 93%',
    );
    expect(alertsOf(parseMonitor({ Msg: text }))).toMatchObject([{ name: 'node <cpu> & more', labels: { host: 'h' } }]);
  });

  test('without resources it is one alert about no host', () => {
    expect(alertsOf(parseMonitor({ Msg: english({}) }))).toMatchObject([
      { state: 'firing', labels: { level: '重要' } },
    ]);
  });

  test('one line that cannot be read does not cost the others', () => {
    const text = english({}, 'nonsense', 'h.cpu.usage_active: 93%', '.cpu.usage_active: 93%');
    expect(alertsOf(parseMonitor({ Msg: text })).map((alert) => alert.labels.host)).toEqual(['h']);
  });

  test('the same resource twice is one alert', () => {
    expect(states(english({}, 'h.cpu.usage_active: 93%', 'h.cpu.usage_active: 93%'))).toEqual(['firing']);
  });
});

describe('the layout up to 3.11.12', () => {
  test.each([
    ['[Important] [Alerting] test-cpu', 'firing'],
    ['[Important] [Alarm recovered] test-cpu', 'resolved'],
    ['\n  [Important] [Alarm recovered] test-cpu', 'resolved'],
    ['[重要] [报警] test-cpu', 'firing'],
    ['[重要] [报警恢复] test-cpu', 'resolved'],
  ])('%s', (head, state) => {
    const alerts = alertsOf(parseMonitor({ Msg: english({ head }, 'h.cpu.usage_active: 93.47%') }));
    expect(alerts).toMatchObject([{ name: 'test-cpu', state, labels: { host: 'h' }, value: 93.47 }]);
  });

  test('the first line alone names the alert', () => {
    const text = 'Head\n'
      .replace('Head', '[Important] [Alerting] a &#34;b&#34;')
      .concat('ResourceName:\n- h.cpu.usage_active: 9%');
    expect(alertsOf(parseMonitor({ Msg: text }))).toMatchObject([{ name: 'a "b"', state: 'firing' }]);
  });
});

describe('where the text stands', () => {
  const text = english({}, 'h.cpu.usage_active: 93%');

  test("under Msg, under the robot's own key, or wherever else it is the only one", () => {
    for (const body of [
      { Msg: text },
      { text },
      { content: text, robot: 'ops', at: null, n: 7 },
      { Msg: 'the body of the robot has won', text },
      { Msg: null, text },
    ]) {
      expect(alertsOf(parseMonitor(body, { messageKey: 'text' }))).toMatchObject([{ labels: { host: 'h' } }]);
    }
  });

  test('Msg goes before the own key, and that before any other', () => {
    const other = text.replace('- h.', '- other.');
    expect(alertsOf(parseMonitor({ zzz: other, text, Msg: other }, { messageKey: 'text' }))[0]?.labels.host).toBe(
      'other',
    );
    expect(alertsOf(parseMonitor({ zzz: other, text }, { messageKey: 'text' }))[0]?.labels.host).toBe('h');
  });

  test('two texts under unknown keys are one too many', async () => {
    expect(await faultsOf(parseMonitor({ a: text, b: text }))).toEqual([
      'Msg: expected one alert text, but "a" and "b" both look like one',
    ]);
  });

  test.each([
    [{}, undefined, "Msg: expected the monitor service's alert text"],
    [{ Msg: 'hello' }, undefined, "Msg: expected the monitor service's alert text"],
    [{ Msg: 7 }, 'text', 'Msg: expected a string'],
    [
      { Msg: 'Level: x\nResourceName:\n- h.cpu.usage_active: 9%' },
      undefined,
      'Msg: has no line "AlertName:" (策略名称)',
    ],
    [{ Msg: 'AlertName: a\nResourceName:\n- nonsense: 9%' }, undefined, 'Msg: "nonsense" is not <host name>.<metric>'],
    [[], undefined, 'body: expected an object'],
  ])('fault: %j', async (body, messageKey, fault) => {
    expect(await faultsOf(parseMonitor(body, messageKey === undefined ? {} : { messageKey }))).toEqual([fault]);
  });

  test('a text that lists more resources than a body may hold', async () => {
    const lines = Array.from({ length: 2001 }, (_, index) => `h${index}.cpu.usage_active: 93%`);
    expect(await faultsOf(parseMonitor({ Msg: english({}, ...lines) }))).toEqual(['Msg: expected at most 2000 alerts']);
  });
});

describe('what is no alert', () => {
  test('the verification message is a test under any key', () => {
    expect(alertsOf(parseMonitor(fixture('cloudpods-robot-verify')))).toMatchObject([{ state: 'test' }]);
    expect(alertsOf(parseMonitor({ ding: 'This is a verification message, please ignore.' }))[0]?.state).toBe('test');
  });

  test('an event subscription, told by its header or its keys, even if its text looks like an alert', () => {
    const event = {
      Msg: english({}, 'h.cpu.usage_active: 93%'),
      action: 'migrate',
      resource_type: 'server',
      result: 'failed',
    };
    expect(isCloudEvent(event)).toBe(true);
    expect(isCloudEvent({ Msg: 'x' }, 'SERVER/MIGRATE/FAILED')).toBe(true);
    expect(isCloudEvent({ Msg: 'x', action: 'migrate' })).toBe(false);
    expect(alertsOf(parseMonitor(event))).toEqual([]);
  });
});

describe('the structured form', () => {
  const match = (more: object = {}): object => ({
    condition: 'cpu.usage_active > 80.00%',
    value: 93.47123,
    value_str: '93.47%',
    metric: 'cpu.usage_active',
    tags: { host_id: 'id-1', host: 'kvm-01', brand: 'OneCloud' },
    unit: '%',
    is_recovery: false,
    ...more,
  });
  const config = (matches: unknown, more: object = {}): Record<string, unknown> => ({
    title: '[Important] test-cpu',
    name: 'test-cpu',
    resource_name: 'kvm-01',
    matches,
    no_data: false,
    start_time: '2026-11-21 13:05:00',
    level: '重要',
    is_recovery: false,
    ...more,
  });

  test('as the body, or as a JSON string under the message key', () => {
    const expected = [
      {
        sender: 'monitor',
        name: 'test-cpu',
        state: 'firing',
        labels: { level: '重要', metric: 'cpu.usage_active', host_id: 'id-1', host: 'kvm-01', brand: 'OneCloud' },
        metric: 'cpu.usage_active',
        value: 93.47123,
        startsAt: '2026-11-21 13:05:00',
        key: 'monitor|test-cpu|kvm-01|cpu.usage_active|2026-11-21 13:05:00',
      },
    ];
    expect(alertsOf(parseMonitor(config([match()])))).toEqual(expected);
    expect(alertsOf(parseMonitor({ Msg: JSON.stringify(config([match()])) }))).toEqual(expected);
    expect(alertsOf(parseMonitor({ text: JSON.stringify(config([match()])) }, { messageKey: 'text' }))).toEqual(
      expected,
    );
  });

  test('as the real monitor sends it: a string under Msg, keys in alphabetical order, a Chinese level, Go escapes', () => {
    const text =
      '{"description":"","end_time":"","is_recovery":false,"level":"重要","matches":[{"condition":"cpu.usage_active \\u003e 80.00%",' +
      '"is_recovery":false,"metric":"cpu.usage_active","tags":{"brand":"OneCloud","host":"kvm-01","host_id":"id-1"},"unit":"%",' +
      '"value":93.47123,"value_str":"93.47%"}],"name":"test-cpu","no_data":false,"priority":"important","resource_name":"kvm-01",' +
      '"start_time":"2026-11-21 13:05:00","title":"[Important] test-cpu alarm","web_url":"https://cloud.example/alertrecord"}';
    expect(alertsOf(parseMonitor({ Msg: text }))).toMatchObject([
      {
        name: 'test-cpu',
        state: 'firing',
        labels: { level: '重要', host: 'kvm-01', host_id: 'id-1' },
        metric: 'cpu.usage_active',
        value: 93.47123,
      },
    ]);
    const recovered = text.replaceAll('"is_recovery":false', '"is_recovery":true').replaceAll('93.47', '41.20');
    expect(alertsOf(parseMonitor({ Msg: recovered })).map(({ state }) => state)).toEqual(['resolved']);
  });

  test('a recovery says so, for the whole or for one match', () => {
    expect(alertsOf(parseMonitor(config([match()], { is_recovery: true })))[0]?.state).toBe('resolved');
    const tags = { host: 'kvm-02' };
    const alerts = alertsOf(parseMonitor(config([match({ is_recovery: true }), match({ tags })])));
    expect(alerts.map((alert) => alert.state)).toEqual(['resolved', 'firing']);
  });

  test('where it does not, the value tells; without data nothing is to be relieved', () => {
    const silent = { is_recovery: undefined };
    expect(alertsOf(parseMonitor(config([match({ ...silent, value: 41, value_str: '41%' })])))[0]?.state).toBe(
      'resolved',
    );
    expect(alertsOf(parseMonitor(config([match({ ...silent, value_str: null })])))[0]?.state).toBe('firing');
    expect(alertsOf(parseMonitor(config([match()], { no_data: true })))[0]?.state).toBe('resolved');
  });

  test('null tags and values; the resource is the host where it is the only one', () => {
    const bare = match({ tags: null, value: null, value_str: '3.5Gbyte', metric: 'mem.available' });
    const [alert] = alertsOf(parseMonitor(config([bare])));
    expect(alert).toMatchObject({ labels: { host: 'kvm-01' }, value: 3.5 * 1024 ** 3 });
    expect(alertsOf(parseMonitor(config([bare, match()])))[0]?.labels).not.toHaveProperty('host');
  });

  test('no match is no alert', () => {
    expect(alertsOf(parseMonitor(config([])))).toEqual([]);
    expect(alertsOf(parseMonitor(config(null)))).toEqual([]);
  });

  test('faults name the field, inside the message too', async () => {
    expect(await faultsOf(parseMonitor(config('x')))).toEqual(['matches: expected an array of at most 2000']);
    expect(await faultsOf(parseMonitor(config([match(), 3])))).toEqual(['matches[1]: expected an object']);
    expect(await faultsOf(parseMonitor(config([match()], { name: '', title: null })))).toEqual([
      'name: expected the name of the alert',
    ]);
    expect(await faultsOf(parseMonitor({ Msg: JSON.stringify(config([7])) }))).toEqual([
      'Msg.matches[0]: expected an object',
    ]);
    expect(await faultsOf(parseMonitor(config(Array(2001).fill(match()))))).toEqual([
      'matches: expected an array of at most 2000',
    ]);
  });
});
