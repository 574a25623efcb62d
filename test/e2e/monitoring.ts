import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Daemon } from './daemon.js';
import { startDaemon } from './daemon.js';
import { HOSTS, port } from './testbed.js';

const CPU_TIME = 'libvirt_domain_info_cpu_time_seconds_total';

/** How an Alertmanager is to differ from the usual one. */
export interface AlertmanagerOptions {
  /** By default Debian's. */
  program?: string;
  /** How it says who it is. */
  httpConfig?: Record<string, unknown>;
}

/** A real Alertmanager; it posts every notification to one address. */
export function startAlertmanager(webhook: string, options: AlertmanagerOptions = {}): Promise<Daemon> {
  return startDaemon(options.program ?? 'prometheus-alertmanager', '/-/ready', async (directory, own) => {
    const webhookConfig = { url: webhook, send_resolved: true, http_config: options.httpConfig ?? {} };
    const config = {
      route: {
        receiver: 'automigrate',
        group_by: ['alertname'],
        group_wait: '1s',
        group_interval: '2s',
        // An alert that came before the mean had caught up comes again.
        repeat_interval: '10s',
      },
      receivers: [{ name: 'automigrate', webhook_configs: [webhookConfig] }],
    };
    // JSON is YAML too.
    await writeFile(join(directory, 'alertmanager.yml'), JSON.stringify(config));
    return [
      `--config.file=${directory}/alertmanager.yml`,
      `--storage.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${own}`,
      '--cluster.listen-address=',
    ];
  });
}

/** An alert of Prometheus or vmalert, which is sent once it has held for a while. */
export interface AlertingRule {
  alert: string;
  expr: string;
  for: string;
}

/** What a Prometheus scrapes: address of an exporter, path and query of its page, labels to add. */
export interface ScrapeJob {
  job_name: string;
  metrics_path?: string;
  params?: Record<string, string[]>;
  static_configs: { targets: string[]; labels?: Record<string, string> }[];
}

/** What each scrape takes and gives, as a file of Prometheus or VictoriaMetrics. */
export const scraping = (intervalS: number, jobs: readonly ScrapeJob[]) => ({
  global: { scrape_interval: `${intervalS}s`, scrape_timeout: `${intervalS}s` },
  scrape_configs: jobs,
});

/**
 * Prometheus as packaged.
 * @param alertmanagers - addresses that it tells of what `rules` say, at every second.
 */
export function startPrometheusOf(
  scrape: ReturnType<typeof scraping>,
  rules: readonly AlertingRule[] = [],
  alertmanagers: readonly string[] = [],
): Promise<Daemon> {
  return startDaemon('prometheus', '/-/ready', async (directory, own) => {
    const targets = alertmanagers.map((url) => new URL(url).host);
    const config = {
      ...scrape,
      global: { ...scrape.global, evaluation_interval: '1s' },
      rule_files: [`${directory}/rules.yml`],
      alerting: { alertmanagers: [{ static_configs: [{ targets }] }] },
    };
    await writeFile(join(directory, 'rules.yml'), JSON.stringify({ groups: [{ name: 'e2e', rules }] }));
    await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config));
    return [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${own}`,
      '--log.level=warn',
    ];
  });
}

/**
 * Prometheus that scrapes the hosts' libvirt exporters, and has one rule.
 * @param cpus - of each host.
 * @param threshold - % of a host's CPUs that its guests may use.
 */
export function startPrometheus(
  alertmanager: string,
  rule: { name: string; cpus: number; threshold: number },
): Promise<Daemon> {
  const expr = `100 * sum by (host) (rate(${CPU_TIME}[8s])) / ${rule.cpus} > ${rule.threshold}`;
  const exporters = HOSTS.map((host, index) => ({
    targets: [`127.0.0.1:${port(9178) + index}`],
    labels: { host },
  }));
  return startPrometheusOf(
    scraping(2, [{ job_name: 'libvirt', static_configs: exporters }]),
    [{ alert: rule.name, expr, for: '6s' }],
    [alertmanager],
  );
}

/** Has automigrate ask that Prometheus: there is no node exporter, a host is as busy as its guests. */
export function prometheusMetrics(prometheus: string, cpus: number): Record<string, string> {
  return {
    METRICS: 'prometheus',
    PROMETHEUS_URL: prometheus,
    PROMETHEUS_PRESET: 'node-libvirt',
    PROMETHEUS_SCRAPE_INTERVAL: '2s',
    PROMETHEUS_HOST_LABEL: 'host',
    PROMETHEUS_QUERY_HOST_CPU: `100 * sum by (host) (rate(${CPU_TIME}{$hosts}[8s])) / ${cpus}`,
  };
}

/** Names of the hosts whose alert Alertmanager holds. */
export async function alertingHosts(alertmanager: string): Promise<string[]> {
  const response = await fetch(`${alertmanager}/api/v2/alerts?active=true`);
  const alerts = (await response.json()) as { labels: Record<string, string> }[];
  return alerts.map(({ labels }) => labels.host ?? '');
}
