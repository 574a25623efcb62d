import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import type { MetricStore } from '../../src/fleet/metrics/create-metrics.js';
import { createMetrics } from '../../src/fleet/metrics/create-metrics.js';
import { startProxmox } from '../support/clouds/proxmox-server.js';
import { GIB, host } from '../support/fleet.js';
import { startProgram } from '../support/program.js';
import type { Daemon } from './daemon.js';
import { freePort, kept, startDaemon, until, whatIsMissing } from './daemon.js';
import { scraping, startAlertmanager, startPrometheusOf } from './monitoring.js';
import { startScrapingVictoria } from './vmalert.js';

/** A Proxmox speaks HTTPS only: hands on to a server that speaks HTTP. */
async function behindTls(target: string): Promise<string> {
  const [key, cert] = await Promise.all(
    ['server.key.pem', 'server.pem'].map((name) => readFile(`test/fixtures/tls/${name}`)),
  );
  const server = createServer({ key, cert }, (request, response) => {
    const { authorization = '' } = request.headers;
    void fetch(target + (request.url ?? ''), { headers: { authorization } }).then(async (answer) => {
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** prometheus-pve-exporter of PyPI, for a token `USER!NAME=VALUE`. */
function startPveExporter(token: string): Promise<Daemon> {
  return startDaemon('pve_exporter', '/', async (directory, port) => {
    const [, user, name, value] = /^(.+)!(.+?)=(.+)$/.exec(token)!;
    const config = { default: { user, token_name: name, token_value: value, verify_ssl: false } };
    await writeFile(join(directory, 'pve.yml'), JSON.stringify(config));
    // What our own server does not have is left out; the preset asks for none of it.
    const without = ['status', 'version', 'node', 'cluster', 'backup-info', 'qdevice'];
    const args = without.map((collector) => `--no-collector.${collector}`);
    return [`--config.file=${directory}/pve.yml`, `--web.listen-address=127.0.0.1:${port}`, ...args];
  });
}

const missingForPve = whatIsMissing(['prometheus', 'prometheus-alertmanager', 'pve_exporter']);

describe.skipIf(missingForPve !== undefined)(`prometheus-pve-exporter${missingForPve ?? ''}`, () => {
  it('tells Prometheus of a cluster by names that the preset pve knows: a guest moves', async ({ annotate }) => {
    const nodeFields: Record<string, object> = {
      'host-0': { cpu: 0.5 },
      'host-1': { cpu: 0.2 },
      'host-2': { cpu: 0.3 },
    };
    const guestFields: Record<string, object> = { 'guest-0': { maxcpu: 8, cpu: 0.1 } };
    const proxmox = await startProxmox({ nodeFields, guestFields });
    onTestFinished(() => proxmox.close());
    const [token = ''] = proxmox.secrets();
    const exporter = await kept(startPveExporter(token));
    const scrape = scraping(1, [
      {
        job_name: 'pve',
        metrics_path: '/pve',
        params: { target: [await behindTls(proxmox.server.url)], cluster: ['1'], node: ['0'] },
        static_configs: [{ targets: [new URL(exporter.url).host] }],
      },
    ]);
    const port = await freePort();
    const alertmanager = await kept(startAlertmanager(`http://127.0.0.1:${port}/webhooks/alertmanager`));
    const expr = '100 * pve_cpu_usage_ratio{id=~"node/.*"} > 60';
    const prometheus = await kept(
      startPrometheusOf(scrape, [{ alert: 'node-cpu', expr, for: '6s' }], [alertmanager.url]),
    );
    const directory = await mkdtemp(join(tmpdir(), 'automigrate-pve-'));
    const rule = {
      name: 'node-cpu',
      metric: 'cpu.usage_active',
      threshold: 60,
      period: '5s',
      match: { hostLabel: 'id' },
    };
    await writeFile(join(directory, 'node-cpu.json'), JSON.stringify(rule));
    const program = startProgram({
      CLOUD: 'proxmox',
      PROXMOX_URL: proxmox.server.url,
      PROXMOX_TOKEN: token,
      METRICS: 'prometheus',
      PROMETHEUS_URL: prometheus.url,
      PROMETHEUS_PRESET: 'pve',
      PROMETHEUS_SCRAPE_INTERVAL: '1s',
      RULES_DIR: directory,
      DATA_DIR: join(directory, 'data'),
      PORT: String(port),
    });
    onTestFinished(async () => {
      program.kill('SIGKILL');
      await program.ended;
      await rm(directory, { recursive: true, force: true });
    });
    await program.listening;

    nodeFields['host-0'] = { cpu: 0.7 };
    guestFields['guest-0'] = { maxcpu: 8, cpu: 1 };
    const crossedAt = Date.now();
    const move = await until('a guest is asked to move', () => Promise.resolve(proxmox.model.moves[0]));
    await annotate(`crossing to first move: ${((Date.now() - crossedAt) / 1000).toFixed(1)} s`);
    expect(move).toMatchObject({ guest: { id: 'guest-0' }, source: 'host-0', target: 'host-1' });
    const found = await until('the move is in the journal', async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/events`);
      const { events } = (await answer.json()) as { events: { action: string; notes: unknown }[] };
      return events.find(({ action }) => action === 'migrating');
    });
    // 8 of 40 CPUs; where it goes, a fifth is in use.
    expect(found.notes).toMatchObject({
      guest: { name: 'vm 0', score: 20 },
      target_host: { name: 'host-1', score: 20 },
    });
  });
});

const missingForTelegraf = whatIsMissing(['telegraf', 'prometheus', 'victoria-metrics', 'influxd']);

describe.skipIf(missingForTelegraf !== undefined)(`a real Telegraf${missingForTelegraf ?? ''}`, () => {
  /** Telegraf as README wants it, with this machine for the host `id-x`. */
  const startTelegraf = (outputs: string) =>
    startDaemon('telegraf', '/', async (directory, port) => {
      const config = [
        '[global_tags]\nhost_id = "id-x"',
        '[agent]\ninterval = "1s"\nflush_interval = "1s"',
        '[[inputs.cpu]]\npercpu = true\ntotalcpu = true\nreport_active = true',
        '[[inputs.mem]]',
        `[[outputs.prometheus_client]]\nlisten = "127.0.0.1:${port}"`,
        outputs,
      ];
      await writeFile(join(directory, 'telegraf.conf'), config.join('\n'));
      return ['--config', `${directory}/telegraf.conf`];
    });
  const output = (url: string) => `[[outputs.influxdb]]\nurls = ["${url}"]\ndatabase = "telegraf"`;
  const startInflux = () =>
    startDaemon('influxd', '/ping', async (directory, port) => {
      const config = [
        'reporting-disabled = true\nbind-address = "127.0.0.1:0"',
        `[meta]\ndir = "${directory}/meta"\n[data]\ndir = "${directory}/data"\nwal-dir = "${directory}/wal"`,
        `[http]\nbind-address = "127.0.0.1:${port}"\nlog-enabled = false\n[monitor]\nstore-enabled = false`,
      ];
      await writeFile(join(directory, 'influxdb.conf'), config.join('\n'));
      return ['run', '-config', `${directory}/influxdb.conf`];
    });

  /** What /proc/meminfo says, bytes. */
  const memAvailable = async () =>
    Number(/MemAvailable:\s+(\d+)/.exec(await readFile('/proc/meminfo', 'utf8'))?.[1]) * 1024;

  it.each(['prometheus', 'victoria-metrics', 'influxd'])(
    'is read from %s as the host that it runs on',
    async (store) => {
      const prometheusStore = (url: string): MetricStore => ({
        kind: 'prometheus',
        prometheus: { url, preset: 'telegraf', scrapeIntervalMs: 1000 },
      });
      let settings: MetricStore;
      if (store === 'prometheus') {
        const telegraf = await kept(startTelegraf(''));
        const jobs = [{ job_name: 'telegraf', static_configs: [{ targets: [new URL(telegraf.url).host] }] }];
        settings = prometheusStore((await kept(startPrometheusOf(scraping(1, jobs)))).url);
      } else if (store === 'victoria-metrics') {
        const { url } = await kept(startScrapingVictoria(scraping(1, [])));
        await kept(startTelegraf(output(url)));
        settings = prometheusStore(url);
      } else {
        const { url } = await kept(startInflux());
        await kept(startTelegraf(output(url)));
        settings = { kind: 'influxdb', influxdb: { url, database: 'telegraf', scrapeIntervalMs: 1000 } };
      }
      const metrics = createMetrics(settings, { clock: systemClock, random: Math.random, timeoutMs: 20_000 });
      const reading = await until('both readings are there', async () => {
        const { hosts } = await metrics.readings({ hosts: [host('x', undefined)], guests: [], periodMs: 5000 });
        const found = hosts.get('id-x');
        return found?.['cpu.usage_active'] && found['mem.available'] && found;
      });
      const { value: cpu } = reading['cpu.usage_active']!;
      expect(cpu).toBeGreaterThan(0);
      expect(cpu).toBeLessThanOrEqual(100);
      expect(Math.abs(reading['mem.available']!.value - (await memAvailable()))).toBeLessThan(4 * GIB);
    },
  );
});
