import { stringify } from 'yaml';
import type { Rule } from '../rule.js';
import type { AlertSource } from './alert-rules.js';
import { alertRuleOf } from './alert-rules.js';

/** How long a mean must stay past the threshold: it has waited for the window already, so this is one look more. */
const PENDING = '15s';

/** A rule file of Prometheus or vmalert: one alert for each rule. */
export function prometheusRules(rules: readonly Rule[], source: AlertSource): string {
  const alerts = rules.map((rule) => {
    const { name, mean, operator, threshold, labels, summary, description } = alertRuleOf(rule, source);
    return {
      alert: name,
      expr: `${mean} ${operator} ${threshold}`,
      for: PENDING,
      labels,
      annotations: { summary, description },
    };
  });
  const comment = [
    '# Alert rules for Prometheus or vmalert, made from the rules of automigrate: `automigrate rules export --for prometheus`.',
    "# The window of each alert is its rule's period: change it there, and export again.",
  ];
  return `${comment.join('\n')}\n${stringify({ groups: [{ name: 'automigrate', rules: alerts }] }, { lineWidth: 0 })}`;
}
