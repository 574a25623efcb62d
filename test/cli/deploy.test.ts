import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { embeddedFleet } from '../../src/fleet/clouds/embedded-fleet.js';
import { ruleFileSchema } from '../../src/rules/rule.js';
import { deployCommand } from '../../src/cli/deploy.js';
import { isInstalled } from '../e2e/daemon.js';
import { checkedBy } from '../support/tools.js';
import { run } from './run.js';

const execute = promisify(execFile);
const deploy = (args: string) => run(`deploy ${args}`, { handlers: { commands: [deployCommand] } });

describe('automigrate deploy --for openstack-policy', () => {
  it('prints a policy.yaml of one rule a line, each once', async () => {
    const { out, status } = await deploy('--for openstack-policy');
    expect(status).toBe(0);
    const lines = out.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const rules = lines.map((line) => /^"([a-z0-9_:-]+)": "([^"]+)"$/.exec(line));
    expect(rules).not.toContain(null);
    expect(new Set(rules.map((rule) => rule?.[1])).size).toBe(lines.length);
  });

  it('opens to the role what automigrate asks for, and nothing that changes a server but a live migration', async () => {
    const { out } = await deploy('--for openstack-policy');
    const opened = out.split('\n').filter((line) => line.startsWith('"') && line.includes('role:automigrate'));
    const changing = opened.filter(
      (line) => !/index|list|show|detail|all_filters|get_all_tenants|events|attributes/.test(line),
    );
    expect(changing.map((line) => line.split('"')[1])).toEqual([
      'context_is_admin',
      'os_compute_api:os-migrate-server:migrate_live',
      'os_compute_api:os-migrate-server:migrate_live:host',
      'os_compute_api:servers:migrations:delete',
    ]);
  });

  it.each(['', '--for everything'])('ends with 2 for "%s", and says what there is', async (args) => {
    const { status, err } = await deploy(args);
    expect(status).toBe(2);
    expect(err).toContain('--for <what>');
  });
});

interface Compose {
  services: Record<string, { configs?: { source: string; target: string }[]; environment?: Record<string, string> }>;
  configs: Record<string, { content: string }>;
}

describe('automigrate deploy --for compose', () => {
  const compose = async () => parse((await deploy('--for compose')).out) as Compose;
  const content = async (name: string) => (await compose()).configs[name]!.content.replaceAll('$$', '$');

  it('mounts nothing that it does not hold, and has the receiver called by a name that it answers to', async () => {
    const { services, configs } = await compose();
    const sources = Object.values(services).flatMap((service) => (service.configs ?? []).map(({ source }) => source));
    expect(sources.toSorted()).toEqual(Object.keys(configs).toSorted());
    expect(new URL(services.receiver!.environment!.SIMULATION!).hostname in services).toBe(true);
    const told = await content('alertmanager');
    expect(told).toContain(`http://${services.receiver!.environment!.ALLOWED_HOSTS!}:9095/webhooks/alertmanager`);
  });

  it('holds a rule for a host of the fleet that is past the threshold from the start', async () => {
    const rule = JSON.parse(await content('rule')) as { threshold: number; source: { hosts: string[] } };
    const [id] = rule.source.hosts;
    const host = embeddedFleet.snapshot.hosts.find((each) => each.id === id)!;
    expect(host.metrics['cpu.usage_active']).toBeGreaterThan(rule.threshold);
    expect(ruleFileSchema.safeParse(rule).success).toBe(true);
  });

  it.skipIf(!isInstalled('promtool'))('promtool takes its Prometheus', async () => {
    const rules = { 'rules.yml': await content('alert-rules') };
    expect(await checkedBy('promtool', ['check', 'rules'], rules)).toContain('SUCCESS');
    const config = { 'prometheus.yml': await content('prometheus') };
    await checkedBy('promtool', ['check', 'config', '--syntax-only'], config);
  });

  it.skipIf(!isInstalled('amtool'))('amtool takes its Alertmanager', async () => {
    const files = { 'alertmanager.yml': await content('alertmanager') };
    expect(await checkedBy('amtool', ['check-config'], files)).toContain('SUCCESS');
  });
});

