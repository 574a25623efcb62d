import { durationText, parseDuration } from '../../common/units.js';
import type { AlertingRule } from '../../fleet/fleet.js';
import { HOST_LABELS, matchAlert } from '../../rules/match.js';
import type { Rule } from '../../rules/rule.js';
import type { Evidence, Finding } from './finding.js';
import { counted } from './finding.js';

/** What can be read off a query such as `avg_over_time(cpu[5m]) > 60`. */
export interface AlertCondition {
  /** The longest range of the query, ms; absent where it has none. */
  windowMs?: number;
  /** Absent where the query does not end with a comparison to a number. */
  bound?: { operator: '>' | '<'; threshold: number };
}

/** A wait of one look more is no matter, however short the period is, ms. */
const SHORT_WAIT_MS = 60_000;

/** Reads range and threshold off PromQL; what is written otherwise is left out, never guessed. */
export function conditionOf(query: string): AlertCondition {
  const bare = query.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
  const windows = [...bare.matchAll(/\[\s*((?:\d+(?:ms|[smhdwy]))+)\s*(?::[^\]]*)?\]/g)].flatMap(
    ([, text = '']) => durationMs(text) ?? [],
  );
  const [, operator, number = ''] = /([<>])=?\s*(?:bool\s+)?(\d[\d.]*(?:e[+-]?\d+)?)[\s)]*$/i.exec(bare) ?? [];
  const threshold = Number(number);
  const isOne = !/\b(?:and|or|unless)\b/i.test(bare) && Number.isFinite(threshold);
  return {
    ...(windows.length > 0 && { windowMs: Math.max(...windows) }),
    ...(isOne && (operator === '>' || operator === '<') && { bound: { operator, threshold } }),
  };
}

/** PromQL knows weeks and years too. */
function durationMs(text: string): number | undefined {
  const days = { w: 7, y: 365 } as const;
  return parseDuration(
    text.replaceAll(/(\d+)([wy])/g, (_all, count: string, unit: 'w' | 'y') => `${Number(count) * days[unit]}d`),
  );
}

/** Whether the alerts that the store raises itself still say what the rules say that take them. */
export function judgeAlerts({ rules: { rules }, store }: Pick<Evidence, 'rules' | 'store'>): Finding[] {
  if (!store?.alertingRules?.ok) return [];
  const hostLabels = [HOST_LABELS[0], ...rules.flatMap(({ match }) => match.hostLabel ?? [])];
  const pairs = store.alertingRules.value.flatMap((alert) => {
    const labels = { ...Object.fromEntries(hostLabels.map((label) => [label, 'a-host'])), ...alert.labels };
    const rule = rules.find((each) => each === takerOf({ name: alert.name, labels }, rules));
    return rule ? [{ alert, rule }] : [];
  });
  if (pairs.length === 0) return [];
  const remedy = `automigrate rules export --for prometheus prints alerts that fit the rules: load them into ${store.name}`;
  const wrong = pairs.flatMap(({ alert, rule }) => {
    const differences = differencesOf(alert, rule, store.scrapeIntervalMs);
    const text = `the alert ${alert.name} of ${store.name} does not fit the rule ${rule.name}: ${differences.join('; ')}`;
    return differences.length === 0 ? [] : [{ subject: 'rules' as const, verdict: 'wrong' as const, text, remedy }];
  });
  const fitting = pairs.length - wrong.length;
  const ok = { subject: 'rules' as const, verdict: 'ok' as const };
  return [
    ...(fitting > 0
      ? [
          {
            ...ok,
            text: `${counted(fitting, 'alert')} of ${store.name} ${fitting === 1 ? 'fits its rule' : 'fit their rules'}`,
          },
        ]
      : []),
    ...wrong,
  ];
}

function takerOf(alert: Parameters<typeof matchAlert>[0], rules: readonly Rule[]): Rule | undefined {
  const match = matchAlert(alert, rules);
  return match.matched ? match.rule : undefined;
}

function differencesOf({ query, forMs }: AlertingRule, rule: Rule, scrapeIntervalMs: number): string[] {
  const { windowMs = 0, bound } = conditionOf(query);
  const differences: string[] = [];
  const periodMs = Math.max(rule.periodMs, 2 * scrapeIntervalMs);
  const period = `the rule's period is ${durationText(periodMs)}`;
  const heldFor = forMs === 0 ? '' : ` held for ${durationText(forMs)}`;
  if (windowMs > periodMs) {
    differences.push(
      `it looks back over ${durationText(windowMs)}, ${period}: it comes late, and stays when the load is gone`,
    );
  } else if (windowMs + forMs < periodMs) {
    const over = windowMs === 0 ? 'it goes by single readings' : `it looks back over ${durationText(windowMs)}`;
    differences.push(
      `${over}${heldFor}, ${period}: it comes before the mean is past the threshold, and is answered not_needed`,
    );
  } else if (forMs > Math.max(periodMs, SHORT_WAIT_MS))
    differences.push(`it waits for ${durationText(forMs)} more, ${period}: it comes late`);
  if (!bound) return differences;
  const operator = rule.metric === 'cpu.usage_active' ? '>' : '<';
  if (bound.operator !== operator) {
    differences.push(
      `it fires where the value is ${bound.operator === '>' ? 'above' : 'below'} ${bound.threshold}, the rule acts ${operator === '>' ? 'above' : 'below'} ${rule.threshold}`,
    );
  } else if (!isSame(bound.threshold, rule)) {
    differences.push(`its threshold is ${bound.threshold}, the rule's ${rule.threshold}`);
  }
  return differences;
}

/** A query may give shares of 1, or of memory a percentage, where the rule has % and bytes. */
function isSame(threshold: number, rule: Rule): boolean {
  if (rule.metric === 'mem.available' && (rule.ofHostMemory === true || threshold <= 100)) return true;
  return threshold === rule.threshold || (threshold <= 1 && Math.abs(100 * threshold - rule.threshold) < 1e-9);
}
