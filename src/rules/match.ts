import type { Alert } from '../alerts/alert.js';
import type { MatchedAlert, Rule, RuleMatch } from './rule.js';

/** The label by which an alert names its rule outright. */
export const RULE_LABEL = 'migration_rule';

/** Where an alert's host is looked for, the surest first. */
export const HOST_LABELS = ['host_id', 'host_name', 'host', 'hostname', 'nodename', 'instance'] as const;

/** What a rule looks at in an alert. */
export interface MatchableAlert {
  name: string;
  labels: Readonly<Record<string, string>>;
}

/** A label's own value: names such as `constructor` must not find what every object has. */
function label(alert: MatchableAlert, name: string): string | undefined {
  const value = Object.hasOwn(alert.labels, name) ? alert.labels[name]?.trim() : undefined;
  return value === '' ? undefined : value;
}

/** Whether the alert carries all labels that the rule wants. */
function carriesAll(alert: MatchableAlert, { match }: Rule): boolean {
  return Object.entries(match.labels).every(
    ([name, value]) => Object.hasOwn(alert.labels, name) && alert.labels[name] === value,
  );
}

/** Which of two rules takes an alert before the other, both not named outright. */
function byPreference(a: Rule, b: Rule): number {
  return Number(b.enabled) - Number(a.enabled) || byCloseness(a, b);
}

function byCloseness(a: Rule, b: Rule): number {
  return (
    Number(b.match.alert !== undefined) - Number(a.match.alert !== undefined) ||
    Object.keys(b.match.labels).length - Object.keys(a.match.labels).length ||
    (a.name < b.name ? -1 : 1)
  );
}

/** Rules, each with its place in the order of {@link byPreference}, the preferred first. */
type Ranked = { rule: Rule; rank: number }[];

/** The rules that take alerts of one name, by the rarest of the labels that each wants. */
interface RulesOfAlert {
  withoutLabels: Ranked;
  /** By the label's name and its value, see {@link pairKey}. */
  byLabel: Map<string, Ranked>;
}

/** The rules by what an alert can reach them by. */
interface RuleIndex {
  /** By the name that the label `migration_rule` may hold. */
  byName: Map<string, Rule[]>;
  byAlert: Map<string, RulesOfAlert>;
}

/** Two pairs of one key would only be looked at once too often. */
const pairKey = (name: string, value: string): string => `${name}\n${value}`;

function add<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}

function indexRules(rules: readonly Rule[]): RuleIndex {
  const byName = new Map<string, Rule[]>();
  const ofAlert = new Map<string, Ranked>();
  rules.toSorted(byPreference).forEach((rule, rank) => {
    add(byName, rule.name, rule);
    add(ofAlert, rule.match.alert ?? rule.name, { rule, rank });
  });
  return { byName, byAlert: new Map([...ofAlert].map(([alert, ranked]) => [alert, byRarestLabel(ranked)])) };
}

/** Rules of one alert often share a label such as `severity` and differ in another such as `cluster`: the other one tells. */
function byRarestLabel(ranked: Ranked): RulesOfAlert {
  const pairsOf = ({ match }: Rule) => Object.entries(match.labels).map(([name, value]) => pairKey(name, value));
  const frequency = new Map<string, number>();
  for (const { rule } of ranked) for (const pair of pairsOf(rule)) frequency.set(pair, (frequency.get(pair) ?? 0) + 1);
  const found: RulesOfAlert = { withoutLabels: [], byLabel: new Map() };
  for (const one of ranked) {
    const [first, ...others] = pairsOf(one.rule);
    if (first === undefined) {
      found.withoutLabels.push(one);
      continue;
    }
    const rarest = others.reduce(
      (least, pair) => ((frequency.get(pair) ?? 0) < (frequency.get(least) ?? 0) ? pair : least),
      first,
    );
    add(found.byLabel, rarest, one);
  }
  return found;
}

/** Rules never change: another set is another array. */
const indexes = new WeakMap<readonly Rule[], RuleIndex>();

function indexOf(rules: readonly Rule[]): RuleIndex {
  const known = indexes.get(rules) ?? indexRules(rules);
  indexes.set(rules, known);
  return known;
}

/** The rule that takes the alert, disabled or not. */
function takerOf(alert: MatchableAlert, { byName, byAlert }: RuleIndex): Rule | undefined {
  const addressed = byName.get(label(alert, RULE_LABEL) ?? '')?.filter((rule) => carriesAll(alert, rule));
  // A rule that is named outright stands, even disabled.
  const [named] = addressed?.sort(byCloseness) ?? [];
  if (named) return named;
  const rules = byAlert.get(alert.name);
  if (!rules) return undefined;
  let [best] = rules.withoutLabels;
  if (rules.byLabel.size === 0) return best?.rule;
  for (const [name, value] of Object.entries(alert.labels)) {
    const first = rules.byLabel.get(pairKey(name, value))?.find(({ rule }) => carriesAll(alert, rule));
    if (first && (!best || first.rank < best.rank)) best = first;
  }
  return best?.rule;
}

/** The host in `host:port`, `[v6]:port` or a URL; anything else stays as it is. */
export function withoutPort(word: string): string {
  if (!/[/:]/.test(word)) return word;
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
 * @param rules - all rules, the disabled ones too. They are indexed once per array, which must not change afterwards.
 */
export function matchAlert(alert: MatchableAlert, rules: readonly Rule[]): RuleMatch {
  const rule = takerOf(alert, indexOf(rules));
  if (!rule) return { matched: false, reason: 'no_rule', text: `no rule takes the alert "${alert.name}"` };
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
