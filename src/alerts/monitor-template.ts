import { MAX_ALERTS, tooMany } from './alert.js';
import type { Alert, AlertProblem } from './alert.js';
import { parseConditions, parseQuantity } from './condition.js';
import { decodeEntities } from './entities.js';
import { isRecord, labelsOf, namesHost, occurrenceKey, textOf } from './labels.js';
import { metricName, stateOf } from './monitor-text.js';

/** Whether an object is the monitor service's alert as data (its `NotificationTemplateConfig`). */
export function isTemplateConfig(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && 'matches' in value && ('name' in value || 'title' in value);
}

/**
 * Reads the structured form of an alert.
 * @param at - where the object stands in the body, for messages: empty, or the key that holds it as a JSON string.
 * @returns one alert per match.
 */
export function parseTemplateConfig(
  config: Record<string, unknown>,
  at: string,
): { alerts: Alert[]; problems: AlertProblem[] } {
  const path = (field: string): string => (at === '' ? field : `${at}.${field}`);
  const problems: AlertProblem[] = [];
  const name = decodeEntities(textOf(config, 'name') ?? textOf(config, 'title') ?? '').trim();
  if (name === '') problems.push({ field: path('name'), message: 'expected the name of the alert' });
  const matches: unknown = config.matches ?? [];
  if (!Array.isArray(matches)) {
    problems.push({ field: path('matches'), message: 'expected an array' });
    return { alerts: [], problems };
  }

  if (matches.length > MAX_ALERTS) return { alerts: [], problems: [tooMany(path('matches'))] };
  const alerts = matches.flatMap((match: unknown, index) => {
    if (isRecord(match)) return [readMatch(match, config, name, matches.length === 1)];
    problems.push({ field: path(`matches[${index}]`), message: 'expected an object' });
    return [];
  });
  return problems.length > 0 ? { alerts: [], problems } : { alerts, problems };
}

function readMatch(
  match: Record<string, unknown>,
  config: Record<string, unknown>,
  name: string,
  single: boolean,
): Alert {
  const metric = textOf(match, 'metric') ?? '';
  const known = metricName(metric);
  const told = parseQuantity(decodeEntities(textOf(match, 'value_str') ?? ''));
  const exact = typeof match.value === 'number' && Number.isFinite(match.value) ? match.value : told?.value;
  const level = textOf(config, 'level');
  const labels: Record<string, string> = {
    ...(level ? { level } : {}),
    ...(metric ? { metric } : {}),
    ...labelsOf(match.tags),
  };
  const resource = textOf(config, 'resource_name');
  if (!namesHost(labels) && single && resource) labels.host = resource;

  const conditions = parseConditions(decodeEntities(textOf(match, 'condition') ?? ''));
  const value = told ?? (exact === undefined ? undefined : { value: exact, unit: '' });
  const startsAt = textOf(config, 'start_time');
  const host = ['host', 'host_name', 'host_id'].map((label) => textOf(labels, label)).find(Boolean) ?? '';
  return {
    sender: 'monitor',
    name,
    state: recovered(match, config) ?? stateOf(value, metric, conditions),
    labels,
    ...(known ? { metric: known } : {}),
    ...(exact === undefined ? {} : { value: exact }),
    ...(startsAt ? { startsAt } : {}),
    key: occurrenceKey(['monitor', name, host, metric, startsAt ?? '']),
  };
}

/** What the alert itself says of its state; nothing where it leaves that to the value. */
function recovered(match: Record<string, unknown>, config: Record<string, unknown>): 'firing' | 'resolved' | undefined {
  // Without data there is no load that could be moved.
  if (match.is_recovery === true || config.is_recovery === true || config.no_data === true) return 'resolved';
  return match.is_recovery === false ? 'firing' : undefined;
}
