import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Registry } from 'prom-client';
import { noticeMetrics } from '../../src/app/notice-metrics.js';
import { serviceMetrics } from '../../src/app/service-metrics.js';
import { deployCommand } from '../../src/cli/deploy.js';
import { httpMetrics } from '../../src/http/http-metrics.js';
import { hasPromtool, promtool } from '../support/promtool.js';
import { createVirtualClock } from '../support/virtual-clock.js';
import { run } from './run.js';

const printed = async (what: string) =>
  (await run(`deploy --for ${what}`, { handlers: { commands: [deployCommand] } })).out;

/** The names that can stand in a query. */
function metricNames(): Set<string> {
  const registry = new Registry();
  httpMetrics(registry);
  noticeMetrics(registry, [], () => ({}));
  serviceMetrics(registry, createVirtualClock(), () => {
    throw new Error('nobody scrapes');
  });
  const all = registry.getMetricsAsArray() as unknown as { name: string; type: unknown }[];
  return new Set(all.flatMap(({ name }) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]));
}
const namesIn = (text: string) => [...text.matchAll(/\bautomigrate_\w+/g)].map(([name]) => name);

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'alerts-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('automigrate deploy --for prometheus-alerts', () => {
  it('names only metrics that there are', async () => {
    const known = metricNames();
    const names = namesIn(await printed('prometheus-alerts'));
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  it.skipIf(!hasPromtool)('is a rule file to Prometheus', async () => {
    const path = join(directory, 'check.yml');
    writeFileSync(path, await printed('prometheus-alerts'));
    expect(promtool(['check', 'rules', path])).toMatchObject({
      status: 0,
      said: expect.stringMatching(/SUCCESS: \d+ rules found/),
    });
  });

  it.skipIf(!hasPromtool)('fires when it should, and not before', async () => {
    writeFileSync(join(directory, 'rules.yml'), await printed('prometheus-alerts'));
    const series = (name: string, values: string) => `      - { series: '${name}', values: '${values}' }`;
    const at = (time: string, alert: string, labels?: string) =>
      `      - { eval_time: ${time}, alertname: ${alert}, exp_alerts: [${labels === undefined ? '' : `{ exp_labels: { ${labels} } }`}] }`;
    const me = 'job="automigrate",instance="a"';
    const mine = 'job: automigrate, instance: a';
    const test = [
      'rule_files: [rules.yml]',
      'evaluation_interval: 1m',
      'tests:',
      '  - interval: 1m',
      '    input_series:',
      series(`up{${me}}`, '1x10 0x60'),
      series(`automigrate_cloud_up{${me}}`, '1x10 0x2 1x60'),
      series(`automigrate_hosts_unrelieved{${me},rule="r"}`, '0x5 2x60'),
      series(`automigrate_moves_total{${me},rule="r",result="failed"}`, '0x10 1 2 3 3x60'),
      series(`automigrate_moves_total{${me},rule="q",result="succeeded"}`, '0+1x70'),
      series(`automigrate_journal_write_errors_total{${me}}`, '0x20 1x50'),
      series(`automigrate_budget_remaining_migrations{${me},window="hour"}`, '5x20 0x50'),
      '    alert_rule_test:',
    ];
    const wanted: [time: string, alert: string, labels?: string][] = [
      ['14m', 'AutomigrateDown'],
      ['17m', 'AutomigrateDown', `severity: critical, ${mine}`],
      ['16m', 'AutomigrateCloudUnreachable'],
      ['15m', 'AutomigrateHostNotRelieved'],
      ['22m', 'AutomigrateHostNotRelieved', `severity: warning, ${mine}, rule: r`],
      ['11m', 'AutomigrateMovesFail'],
      ['15m', 'AutomigrateMovesFail', `severity: warning, ${mine}, rule: r`],
      ['19m', 'AutomigrateJournalFails'],
      ['23m', 'AutomigrateJournalFails', `severity: critical, ${mine}`],
      ['30m', 'AutomigrateBudgetSpent'],
      ['37m', 'AutomigrateBudgetSpent', `severity: warning, ${mine}, window: hour`],
    ];
    // What they say is for people, and not repeated here: alerts are told apart by their labels.
    const bare = (await printed('prometheus-alerts')).replaceAll(/ {8}annotations:\n(?: {10}.*\n)+/g, '');
    writeFileSync(join(directory, 'rules.yml'), bare);
    writeFileSync(join(directory, 'test.yml'), [...test, ...wanted.map((each) => at(...each)), ''].join('\n'));
    const { status, said } = promtool(['test', 'rules', join(directory, 'test.yml')]);
    expect([status, said]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });
});

describe('automigrate deploy --for grafana-dashboard', () => {
  it('asks only for metrics that there are, each panel in its own place, moves as annotations', async () => {
    const text = await printed('grafana-dashboard');
    const known = metricNames();
    const { panels, annotations } = JSON.parse(text) as {
      panels: { title: string; gridPos: { x: number; y: number; w: number; h: number } }[];
      annotations: { list: { expr: string }[] };
    };
    expect(namesIn(text.replaceAll('"automigrate"', '')).filter((name) => !known.has(name))).toEqual([]);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(annotations.list.every(({ expr }) => expr.includes('automigrate_moves_total'))).toBe(true);
  });

  it.skipIf(!hasPromtool)('holds queries that Prometheus can parse', async () => {
    const text = await printed('grafana-dashboard');
    const exprs = [...text.matchAll(/"expr": ("(?:[^"\\]|\\.)*")/g)].map(([, quoted]) => JSON.parse(quoted!) as string);
    const path = join(directory, 'queries.yml');
    const rules = exprs.map((expr, n) => ({ record: `q${n}`, expr: expr.replaceAll('$__rate_interval', '5m') }));
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'q', rules }] }));
    expect(promtool(['check', 'rules', path])).toMatchObject({ status: 0 });
  });
});
