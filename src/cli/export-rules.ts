import { Option } from 'commander';
import type { Command } from 'commander';
import { parseDuration } from '../common/units.js';
import { nonEmpty } from '../config/given.js';
import type { PresetName } from '../fleet/metrics/presets.js';
import { ownQuestion, PRESET_NAMES, PRESETS } from '../fleet/metrics/presets.js';
import { alertmanagerConfig } from '../rules/export/alertmanager.js';
import type { AlertSource } from '../rules/export/alert-rules.js';
import { cloudpodsCommands } from '../rules/export/cloudpods.js';
import { grafanaProvisioning } from '../rules/export/grafana.js';
import { prometheusRules } from '../rules/export/prometheus.js';
import { loadRules } from '../rules/load.js';
import type { Rule } from '../rules/rule.js';
import type { CliContext } from './context.js';
import { refuse } from './context.js';

const SENDERS = ['prometheus', 'alertmanager', 'grafana', 'cloudpods'] as const;

interface ExportOptions {
  for: (typeof SENDERS)[number];
  part?: boolean;
  url?: string;
  preset?: string;
  scrapeInterval?: string;
  hostLabel?: string;
  tokenFile: string;
  datasource: string;
  defaultReceiver: string;
}

const LOCAL = 'http://127.0.0.1:9095';

/** Adds `automigrate rules export`. */
export function addExportCommand(rules: Command, context: CliContext): void {
  rules
    .command('export')
    .description('print, from the rules, what a sender of alerts has to be told')
    .addOption(new Option('--for <sender>', 'whose configuration').choices(SENDERS).makeOptionMandatory())
    .option('--part', 'alertmanager, grafana: what to add to a configuration that is there, instead of a whole one')
    .option('--url <url>', `where the sender reaches the receiver (default: $PUBLIC_URL, or ${LOCAL})`)
    .addOption(
      new Option(
        '--preset <name>',
        'prometheus, grafana: whose names the series bear (default: $PROMETHEUS_PRESET, or telegraf)',
      ).choices(PRESET_NAMES),
    )
    .option('--scrape-interval <duration>', 'distance of two samples (default: $PROMETHEUS_SCRAPE_INTERVAL, or 1m)')
    .option('--host-label <label>', "label that names a host (default: $PROMETHEUS_HOST_LABEL, or the preset's)")
    .option(
      '--token-file <file>',
      'alertmanager: the file of WEBHOOK_TOKEN there',
      '/etc/alertmanager/automigrate-token',
    )
    .option('--datasource <uid>', 'grafana: uid of the data source', 'prometheus')
    .option('--default-receiver <name>', 'grafana: contact point of all other alerts', 'grafana-default-email')
    .action((options: ExportOptions) => exportRules(context, options));
}

async function exportRules(context: CliContext, options: ExportOptions): Promise<void> {
  const { rules, problems } = await loadRules(context.rulesDir());
  if (problems.length > 0) {
    refuse(
      context,
      problems.map(({ text }) => text),
    );
    return;
  }
  const found = settingsOf(options, context.env());
  if (!found.ok) {
    refuse(context, found.problems);
    return;
  }
  const enabled = rules.filter((rule) => rule.enabled);
  const shares = enabled.filter(({ ofHostMemory }) => ofHostMemory);
  if (shares.length > 0) {
    const why = "a share of the host's memory cannot be exported, as the stores tell no total alike; expected bytes";
    refuse(
      context,
      shares.map(({ name }) => `rule ${name}: threshold: ${why}`),
    );
    return;
  }
  for (const { name } of rules.filter((rule) => !rule.enabled)) {
    context.terminal.err(`left out, as it is disabled: ${name}\n`);
  }
  if (enabled.length === 0) {
    refuse(context, [`there is no enabled rule in ${context.rulesDir()}`]);
    return;
  }
  context.terminal.out(textFor(enabled, options, found));
}

interface Settings {
  url: string;
  source: AlertSource;
}

function textFor(rules: readonly Rule[], options: ExportOptions, { url, source }: Settings): string {
  const { tokenFile, datasource, defaultReceiver, part = false } = options;
  switch (options.for) {
    case 'prometheus':
      return prometheusRules(rules, source);
    case 'alertmanager':
      return alertmanagerConfig(rules, { url, tokenFile }, part);
    case 'grafana':
      return grafanaProvisioning(rules, source, { url, datasource, defaultReceiver }, part);
    case 'cloudpods':
      return cloudpodsCommands(rules, { url });
  }
}

type Environment = ReturnType<CliContext['env']>;

/** The receiver's own environment says how its metric store is asked: the alerts look at the same series. */
function settingsOf(
  options: ExportOptions,
  env: Environment,
): ({ ok: true } & Settings) | { ok: false; problems: string[] } {
  const problems: string[] = [];
  const url = options.url ?? nonEmpty(env.PUBLIC_URL) ?? LOCAL;
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) {
    problems.push(
      `${options.url === undefined ? 'PUBLIC_URL' : '--url'}: expected an http or https address, got ${JSON.stringify(url)}`,
    );
  }
  const preset = options.preset ?? nonEmpty(env.PROMETHEUS_PRESET) ?? 'telegraf';
  if (!isPreset(preset)) {
    problems.push(`PROMETHEUS_PRESET: expected one of ${PRESET_NAMES.join(', ')}, got ${JSON.stringify(preset)}`);
  }
  const interval = options.scrapeInterval ?? nonEmpty(env.PROMETHEUS_SCRAPE_INTERVAL) ?? '1m';
  const scrapeIntervalMs = parseDuration(interval) ?? 0;
  if (scrapeIntervalMs <= 0) {
    const name = options.scrapeInterval === undefined ? 'PROMETHEUS_SCRAPE_INTERVAL' : '--scrape-interval';
    problems.push(`${name}: expected a duration such as "30s", got ${JSON.stringify(interval)}`);
  }
  const label = options.hostLabel ?? nonEmpty(env.PROMETHEUS_HOST_LABEL);
  const labels = label?.split(',').map((name) => name.trim());
  if (labels?.some((name) => !/^[A-Za-z_]\w*$/.test(name))) {
    const name = options.hostLabel === undefined ? 'PROMETHEUS_HOST_LABEL' : '--host-label';
    problems.push(`${name}: expected the name of a label, got ${JSON.stringify(label)}`);
  }
  if (problems.length > 0 || !isPreset(preset)) return { ok: false, problems };
  const { questions, hostLabels, hostPrefix } = PRESETS[preset];
  const own = (name: string) => nonEmpty(env[name]);
  const [cpu, memory] = [own('PROMETHEUS_QUERY_HOST_CPU'), own('PROMETHEUS_QUERY_HOST_MEMORY')];
  const source = {
    questions: {
      hostCpu: cpu === undefined ? questions.hostCpu : ownQuestion(cpu),
      hostMemory: memory === undefined ? questions.hostMemory : ownQuestion(memory),
    },
    hostLabels: labels ?? hostLabels,
    ...(hostPrefix !== undefined && { hostPrefix }),
    scrapeIntervalMs,
  };
  return { ok: true, url, source };
}

function isPreset(name: string): name is PresetName {
  return PRESET_NAMES.some((preset) => preset === name);
}
