import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { Finding } from '../../src/cli/doctor/finding.js';
import { PASSWORD } from '../support/clouds/keystone.js';
import { startCloudpods } from '../support/clouds/cloudpods-server.js';
import { startOpenstack } from '../support/clouds/openstack-server.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { startLocalServer } from '../support/local-server.js';
import { ensureBuilt, startProgram } from '../support/program.js';
import { serveSimulation } from '../support/simulation-server.js';
import { success } from '../support/stores/prometheus.js';

beforeAll(ensureBuilt, 120_000);

let env: Record<string, string>;
beforeEach(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'doctor-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const rulesDir = join(directory, 'rules');
  await mkdir(rulesDir);
  await writeFile(
    join(rulesDir, 'test-cpu.json'),
    JSON.stringify({ name: 'test-cpu', metric: 'cpu.usage_active', threshold: 60 }),
  );
  env = {
    RULES_DIR: rulesDir,
    DATA_DIR: join(directory, 'data'),
    WEBHOOK_TOKEN: 'w'.repeat(20),
    API_TOKEN: 'a'.repeat(20),
  };
});

/** The real command line. */
function automigrate(
  line: string,
  over: Record<string, string> = {},
): Promise<{ status: number; out: string; err: string }> {
  return new Promise((done) => {
    const options = { env: { PATH: process.env.PATH, ...env, ...over } };
    execFile(process.execPath, [resolve('dist/main.js'), ...line.split(' ')], options, (error, out, err) =>
      done({ status: error ? Number(error.code) : 0, out, err }),
    );
  });
}
async function wrong(over: Record<string, string>): Promise<string[]> {
  const { status, out } = await automigrate('doctor --json', over);
  const { ok, findings } = JSON.parse(out) as { ok: boolean; findings: Finding[] };
  expect(status).toBe(ok ? 0 : 1);
  return findings.filter(({ verdict }) => verdict === 'wrong').map(({ text }) => text);
}

const keystone = (url: string, over: Record<string, string> = {}) => ({
  OS_USERNAME: 'mover',
  OS_PASSWORD: PASSWORD,
  OS_PROJECT_NAME: 'admin',
  OS_AUTH_URL: `${url}/v3`,
  ...over,
});
/** A store that knows these hosts and nothing of guests; its clock is as far off as it is told. */
async function prometheus(hosts: readonly string[], { ageMs = 5000, skewMs = 0 } = {}) {
  const server = await startLocalServer(({ body, path }) => {
    if (path.startsWith('/api/v1/rules')) return { body: { status: 'success', data: { groups: [] } } };
    const query = (body as { query: string }).query;
    const at = (Date.now() - ageMs) / 1000;
    const series = query.includes('vm_cpu') ? [] : hosts;
    const result = series.flatMap((name) => [
      { metric: { host_id: name, automigrate_part: 'value' }, value: [at, '20'] },
      { metric: { host_id: name, automigrate_part: 'time' }, value: [at, String(at)] },
    ]);
    return { headers: { date: new Date(Date.now() + skewMs).toUTCString() }, body: success('vector', result) };
  });
  onTestFinished(() => server.close());
  return { METRICS: 'prometheus', PROMETHEUS_URL: server.url };
}

