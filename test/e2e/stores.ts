import { writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../src/common/clock.js';
import type { Metrics } from '../../src/fleet/fleet.js';
import { createMetrics } from '../../src/fleet/metrics/create-metrics.js';
import type { MetricStore } from '../../src/fleet/metrics/create-metrics.js';
import type { Daemon } from './daemon.js';
import { startDaemon, until } from './daemon.js';

/** One series as Telegraf writes it; all have as many samples as the longest, or fewer. */
export interface Fact {
  measurement: string;
  field: string;
  tags: Record<string, string>;
  samples: { at: number; value: number }[];
}

/** A real store that a test has filled. */
export interface FilledStore extends Daemon {
  settings: MetricStore;
  metrics: Metrics;
}

const SCRAPE_MS = 10_000;

/** The moment that the stores are asked about, ms: however long it takes to start and fill them, the readings stay the same. */
export const ASKED_AT = Math.floor(Date.now() / 1000) * 1000;

/** The store as the program sees it. */
export function metricsOf(settings: MetricStore): Metrics {
  return createMetrics(settings, {
    clock: { ...systemClock, now: () => ASKED_AT },
    random: Math.random,
    timeoutMs: 20_000,
  });
}

async function send(
  url: string,
  body: string | URLSearchParams,
  headers: Record<string, string> = {},
): Promise<string> {
  const response = await fetch(url, { method: 'POST', body, headers });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: HTTP ${response.status}: ${text}`);
  return text;
}

/** Line protocol, ms. */
function lines(facts: readonly Fact[]): string {
  const escaped = (text: string) => text.replaceAll(/[,= ]/g, String.raw`\$&`);
  return facts
    .flatMap(({ measurement, field, tags, samples }) => {
      const written = Object.entries(tags).map(([tag, value]) => `,${escaped(tag)}=${escaped(value)}`);
      return samples.map(({ at, value }) => `${measurement}${written.join('')} ${field}=${value} ${at}`);
    })
    .join('\n');
}

/** VictoriaMetrics as packaged, filled over the line protocol as Telegraf does, or by import where that cannot say it. */
export async function startVictoria(facts: readonly Fact[], path: 'write' | 'import' = 'write'): Promise<FilledStore> {
  const daemon = await startDaemon('victoria-metrics', '/health', (directory, port) =>
    Promise.resolve([`-storageDataPath=${directory}/data`, `-httpListenAddr=127.0.0.1:${port}`, '-loggerLevel=WARN']),
  );
  if (path === 'write') await send(`${daemon.url}/write?precision=ms`, lines(facts));
  else {
    const imported = facts.map(({ measurement, field, tags, samples }) => ({
      metric: { __name__: `${measurement}_${field}`, ...tags },
      values: samples.map(({ value }) => value),
      timestamps: samples.map(({ at }) => at),
    }));
    await send(`${daemon.url}/api/v1/import`, imported.map((each) => JSON.stringify(each)).join('\n'));
  }
  // What was written shows up in searches after a second or so.
  await fetch(`${daemon.url}/internal/force_flush`);
  await untilCounted(daemon.url, facts);
  const settings: MetricStore = {
    kind: 'prometheus',
    prometheus: { url: daemon.url, preset: 'telegraf', scrapeIntervalMs: SCRAPE_MS },
  };
  return { ...daemon, settings, metrics: metricsOf(settings) };
}

/** Prometheus as packaged; it scrapes a page that shows every sample with its time, so that a scrape that is late loses none. */
export async function startPrometheus(facts: readonly Fact[]): Promise<FilledStore> {
  const exporter = await startExporter(facts);
  const daemon = await startDaemon('prometheus', '/-/ready', async (directory, port) => {
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s' },
      scrape_configs: [
        { job_name: 'telegraf', static_configs: [{ targets: [`127.0.0.1:${exporter.port}`] }], honor_labels: true },
      ],
    };
    // JSON is YAML too.
    await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config));
    return [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ];
  });
  const stop = async () => {
    await daemon.stop();
    exporter.server.closeAllConnections();
    await new Promise((resolve) => exporter.server.close(resolve));
  };
  try {
    await untilCounted(daemon.url, facts);
  } catch (error) {
    await stop();
    throw error;
  }
  const settings: MetricStore = {
    kind: 'prometheus',
    prometheus: { url: daemon.url, preset: 'telegraf', scrapeIntervalMs: SCRAPE_MS },
  };
  return { url: daemon.url, stop, settings, metrics: metricsOf(settings) };
}

async function startExporter(facts: readonly Fact[]): Promise<{ server: Server; port: number }> {
  const escaped = (text: string) => text.replaceAll(/[\\"]/g, String.raw`\$&`).replaceAll('\n', String.raw`\n`);
  const page = facts
    .flatMap(({ measurement, field, tags, samples }) => {
      const labels = Object.entries(tags).map(([name, value]) => `${name}="${escaped(value)}"`);
      return samples.map(({ at, value }) => `${measurement}_${field}{${labels.join(',')}} ${value} ${at}\n`);
    })
    .join('');
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

/** Waits until a store that speaks PromQL has every sample. */
async function untilCounted(url: string, facts: readonly Fact[]): Promise<void> {
  const expected = facts.reduce((sum, { samples }) => sum + samples.length, 0);
  const names = [...new Set(facts.map(({ measurement, field }) => `${measurement}_${field}`))];
  const query = `{__name__=~"${names.join('|')}"}[1h]`;
  await until(`${url} has ${expected} samples`, async () => {
    const text = await send(`${url}/api/v1/query`, new URLSearchParams({ query }));
    const { data } = JSON.parse(text) as { data: { result: { values: unknown[] }[] } };
    const count = data.result.reduce((sum, { values }) => sum + values.length, 0);
    if (count !== expected) throw new Error(`it has ${count}`);
    return true;
  });
}

/** InfluxDB 1.x as packaged, with authentication; it is read as a user who may read one database and nothing else. */
export async function startInflux(facts: readonly Fact[]): Promise<FilledStore> {
  const daemon = await startDaemon('influxd', '/ping', async (directory, port) => {
    const config = [
      'reporting-disabled = true',
      'bind-address = "127.0.0.1:0"',
      `[meta]\ndir = "${directory}/meta"`,
      `[data]\ndir = "${directory}/data"\nwal-dir = "${directory}/wal"`,
      `[http]\nbind-address = "127.0.0.1:${port}"\nlog-enabled = false\nauth-enabled = true`,
      '[monitor]\nstore-enabled = false',
    ];
    await writeFile(join(directory, 'influxdb.conf'), config.join('\n'));
    return ['run', '-config', `${directory}/influxdb.conf`];
  });
  const admin = { authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` };
  const query = (q: string) => send(`${daemon.url}/query`, new URLSearchParams({ q }), admin);
  await query("CREATE USER admin WITH PASSWORD 'admin' WITH ALL PRIVILEGES");
  await query('CREATE DATABASE telegraf');
  await query("CREATE USER automigrate WITH PASSWORD 'it''s'".replace("''", String.raw`\'`));
  await query('GRANT READ ON telegraf TO automigrate');
  await send(`${daemon.url}/write?db=telegraf&precision=ms`, lines(facts), admin);
  const settings: MetricStore = {
    kind: 'influxdb',
    influxdb: {
      url: daemon.url,
      database: 'telegraf',
      username: 'automigrate',
      password: "it's",
      scrapeIntervalMs: SCRAPE_MS,
    },
  };
  return { ...daemon, settings, metrics: metricsOf(settings) };
}
