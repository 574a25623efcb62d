import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAlertmanager } from '../../src/alerts/alertmanager.js';
import { parseConditions, parseQuantity } from '../../src/alerts/condition.js';
import { decodeEntities } from '../../src/alerts/entities.js';
import { parseGrafana } from '../../src/alerts/grafana.js';
import type { ParsedAlerts } from '../../src/alerts/layout.js';
import { faultsOf } from '../../src/alerts/layout.js';
import { parseMonitor } from '../../src/alerts/monitor.js';
import { fixture } from './fixtures.js';

const parsers: [string, (body: unknown) => ParsedAlerts][] = [
  ['alertmanager', parseAlertmanager],
  ['grafana', parseGrafana],
  ['monitor', (body) => parseMonitor(body, { messageKey: 'text' })],
];

/** A real body with one value, anywhere in it, replaced by any JSON. */
const mutated = fc
  .tuple(
    fc.constantFrom(
      'alertmanager-firing-v0.34',
      'cloudpods-firing-zh',
      'grafana-legacy-alerting',
      'grafana-unified-firing',
    ),
    fc.nat(),
    fc.jsonValue(),
  )
  .map(([name, place, value]) => {
    const spots: (() => void)[] = [];
    const body = fixture(name);
    const walk = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const key of Object.keys(node)) {
        spots.push(() => ((node as Record<string, unknown>)[key] = value));
        walk((node as Record<string, unknown>)[key]);
      }
    };
    walk(body);
    spots[place % spots.length]?.();
    return body;
  });

test('a number too large to be one is no value', () => {
  const match = '{"value":1e999,"metric":"kvm-node-01"}';
  const legacy: unknown = JSON.parse(`{"ruleName":"a","state":"alerting","evalMatches":[${match}]}`);
  const config: unknown = JSON.parse(`{"name":"a","matches":[${match}]}`);
  for (const parsed of [parseGrafana(legacy), parseMonitor(config)]) {
    expect(parsed).toMatchObject({ ok: true, alerts: [{ name: 'a' }] });
    expect(parsed.ok && parsed.alerts[0]).not.toHaveProperty('value');
  }
});

const lines = fc.array(
  fc.tuple(
    fc.constantFrom('AlertName', '策略名称', 'Time', 'TriggerCondition', '资源名称', '- ', '[a] [b] c', ''),
    fc.constantFrom(':', '：', ''),
    fc.oneof(fc.string(), fc.constantFrom('h.cpu.usage_active: 93%', 'cpu.usage_active > 80%', '&#1114112;&amp;gt;')),
  ),
);

describe.each(parsers)('%s', (_name, parse) => {
  const understandsOrNames = async (body: unknown): Promise<void> => {
    const parsed = parse(body);
    if (!parsed.ok) {
      const problems = await faultsOf(parsed);
      expect(problems.length).toBeGreaterThan(0);
      for (const problem of problems) expect(problem.field).not.toBe('');
      return;
    }
    expect(new Set(parsed.alerts.map((alert) => alert.key)).size).toBe(parsed.alerts.length);
    for (const alert of parsed.alerts) {
      expect(['firing', 'resolved', 'test']).toContain(alert.state);
      for (const value of Object.values(alert.labels)) expect(typeof value).toBe('string');
      if (alert.value !== undefined) expect(Number.isFinite(alert.value)).toBe(true);
    }
  };

  test('never throws, whatever JSON comes: it understands it or names the field', async () => {
    await fc.assert(fc.asyncProperty(fc.jsonValue(), understandsOrNames));
  });

  test('nor for real bodies with anything in the place of one value', async () => {
    await fc.assert(fc.asyncProperty(mutated, understandsOrNames), { numRuns: 500 });
  });

  test('nor for texts made of the right words in the wrong places', async () => {
    await fc.assert(
      fc.asyncProperty(lines, async (parts) => {
        await understandsOrNames({ Msg: parts.map((part) => part.join('')).join('\n') });
      }),
      { numRuns: 500 },
    );
  });
});

test('long hostile texts are read in one pass: searched twice per character they would not end', () => {
  const long = 200_000;
  for (const filler of ['a', ' ', '\u2028', '- ', ':', '&', '&#', '1', '[', 'a.', '\n- ']) {
    const text = filler.repeat(long);
    parseMonitor({ Msg: `AlertName: ${text}\nTriggerCondition: ${text}\nResourceName:\n- ${text}` });
    parseMonitor({ Msg: text });
    decodeEntities(text);
    parseConditions(text);
    parseQuantity(text);
  }
});

test('nor do fillers between the right words: a line is not cut short, so one way of a square would not end', () => {
  const long = 1_000_000;
  const head = 'AlertName: a\nResourceName:\n';
  for (const filler of [' ', 'a', '.', '\u2028', ': ', '>']) {
    const text = filler.repeat(long);
    for (const line of [
      `- a:${text}\u2028:`,
      `- a:${text}x\u2028`,
      `- ${text}: 1`,
      `Time:${text}x\u2028`,
      `[a][b]${text}x\u2028`,
    ])
      parseMonitor({ Msg: head + line });
    parseMonitor({ Msg: `[a][b]${text}x\u2028` });
    parseConditions(`${text}x > 1`);
  }
});

describe('quantities and entities', () => {
  test.each([
    ['93.47%', { value: 93.47, unit: '%' }],
    ['-1.5e3', { value: -1500, unit: '' }],
    ['1Kbyte', { value: 1024, unit: 'byte' }],
    ['1 PiB', { value: 1024 ** 5, unit: 'byte' }],
    ['2G', { value: 2 * 1024 ** 3, unit: 'byte' }],
    ['5ms', { value: 5, unit: 'ms' }],
    ['n/a', undefined],
    ['', undefined],
    ['1e999', undefined],
  ])('%s', (text, expected) => {
    expect(parseQuantity(text)).toEqual(expected);
  });

  test('an escape is decoded once', () => {
    expect(decodeEntities('&amp;gt; &#43; &#34; &#39; &#x4e2d; &LT; &nope; &#0; &#1114112;')).toBe(
      '&gt; + " \' 中 < &nope; &#0; &#1114112;',
    );
  });
});