describe('automigrate doctor', { timeout: 60_000 }, () => {
  it('ends with 0 where all is well, also beside a receiver that runs', async () => {
    const snapshot = fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60)]);
    const server = await serveSimulation(createSimulatedCloud(scenario(snapshot), systemClock));
    onTestFinished(() => server.close());
    env.SIMULATION = server.url;
    const receiver = startProgram(env);
    onTestFinished(async () => {
      receiver.kill('SIGKILL');
      await receiver.ended;
    });
    await receiver.listening;
    const { status, out } = await automigrate('doctor', { COLUMNS: '80' });
    expect(out).toMatch(/a receiver runs in .*process \d+[^]*2 hosts, 1 guest[^]*All is well\.\n$/);
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    expect(status).toBe(0);
  });

  it('tells of a wrong password, in the words of the cloud, and not the password', async () => {
    const openstack = await startOpenstack();
    onTestFinished(() => openstack.close());
    const { server } = openstack;
    const over = {
      CLOUD: 'openstack',
      ...(await prometheus([])),
      ...keystone(server.url, { OS_PASSWORD: 'wrong-horse' }),
    };
    const found = await wrong(over);
    expect(found[0]).toMatch(/^openstack: log in at .* as mover: HTTP 401.*requires authentication/);
    expect(found.join()).not.toContain('wrong-horse');
  });

  it('tells of a user of Cloudpods who may not see the whole system', async () => {
    const cloudpods = await startCloudpods();
    onTestFinished(() => cloudpods.close());
    const { server } = cloudpods;
    const details = 'not enough privilege to do compute:hosts:list (require:system,allow:project,query:)';
    server.fault = ({ path }) =>
      path.startsWith('/region') ? { status: 403, body: { code: 403, details } } : undefined;
    const over = { ...keystone(`${server.url}/identity`), OS_PROJECT_NAME: 'system', OS_REGION_NAME: 'region0' };
    expect((await wrong({ CLOUD: 'cloudpods', ...(await prometheus([])), ...over }))[0]).toMatch(/require:system/);
  });

  it('tells of systems that are not there', async () => {
    const nowhere = 'http://127.0.0.1:9';
    const over = { CLOUD: 'openstack', METRICS: 'prometheus', PROMETHEUS_URL: nowhere, ...keystone(nowhere) };
    const found = await wrong({ ...over, REQUEST_TIMEOUT: '3s' });
    expect(found).toEqual([
      expect.stringMatching(/^openstack: log in .*ECONNREFUSED/),
      expect.stringMatching(/^prometheus: query: .*ECONNREFUSED/),
    ]);
  });

  it('tells of names that do not match, of stale readings and of a clock that differs', async () => {
    const openstack = await startOpenstack();
    onTestFinished(() => openstack.close());
    const { server, hosts } = openstack;
    const over = { CLOUD: 'openstack', ...keystone(server.url) };
    const names = await wrong({ ...over, ...(await prometheus(['10.0.0.7:9100'])) });
    expect(names.join('\n')).toMatch(/the label host_id holds names that no host of the cloud has: 10\.0\.0\.7:9100/);
    const ids = hosts.map(({ id }) => id);
    const stale = await wrong({ ...over, ...(await prometheus(ids, { ageMs: 3_600_000, skewMs: 3_600_000 })) });
    expect(stale.join('\n')).toMatch(/hosts with a cpu.usage_active that is too old to be used \(36\d\d s\)/);
    expect(stale.join('\n')).toMatch(/the clock of prometheus is 3\d\d\d s ahead of ours/);
  });

  it('tells of a rule that names hosts that are not there, and of no rule at all', async () => {
    await writeFile(
      join(env.RULES_DIR!, 'b.json'),
      JSON.stringify({ name: 'b', metric: 'cpu.usage_active', threshold: 60, source: { hosts: ['gone'] } }),
    );
    expect(await wrong({})).toEqual([expect.stringMatching(/^b: source.hosts names 1 host .*: gone/)]);
    await rm(env.RULES_DIR!, { recursive: true });
    await mkdir(env.RULES_DIR!);
    expect(await wrong({})).toEqual([expect.stringMatching(/^no rule in /)]);
  });

  it('tells of a missing virsh', async () => {
    const found = await wrong({ CLOUD: 'libvirt', LIBVIRT_URIS: 'qemu+ssh://a15/system', PATH: '/nowhere' });
    expect(found).toEqual(['CLOUD: libvirt: the program virsh is not in PATH (Debian: libvirt-clients)']);
  });

  it('ends with 2 for settings that the receiver would not start with', async () => {
    const { status, err } = await automigrate('doctor', { PORT: 'x' });
    expect({ status, err }).toEqual({ status: 2, err: 'PORT: expected a whole number from 0 to 65535, got "x"\n' });
  });
});

describe('automigrate config', { timeout: 60_000 }, () => {
  it('prints what is in force and where it comes from, secrets masked', async () => {
    const file = join(env.RULES_DIR!, '..', 'a.yaml');
    await writeFile(file, 'log_level: debug\nport: 7\ngrafana_secret: hush-hush\n');
    const { out, status } = await automigrate(`--config ${file} config --json`, { PORT: '8' });
    const settings = JSON.parse(out) as { name: string }[];
    const of = (name: string) => settings.find((setting) => setting.name === name);
    expect(of('PORT')).toEqual({ name: 'PORT', value: '8', source: { from: 'environment', variable: 'PORT' } });
    const source = { from: 'file', path: file, line: 1, key: 'log_level' };
    expect(of('LOG_LEVEL')).toEqual({ name: 'LOG_LEVEL', value: 'debug', source });
    expect(of('CLOUD')).toEqual({ name: 'CLOUD', value: 'simulated', source: { from: 'default' } });
    expect(out).not.toMatch(/hush|wwww|aaaa/);
    expect(status).toBe(0);
    const table = await automigrate(`--config ${file} config`, { WEBHOKO_TOKEN: 'x' });
    expect(table.out).toMatch(/\| GRAFANA_SECRET +\| \*{8} +\| .*a\.yaml:3/);
    expect(table.err).toBe('WEBHOKO_TOKEN is no variable of automigrate: did you mean WEBHOOK_TOKEN?\n');
  });

  it('refuses an unknown key of the file by file, line and key', async () => {
    const file = join(env.RULES_DIR!, '..', 'a.yaml');
    await writeFile(file, 'port: 7\nwebhoko_token: x\n');
    const { status, err } = await automigrate(`--config ${file} config`);
    expect({ status, err }).toEqual({
      status: 2,
      err: `${file}:2: webhoko_token: no such setting; did you mean webhook_token?\n`,
    });
  });
});