describe('automigrate deploy --for systemd', () => {
  it.skipIf(!isInstalled('systemd-analyze'))(
    'systemd takes the unit, and calls what it is exposed to small',
    async () => {
      const { out } = await deploy(`--for systemd --program ${process.execPath}`);
      const files = { 'automigrate.service': out };
      expect(await checkedBy('systemd-analyze', ['verify'], files)).toBe('');
      const exposure = await checkedBy('systemd-analyze', ['security', '--offline=true'], files);
      expect(Number(/Overall exposure level[^:]*: ([\d.]+)/.exec(exposure)![1])).toBeLessThan(2);
    },
  );
});

interface KubernetesObject {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
}

describe('automigrate deploy --for kubernetes', () => {
  it('makes everything that the deployment names, and a rule that only recommends', async () => {
    const { out } = await deploy('--for kubernetes --image registry.example/automigrate:1');
    const objects = parseAllDocuments(out).map((document) => document.toJS() as KubernetesObject);
    const names = (kind: string) => objects.filter((each) => each.kind === kind).map(({ metadata }) => metadata.name);
    expect(names('ConfigMap')).toEqual(['automigrate', 'automigrate-rules']);
    for (const kind of ['Secret', 'PersistentVolumeClaim', 'Deployment', 'Service', 'NetworkPolicy']) {
      expect(names(kind)).toEqual(['automigrate']);
    }
    expect(out).toContain('image: registry.example/automigrate:1\n');
    const rule: unknown = JSON.parse(
      objects.find(({ metadata }) => metadata.name === 'automigrate-rules')!.data!['test-cpu.json']!,
    );
    expect(ruleFileSchema.parse(rule)).toMatchObject({ mode: 'recommend' });
  });

  it.skipIf(!isInstalled('kubernetes-validate'))("holds to Kubernetes' own schema", async () => {
    const { out } = await deploy('--for kubernetes');
    expect(await checkedBy('kubernetes-validate', ['--strict'], { 'automigrate.yaml': out })).toContain('passed');
  });

  it('has the Prometheus operator scrape it where that is asked for', async () => {
    expect((await deploy('--for kubernetes')).out).not.toContain('ServiceMonitor');
    expect((await deploy('--for kubernetes --service-monitor')).out).toContain('kind: ServiceMonitor');
  });
});

describe('automigrate deploy --for helm', () => {
  const chart = async () => {
    const folder = await mkdtemp(join(tmpdir(), 'automigrate-chart-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    expect(await deploy(`--for helm --out ${folder}`)).toMatchObject({ status: 0 });
    return folder;
  };

  it('writes a chart of the version of the program', async () => {
    const folder = await chart();
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(parse(await readFile(join(folder, 'Chart.yaml'), 'utf8'))).toMatchObject({ version, appVersion: version });
    for (const name of await readdir(join(folder, 'templates'))) {
      const text = await readFile(join(folder, 'templates', name), 'utf8');
      expect(text, `what a value should stand for in ${name}`).not.toContain('@');
    }
  });

  it('is several files: it wants a directory', async () => {
    expect(await deploy('--for helm')).toEqual({
      status: 2,
      out: '',
      err: '--out: expected a directory, as helm is 11 files\n',
    });
  });

  it.skipIf(!isInstalled('helm'))('helm lints it, and what it renders has names of its own', async () => {
    const folder = await chart();
    const tokens = ['--set', 'tokens.webhook=one,tokens.api=other'];
    expect((await execute('helm', ['lint', folder, ...tokens])).stdout).toContain('0 chart(s) failed');
    const { stdout } = await execute('helm', ['template', 'prod', folder, ...tokens]);
    expect(stdout).toContain('name: "prod-automigrate"');
    await expect(execute('helm', ['template', 'prod', folder])).rejects.toThrow(/tokens\.\w+ or existingSecret/);
  });
});
