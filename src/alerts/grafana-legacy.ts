import type { Alert } from './alert.js';
import { withoutRepeats } from './dedupe.js';
import { isRecord, labelsOf, namesHost, occurrenceKey, sortedLabels } from './labels.js';
import type { ParsedAlerts } from './layout.js';
import { ifAny, isOf, layout, misfit, object, oneOf, orNothing, text, word } from './layout.js';
import { linkIn } from './link.js';

const STATES = ['alerting', 'ok', 'no_data', 'paused', 'pending'] as const;

/** Legacy alerting. */
export const GRAFANA_LEGACY = layout(
  'Legacy alerting, of versions before 11',
  {
    ruleName: word,
    state: oneOf(`one of ${STATES.join(', ')}`, STATES),
    tags: orNothing(object),
    ruleId: ifAny({ type: 'integer' }),
    orgId: ifAny({ type: 'integer' }),
    ruleUrl: ifAny({ type: 'string' }),
  },
  {
    name: 'evalMatches',
    isRequired: false,
    entry: { tags: orNothing(object), metric: orNothing(text), value: ifAny({ type: ['number', 'null'] }) },
  },
);

/** JSON can write a number that is too large to be one. */
function finiteValue(value: unknown): { value?: number } {
  return typeof value === 'number' && Number.isFinite(value) ? { value } : {};
}

/** Whether a body is of the legacy layout: it tells a rule and has no list of alerts. */
export function isLegacyGrafana(body: unknown): body is Record<string, unknown> {
  return isRecord(body) && !('alerts' in body) && ('ruleName' in body || 'ruleId' in body || 'evalMatches' in body);
}

/**
 * Reads a notification of legacy alerting.
 * @returns one alert per match with the match's tags as labels; one without a match's tags if there is no match.
 */
export function parseGrafanaLegacy(body: unknown): ParsedAlerts {
  if (!isOf(GRAFANA_LEGACY, body)) return misfit(GRAFANA_LEGACY, body);
  const name = body.ruleName;
  const matches = body.evalMatches ?? [];
  const isTest =
    name === 'Test notification' && matches.every((match) => Object.keys(labelsOf(match.tags)).length === 0);
  // Without data, or while it is paused or only pending, a rule says nothing about load: there is nothing to relieve.
  const state = isTest ? 'test' : body.state === 'alerting' ? 'firing' : 'resolved';
  const rule = ['grafana', ...[body.orgId, body.ruleId].map((id) => (typeof id === 'number' ? `${id}` : '')), name];
  const alerts = (matches.length > 0 ? matches : [{} as (typeof matches)[number]]).map((match): Alert => {
    const labels = { ...labelsOf(body.tags), ...labelsOf(match.tags) };
    const series = match.metric;
    if (!namesHost(labels) && series) labels.host = series;
    return {
      sender: 'grafana',
      name,
      state,
      labels,
      ...finiteValue(match.value),
      ...linkIn(body.ruleUrl),
      // This layout tells no start: a repeated notification looks like the first.
      key: occurrenceKey([...rule, series ?? '', sortedLabels(labels)]),
    };
  });
  return { ok: true, alerts: withoutRepeats(alerts) };
}
