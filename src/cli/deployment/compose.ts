import { stringify } from 'yaml';
import { embeddedFleet } from '../../fleet/clouds/embedded-fleet.js';
import { PRESETS } from '../../fleet/metrics/presets.js';
import { alertmanagerConfig } from '../../rules/export/alertmanager.js';
import { prometheusRules } from '../../rules/export/prometheus.js';
import type { RuleFile } from '../../rules/rule.js';
import { ruleFileSchema, toRule } from '../../rules/rule.js';

const TOKEN = '${WEBHOOK_TOKEN:-change-me}';

/** Hosts by id, since that is what the series of the fleet bear. */
function demonstrationRule(): RuleFile {
  const a15 = embeddedFleet.snapshot.hosts.find(({ name }) => name === 'a15');
  return {
    name: 'test-cpu',
    metric: 'cpu.usage_active',
    threshold: 60,
    period: '1m',
    source: { hosts: a15 ? [a15.id] : [] },
  };
}

/**
 * A whole demonstration: the simulated fleet, a Prometheus that watches it, an Alertmanager that tells, and the receiver. One host
 * of the fleet is past the threshold from the start.
 */
export function composeFile(): string {
  const file = demonstrationRule();
  const rule = toRule(ruleFileSchema.parse(file));
  const { questions, hostLabels } = PRESETS.telegraf;
  const token = '/run/automigrate/token';
  const ours = {
    image: '${AUTOMIGRATE_IMAGE:-automigrate}',
    restart: 'unless-stopped',
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
  };
  const file0 = {
    name: 'automigrate',
    services: {
      fleet: {
        ...ours,
        command: ['node', 'dist/main.js', 'simulate', '--host', '0.0.0.0'],
        healthcheck: { disable: true },
      },
      receiver: {
        ...ours,
        depends_on: ['fleet', 'prometheus'],
        ports: ['127.0.0.1:9095:9095'],
        environment: {
          HOST: '0.0.0.0',
          ALLOWED_HOSTS: 'receiver',
          SIMULATION: 'http://fleet:9096',
          METRICS: 'prometheus',
          PROMETHEUS_URL: 'http://prometheus:9090',
          PROMETHEUS_SCRAPE_INTERVAL: '5s',
          WEBHOOK_TOKEN: TOKEN,
          API_TOKEN: '${API_TOKEN:-change-me-too}',
        },
        configs: [{ source: 'rule', target: '/app/rules/test-cpu.json' }],
        volumes: ['journal:/app/data'],
      },
      prometheus: {
        image: 'prom/prometheus:v3.5.0',
        restart: 'unless-stopped',
        ports: ['127.0.0.1:9090:9090'],
        configs: [
          { source: 'prometheus', target: '/etc/prometheus/prometheus.yml' },
          { source: 'alert-rules', target: '/etc/prometheus/rules.yml' },
        ],
      },
      alertmanager: {
        image: 'prom/alertmanager:v0.28.1',
        restart: 'unless-stopped',
        ports: ['127.0.0.1:9093:9093'],
        configs: [
          { source: 'alertmanager', target: '/etc/alertmanager/alertmanager.yml' },
          { source: 'token', target: token },
        ],
      },
    },
    configs: {
      rule: { content: `${JSON.stringify(file, null, 2)}\n` },
      token: { content: TOKEN },
      'alert-rules': { content: literal(prometheusRules([rule], { questions, hostLabels, scrapeIntervalMs: 5000 })) },
      alertmanager: {
        content: literal(alertmanagerConfig([rule], { url: 'http://receiver:9095', tokenFile: token }, false)),
      },
      prometheus: {
        content: stringify({
          global: { scrape_interval: '5s', scrape_timeout: '5s', evaluation_interval: '5s' },
          rule_files: ['rules.yml'],
          alerting: { alertmanagers: [{ static_configs: [{ targets: ['alertmanager:9093'] }] }] },
          scrape_configs: [
            { job_name: 'fleet', static_configs: [{ targets: ['fleet:9096'] }] },
            { job_name: 'automigrate', static_configs: [{ targets: ['receiver:9095'] }] },
          ],
        }),
      },
    },
    volumes: { journal: {} },
  };
  const comment = [
    '# compose.yaml: a simulated fleet with a host past its threshold, Prometheus, Alertmanager and the receiver.',
    '# docker build -t automigrate . && docker compose up   (Compose 2.23.1 or newer); after some seconds a guest moves.',
    '# The page is on http://127.0.0.1:9095, with the API_TOKEN below. Lets a guest use more:',
    "#   docker compose exec fleet node -e \"fetch('http://127.0.0.1:9096/guests/wiki/cpu',{method:'PUT',headers:{'content-type':'application/json'},body:'{\\\"value\\\":100}'})\"",
  ];
  return `${comment.join('\n')}\n${stringify(file0, { lineWidth: 0, aliasDuplicateObjects: false })}`;
}

/** Compose replaces variables in what it reads; `$$` is a dollar sign. */
function literal(text: string): string {
  return text.replaceAll('$', '$$$$');
}
