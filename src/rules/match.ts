import type { Alert } from '../alerts/alert.js';
import type { MatchedAlert, RuleMatch } from '../intake/sort-alerts.js';
import type { Rule } from './rule.js';

/** The label by which an alert names its rule outright. */
export const RULE_LABEL = 'migration_rule';

/** Where an alert's host is looked for, the surest first. */
export const HOST_LABELS = ['host_id', 'host_name', 'host', 'hostname', 'nodename', 'instance'] as const;

/** What a rule looks at in an alert. */
export interface MatchableAlert {
  name: string;
  labels: Readonly<Record<string, string>>;
}

/** A rule that would take the alert, and how closely it asked for it. */
interface Claim {
  rule: Rule;
  addressed: boolean;
  explicit: boolean;
  labels: number;
}

/** A label's own value: names such as `constructor` must not find what every object has. */
function label(alert: MatchableAlert, name: string): string | undefined {
  const value = Object.hasOwn(alert.labels, name) ? alert.labels[name]?.trim() : undefined;
  return value === '' ? undefined : value;
}

function claim(alert: MatchableAlert, rule: Rule): Claim | undefined {
  const wanted = Object.entries(rule.match.labels);
  if (!wanted.every(([name, value]) => Object.hasOwn(alert.labels, name) && alert.labels[name] === value))
    return undefined;
  const addressed = label(alert, RULE_LABEL) === rule.name;
  if (!addressed && alert.name !== (rule.match.alert ?? rule.name)) return undefined;
  return { rule, addressed, explicit: rule.match.alert !== undefined, labels: wanted.length };
}

function order(a: Claim, b: Claim): number {
  return (
    Number(b.addressed) - Number(a.addressed) ||
    // A rule that is named outright stands, even disabled; among the others a disabled one stands back.
    (a.addressed ? 0 : Number(b.rule.enabled) - Number(a.rule.enabled)) ||
    Number(b.explicit) - Number(a.explicit) ||
    b.labels - a.labels ||
    (a.rule.name < b.rule.name ? -1 : 1)
  );
}

/** The host in `host:port`, `[v6]:port` or a URL; anything else stays as it is. */
export function withoutPort(word: string): string {
  const bare = word.includes('/')
    ? word.replace(/^[a-z][a-z0-9+.-]*:\/\/(?:[^/@]*@)?/i, '').replace(/\/.*$/, '')
    : word;
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(bare);
  return bracketed?.[1] ?? bare.replace(/^([^:]+):\d+$/, '$1');
}

function hostWords(alert: MatchableAlert, hostLabel: string | undefined): string[] {
  const words: string[] = [];
  const add = (word: string): void => {
    if (word !== '' && !words.includes(word)) words.push(word);
  };
  for (const name of hostLabel === undefined ? HOST_LABELS : [hostLabel]) {
    const value = label(alert, name);
    if (value === undefined) continue;
    if (name !== 'instance') add(value);
    if (name === 'instance' || name === hostLabel) add(withoutPort(value));
  }
  return words;
}

/**
 * Finds the rule that takes an alert, and the words that name its host.
 *
 * A rule takes an alert that carries all of `match.labels` and either the label `migration_rule=<rule>` or the name
 * `match.alert` (by default the rule's own, also where only labels are given). Of several rules the label
 * `migration_rule` decides; then enabled before disabled, an explicit `match.alert` before the rule's own name,
 * more `match.labels` before fewer, and at last the rule's name in order. A label that names no rule decides nothing.
 * @param rules - all rules, the disabled ones too.
 */
export function matchAlert(alert: MatchableAlert, rules: readonly Rule[]): RuleMatch {
  const claims = rules.map((rule) => claim(alert, rule)).filter((found) => found !== undefined);
  const [best] = claims.sort(order);
  if (!best) {
    return { matched: false, reason: 'no_rule', text: `no rule takes the alert "${alert.name}"` };
  }
  const { rule } = best;
  if (!rule.enabled) {
    const text = `the rule "${rule.name}", which takes the alert "${alert.name}", is disabled`;
    return { matched: false, reason: 'rule_disabled', text };
  }
  const { hostLabel } = rule.match;
  const hosts = hostWords(alert, hostLabel);
  if (hosts.length > 0) return { matched: true, rule, hosts };
  const wanted = hostLabel === undefined ? `none of the labels ${HOST_LABELS.join(', ')}` : `no label ${hostLabel}`;
  return { matched: false, reason: 'no_host', text: `the alert "${alert.name}" names no host: it has ${wanted}` };
}

/** Asks the rules once about each alert of a body; whatever comes after looks at the answers. */
export function matchAlerts(alerts: readonly Alert[], rules: readonly Rule[]): MatchedAlert[] {
  return alerts.map((alert) => ({ alert, match: matchAlert(alert, rules) }));
}
