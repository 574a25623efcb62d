import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { directory } from './files.js';
import { matchAlert } from '../../src/rules/match.js';
import { loadRules } from '../../src/rules/load.js';
import { PRESET_NAMES } from '../../src/fleet/metrics/presets.js';
import { run } from '../cli/run.js';
import { isInstalled } from '../e2e/daemon.js';
import { checkedBy } from '../support/tools.js';

const PROMTOOL = isInstalled('promtool');
const AMTOOL = isInstalled('amtool');

const CPU = { name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60, period: '2m' };
const MEMORY = { name: 'low-memory', metric: 'mem.available', threshold: '16GiB' };

async function rulesDir(...rules: Record<string, unknown>[]): Promise<string> {
  const dir = await directory();
  for (const rule of rules) await writeFile(join(dir, `${String(rule.name)}.json`), JSON.stringify(rule));
  return dir;
}

async function exported(dir: string, options: string, env: Record<string, string> = {}): Promise<string> {
  const { status, out, err } = await run(`rules export ${options}`, { env: { RULES_DIR: dir, ...env } });
  expect({ status, err }).toEqual({ status: 0, err: '' });
  return out;
}

interface PrometheusFile {
  groups: { rules: { alert: string; expr: string; for: string; labels: Record<string, string> }[] }[];
}

describe('rules export --for prometheus', () => {
  it('looks at the period of the rule, and names rule and host so that the rule takes the alert', async () => {
    const dir = await rulesDir({ ...CPU, match: { labels: { severity: 'critical' } } });
    const text = await exported(dir, '--for prometheus --preset node-libvirt');
    const [alert] = (parse(text) as PrometheusFile).groups[0]!.rules;
    expect(alert).toMatchObject({ alert: 'test-cpu', for: '15s' });
    expect(alert!.expr).toContain('[2m:1m]');
    expect(alert!.expr).toMatch(/ > 60$/);
    const { rules } = await loadRules(dir);
    const sent = { name: alert!.alert, labels: { alertname: alert!.alert, instance: 'a15:9100', ...alert!.labels } };
    expect(matchAlert(sent, rules)).toMatchObject({ matched: true, rule: { name: 'test-cpu' }, hosts: ['a15'] });
  });

  it('asks for the hosts that the rule relieves, by short or full name, and for every host without', async () => {
    const named = await exported(
      await rulesDir({ ...CPU, source: { hosts: ['a15'] } }),
      '--for prometheus --preset node-libvirt',
    );
    const expr = (parse(named) as PrometheusFile).groups[0]!.rules[0]!.expr;
    const [, pattern] = /instance=~"((?:[^"\\]|\\.)*)"/.exec(expr)!;
    const matches = new RegExp(`^(?:${JSON.parse(`"${pattern}"`) as string})$`);
    expect(['a15', 'a15:9100', 'a15.example.com:9100'].map((name) => matches.test(name))).toEqual([true, true, true]);
    expect(['a150', 'b15'].map((name) => matches.test(name))).toEqual([false, false]);
    expect(await exported(await rulesDir(CPU), '--for prometheus --preset node-libvirt')).not.toContain('instance=~');
  });

  it('tells bytes for memory, whatever the unit of the file', async () => {
    expect(await exported(await rulesDir(MEMORY), '--for prometheus')).toContain(
      'expr: avg_over_time(mem_available[5m]) < 17179869184\n',
    );
  });

  it('takes nodes only where nodes and guests share a series, and gives the host a label that is looked at', async () => {
    const text = await exported(await rulesDir(CPU), '--for prometheus --preset pve');
    const { expr } = (parse(text) as PrometheusFile).groups[0]!.rules[0]!;
    expect(expr).toBe(
      'label_replace(100 * avg_over_time(pve_cpu_usage_ratio{id=~"node/.+"}[2m]), "host", "$1", "id", "(?:node/)?(.*)") > 60',
    );
  });

  it("asks as the receiver's own environment says: preset, scrape interval, label and query", async () => {
    const env = {
      PROMETHEUS_PRESET: 'node-libvirt',
      PROMETHEUS_SCRAPE_INTERVAL: '15s',
      PROMETHEUS_HOST_LABEL: 'machine',
      PROMETHEUS_QUERY_HOST_MEMORY: 'free_bytes{$hosts}',
    };
    const text = await exported(
      await rulesDir(CPU, { ...MEMORY, match: { hostLabel: 'node' } }),
      '--for prometheus',
      env,
    );
    const [memory, cpu] = (parse(text) as PrometheusFile).groups[0]!.rules;
    expect(memory!.expr).toBe(
      'label_replace(avg_over_time((free_bytes)[5m:15s]), "node", "$1", "machine", "(.*)") < 17179869184',
    );
    expect(cpu!.expr).toContain(
      'avg by (machine) (avg_over_time(rate(node_cpu_seconds_total{mode="idle"}[30s])[2m:15s]))',
    );
  });

  it.skipIf(!PROMTOOL).each(PRESET_NAMES)('promtool takes what the preset %s makes', async (preset) => {
    const dir = await rulesDir({ ...CPU, source: { hosts: ['a15', 'höst"1'] } }, MEMORY);
    const text = await exported(dir, `--for prometheus --preset ${preset}`);
    expect(await checkedBy('promtool', ['check', 'rules'], { 'file.yml': text })).toContain('SUCCESS: 2 rules found');
  });
});

