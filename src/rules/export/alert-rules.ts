import type { Question } from '../../fleet/metrics/presets.js';
import { promqlString } from '../../fleet/metrics/escape.js';
import { meanOfHosts } from '../../fleet/metrics/promql.js';
import { HOST_LABELS, RULE_LABEL } from '../match.js';
import type { Rule } from '../rule.js';

/** How the metric store that raises the alerts knows the hosts. */
export interface AlertSource {
  /** The mean of a host's CPU (%) and of its available memory (bytes). */
  questions: Record<'hostCpu' | 'hostMemory', Question>;
  /** The labels that name a host; alerts are raised on the first. */
  hostLabels: readonly string[];
  /** What a host's label begins with, where guests bear the same label. */
  hostPrefix?: string;
  scrapeIntervalMs: number;
}

/** The alert of one rule, whatever sends it. */
export interface AlertRule {
  name: string;
  /** PromQL; its value is the host's mean, its labels name the host. */
  mean: string;
  /** Fires where the mean is above (`>`) or below (`<`) it; % or bytes. */
  operator: '>' | '<';
  threshold: number;
  labels: Record<string, string>;
  summary: string;
  description: string;
}

/**
 * The alert that a rule takes. Its window is the rule's period, or the first alert of a host would find a mean that lags behind;
 * its labels name rule and host.
 */
export function alertRuleOf(rule: Rule, source: AlertSource): AlertRule {
  const { name, metric, threshold, periodMs, match } = rule;
  const cpu = metric === 'cpu.usage_active';
  const { scrapeIntervalMs, hostLabels, hostPrefix, questions } = source;
  const names = rule.source.hosts.length > 0 ? rule.source.hosts : undefined;
  const question = cpu ? questions.hostCpu : questions.hostMemory;
  const mean = meanOfHosts(question, { labels: hostLabels, names, prefix: hostPrefix }, { periodMs, scrapeIntervalMs });
  const label = nameLabel(rule, hostLabels);

  return {
    name: match.alert ?? name,
    mean: named(mean, label, hostPrefix),
    operator: cpu ? '>' : '<',
    threshold,
    labels: { ...match.labels, [RULE_LABEL]: name },
    summary: `{{ $labels.${label.to} }}: ${cpu ? 'CPU' : 'available memory'} is past the threshold of ${name}`,
    description: cpu
      ? `The mean CPU use is {{ printf "%.1f" $value }} %, over ${threshold} %.`
      : `The mean available memory is {{ humanize1024 $value }}B, under ${threshold} bytes.`,
  };
}

/** Where an alert names its host, and where the series does. */
interface NameLabel {
  from: string;
  to: string;
}

function nameLabel({ match }: Rule, hostLabels: readonly string[]): NameLabel {
  const [first] = hostLabels;
  const from = first ?? 'instance';
  const known: readonly string[] = HOST_LABELS;
  return { from, to: match.hostLabel ?? (known.includes(from) ? from : 'host') };
}

/** What a store calls `node/pve1` is the host `pve1`. */
function named(mean: string, { from, to }: NameLabel, prefix: string | undefined): string {
  if (from === to) return mean;
  const name = prefix === undefined ? '(.*)' : `(?:${prefix})?(.*)`;
  return `label_replace(${mean}, ${promqlString(to)}, "$1", ${promqlString(from)}, ${promqlString(name)})`;
}
