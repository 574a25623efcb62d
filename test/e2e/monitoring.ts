import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Daemon } from './daemon.js';
import { startDaemon } from './daemon.js';
import { HOSTS, port } from './testbed.js';

const CPU_TIME = 'libvirt_domain_info_cpu_time_seconds_total';

/** Alertmanager as packaged; it posts every notification to one address. */
export function startAlertmanager(webhook: string): Promise<Daemon> {
  return startDaemon('prometheus-alertmanager', '/-/ready', async (directory, own) => {
    const config = {
      route: {
        receiver: 'automigrate',
        group_by: ['alertname'],
        group_wait: '1s',
        group_interval: '2s',
        // An alert that came before the mean had caught up comes again.
        repeat_interval: '10s',
      },
      receivers: [{ name: 'automigrate', webhook_configs: [{ url: webhook, send_resolved: true }] }],
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

/**
 * Prometheus as packaged; it scrapes the hosts' libvirt exporters, and has one rule.
 * @param cpus - of each host.
 * @param threshold - % of a host's CPUs that its guests may use.
 */
export function startPrometheus(
  alertmanager: string,
  rule: { name: string; cpus: number; threshold: number },
): Promise<Daemon> {
  return startDaemon('prometheus', '/-/ready', async (directory, own) => {
    const expr = `100 * sum by (host) (rate(${CPU_TIME}[8s])) / ${rule.cpus} > ${rule.threshold}`;
    const rules = { groups: [{ name: 'e2e', rules: [{ alert: rule.name, expr, for: '6s' }] }] };
    const config = {
      global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '1s' },
      rule_files: [`${directory}/rules.yml`],
      alerting: { alertmanagers: [{ static_configs: [{ targets: [new URL(alertmanager).host] }] }] },
      scrape_configs: [
        {
          job_name: 'libvirt',
          static_configs: HOSTS.map((host, index) => ({
            targets: [`127.0.0.1:${port(9178) + index}`],
            labels: { host },
          })),
        },
      ],
    };
    await writeFile(join(directory, 'rules.yml'), JSON.stringify(rules));
    await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config));
    return [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${own}`,
      '--log.level=warn',
    ];
  });
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