describe('rules export --for alertmanager', () => {
  it('routes each rule by its label, tells of them at different moments, and repeats a little before a multiple', async () => {
    const text = await exported(await rulesDir(CPU, MEMORY), '--for alertmanager', {
      PUBLIC_URL: 'https://am.example.com/',
    });
    const { route, receivers } = parse(text) as {
      route: { receiver: string; routes: Record<string, unknown>[] };
      receivers: { name: string; webhook_configs?: { url: string }[] }[];
    };
    expect(route.routes.map(({ matchers }) => matchers)).toEqual([
      ['migration_rule = "low-memory"'],
      ['migration_rule = "test-cpu"'],
    ]);
    expect(route.routes.map(({ group_wait }) => group_wait)).toEqual(['5s', '10s']);
    expect(route.routes[0]).toMatchObject({ group_interval: '5m', repeat_interval: '9m', receiver: 'automigrate' });
    expect(receivers.map(({ name }) => name)).toContain(route.receiver);
    expect(receivers[1]!.webhook_configs![0]!.url).toBe('https://am.example.com/webhooks/alertmanager');
  });

  it.skipIf(!AMTOOL)('amtool takes it', async () => {
    const text = await exported(await rulesDir(CPU, MEMORY), '--for alertmanager');
    expect(await checkedBy('amtool', ['check-config'], { 'file.yml': text })).toContain('SUCCESS');
  });

  it('a part says that it is one', async () => {
    const text = await exported(await rulesDir(CPU), '--for alertmanager --part');
    expect(text.split('\n')[0]).toContain('A part of an alertmanager.yml');
    expect(text).not.toContain('name: default');
  });
});

interface GrafanaFile {
  groups: {
    rules: {
      uid: string;
      condition: string;
      data: { refId: string; model: Record<string, unknown> }[];
      notification_settings?: object;
    }[];
  }[];
  contactPoints: { receivers: { settings: { url: string } }[] }[];
  policies?: { receiver: string; routes: { object_matchers: string[][] }[] }[];
}

describe('rules export --for grafana', () => {
  it('makes rule, signed contact point and policy; no data and errors never alert', async () => {
    const file = parse(await exported(await rulesDir(CPU), '--for grafana --datasource vm')) as GrafanaFile;
    const [rule] = file.groups[0]!.rules;
    expect(rule).toMatchObject({
      condition: 'past',
      noDataState: 'OK',
      execErrState: 'OK',
      labels: { migration_rule: 'test-cpu' },
    });
    expect(rule!.data.map(({ refId }) => refId)).toEqual(['mean', 'past']);
    expect(rule!.data[0]).toMatchObject({ datasourceUid: 'vm' });
    expect(rule!.data[1]!.model).toMatchObject({ conditions: [{ evaluator: { type: 'gt', params: [60] } }] });
    expect(file.contactPoints[0]!.receivers[0]!.settings).toEqual({
      url: 'http://127.0.0.1:9095/webhooks/grafana',
      hmacConfig: { secret: '$GRAFANA_SECRET' },
    });
    expect(file.policies![0]!.routes[0]!.object_matchers).toEqual([['migration_rule', '=', 'test-cpu']]);
  });

  it('leaves dollar signs to PromQL: Grafana replaces variables in these files', async () => {
    const text = await exported(await rulesDir(CPU), '--for grafana --preset pve');
    expect(text).toContain('"$$1"');
    expect(text.replaceAll('$$', '').match(/\$\w+/g)).toEqual(['$GRAFANA_SECRET']);
  });

  it('a part leaves the tree of policies alone', async () => {
    const file = parse(await exported(await rulesDir(CPU), '--for grafana --part')) as GrafanaFile;
    expect(file.policies).toBeUndefined();
    expect(file.groups[0]!.rules[0]!.notification_settings).toMatchObject({ receiver: 'automigrate' });
  });
});

describe('rules export --for cloudpods', () => {
  it('prints the commands of robot and alert, never of the type that drops robots, and is a shell script', async () => {
    const text = await exported(await rulesDir({ ...CPU, source: { hosts: ['a15'] } }, MEMORY), '--for cloudpods');
    expect(text).toContain('climc notify-robot-create --type webhook --address http://127.0.0.1:9095/webhooks/monitor');
    expect(text).toContain('avg telegraf cpu.usage_active gt 60 test-cpu');
    expect(text).toContain('avg telegraf mem.available lt 17179869184 low-memory');
    expect(text).not.toContain('--alert-type system');
    expect(await checkedBy('sh', ['-n'], { 'file.yml': text })).toBe('');
  });
});

describe('rules export', () => {
  it('leaves disabled rules out, and says so', async () => {
    const dir = await rulesDir(CPU, { ...MEMORY, enabled: false });
    const { status, out, err } = await run('rules export --for prometheus', { env: { RULES_DIR: dir } });
    expect({ status, err }).toEqual({ status: 0, err: 'left out, as it is disabled: low-memory\n' });
    expect(out).not.toContain('low-memory');
  });

  it.each([
    ['--for prometheus', {}, 'there is no enabled rule in '],
    ['--for prometheus', { PROMETHEUS_PRESET: 'nagios' }, 'PROMETHEUS_PRESET: expected one of '],
    ['--for prometheus --scrape-interval soon', {}, '--scrape-interval: expected a duration such as "30s", got "soon"'],
    ['--for alertmanager --url ftp://x', {}, '--url: expected an http or https address, got "ftp://x"'],
    ['--for grafana --host-label a-b', {}, '--host-label: expected the name of a label, got "a-b"'],
  ])('refuses %s %o', async (options, env, message) => {
    const dir = message.startsWith('there is') ? await rulesDir() : await rulesDir(CPU);
    const { status, out, err } = await run(`rules export ${options}`, { env: { RULES_DIR: dir, ...env } });
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toContain(message);
  });

  it('prints nothing of rules that are half broken', async () => {
    const dir = await rulesDir(CPU, { name: 'broken' });
    expect(await run('rules export --for prometheus', { env: { RULES_DIR: dir } })).toMatchObject({
      status: 2,
      out: '',
    });
  });
});
