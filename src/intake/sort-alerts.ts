import type { Alert } from '../alerts/alert.js';
import type { IgnoredReason } from './answer.js';
import type { MatchedAlert, Rule } from '../rules/rule.js';

/** The alerts of one body that one rule takes. */
export interface MatchedPart {
  rule: Rule;
  /** For each alerting host the words under which the alert may name it, best first. */
  hosts: string[][];
  alerts: Alert[];
}

/** What the alerts of one body come to. */
export type SortedAlerts =
  { kind: 'parts'; parts: MatchedPart[] } | { kind: 'nothing'; reason: IgnoredReason; text: string };

/** When several alerts come to nothing for several reasons, the one that says most stands in the answer. */
const MOST_TELLING: readonly IgnoredReason[] = ['duplicate', 'no_host', 'rule_disabled', 'no_rule', 'resolved', 'test'];

/**
 * Sorts the alerts of one body by rule. Several alerts of one rule become one part, and so one plan.
 * @param isDuplicate - whether the same occurrence of an alert has been taken on, or is being looked at, since a moment ago.
 */
export function sortAlerts(alerts: readonly MatchedAlert[], isDuplicate: (alert: Alert) => boolean): SortedAlerts {
  const parts = new Map<string, MatchedPart & { known: Set<string> }>();
  const nothing = new Map<IgnoredReason, string>();

  for (const { alert, match } of alerts) {
    if (alert.state !== 'firing') {
      nothing.set(alert.state, alert.state === 'test' ? 'a test of the sender' : `alert ${alert.name} is resolved`);
      continue;
    }
    if (!match.matched) {
      nothing.set(match.reason, match.text);
      continue;
    }
    if (isDuplicate(alert)) {
      nothing.set('duplicate', `alert ${alert.name} came a moment ago already`);
      continue;
    }
    const part = parts.get(match.rule.name) ?? { rule: match.rule, hosts: [], alerts: [], known: new Set() };
    const words = match.hosts.join('\n');
    if (!part.known.has(words)) part.hosts.push(match.hosts);
    part.known.add(words);
    part.alerts.push(alert);
    parts.set(match.rule.name, part);
  }

  if (parts.size > 0) {
    return {
      kind: 'parts',
      parts: [...parts.values()].map(({ rule, hosts, alerts: taken }) => ({ rule, hosts, alerts: taken })),
    };
  }
  for (const reason of MOST_TELLING) {
    const text = nothing.get(reason);
    if (text !== undefined) return { kind: 'nothing', reason, text };
  }
  return { kind: 'nothing', reason: 'no_alerts', text: 'the body holds no alert' };
}
