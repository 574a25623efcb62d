import { MAX_ALERTS, tooMany } from './alert.js';
import type { Alert, AlertProblem, ParsedAlerts } from './alert.js';
import { withoutRepeats } from './dedupe.js';
import { isRecord, labelsOf, namesHost, occurrenceKey, sortedLabels, textOf } from './labels.js';

/** The states of legacy alerting. */
export const LEGACY_STATES = ['alerting', 'ok', 'no_data', 'paused', 'pending'] as const;

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
export function parseGrafanaLegacy(body: Record<string, unknown>): ParsedAlerts {
  const problems: AlertProblem[] = [];
  const name = textOf(body, 'ruleName');
  if (name === undefined) problems.push({ field: 'ruleName', message: 'expected a string' });
  if (!LEGACY_STATES.some((state) => state === body.state)) {
    problems.push({ field: 'state', message: `expected one of ${LEGACY_STATES.join(', ')}` });
  }
  const list: unknown = body.evalMatches ?? [];
  const matches = Array.isArray(list) ? list.filter(isRecord) : [];
  if (!Array.isArray(list)) {
    problems.push({ field: 'evalMatches', message: 'expected an array' });
  } else if (matches.length < list.length) {
    const index = list.findIndex((match) => !isRecord(match));
    problems.push({ field: `evalMatches[${index}]`, message: 'expected an object' });
  }
  if (matches.length > MAX_ALERTS) problems.push(tooMany('evalMatches'));
  if (name === undefined || problems.length > 0) return { ok: false, problems };

  const isTest =
    name === 'Test notification' && matches.every((match) => Object.keys(labelsOf(match.tags)).length === 0);
  // Without data, or while it is paused or only pending, a rule says nothing about load: there is nothing to relieve.
  const state = isTest ? 'test' : body.state === 'alerting' ? 'firing' : 'resolved';
  const rule = ['grafana', ...[body.orgId, body.ruleId].map((id) => (typeof id === 'number' ? `${id}` : '')), name];
  const alerts = (matches.length > 0 ? matches : [{}]).map((match): Alert => {
    const labels = { ...labelsOf(body.tags), ...labelsOf(match.tags) };
    const series = textOf(match, 'metric');
    if (!namesHost(labels) && series) labels.host = series;
    return {
      sender: 'grafana',
      name,
      state,
      labels,
      ...finiteValue(match.value),
      // This layout tells no start: a repeated notification looks like the first.
      key: occurrenceKey([...rule, series ?? '', sortedLabels(labels)]),
    };
  });
  return { ok: true, alerts: withoutRepeats(alerts) };
}
