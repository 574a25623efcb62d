import type { Alert } from './alert.js';
import { parseConditions, parseQuantity } from './condition.js';
import { decodeEntities } from './entities.js';
import { withoutRepeats } from './dedupe.js';
import { isRecord, labelsOf, namesHost, occurrenceKey, textOf } from './labels.js';
import type { BodyOf, ParsedAlerts } from './layout.js';
import { ifAny, isOf, layout, misfit, object, orNothing, text } from './layout.js';
import { linkIn } from './link.js';
import { metricName, stateOf } from './monitor-text.js';

const recovery = ifAny({ type: 'boolean' });

/** The monitor service's alert as data, its `NotificationTemplateConfig`. */
export const MONITOR_TEMPLATE = layout(
  'The structured form, as the body or as a JSON string under the key of the text',
  {
    name: orNothing(text),
    title: orNothing(text),
    start_time: ifAny({ type: 'string' }),
    level: ifAny({ type: 'string' }),
    resource_name: ifAny({ type: 'string' }),
    is_recovery: recovery,
    no_data: ifAny({ type: 'boolean' }),
    web_url: ifAny({ type: 'string' }),
  },
  {
    name: 'matches',
    isRequired: false,
    entry: {
      tags: orNothing(object),
      metric: orNothing(text),
      value: ifAny({ type: 'number' }),
      value_str: ifAny({ type: 'string' }),
      condition: ifAny({ type: 'string' }),
      is_recovery: recovery,
    },
  },
);
type Config = BodyOf<typeof MONITOR_TEMPLATE> & Record<string, unknown>;
type Match = NonNullable<Config['matches']>[number];

/** Whether an object is the monitor service's alert as data. */
export function isTemplateConfig(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && 'matches' in value && ('name' in value || 'title' in value);
}

/**
 * Reads the structured form of an alert.
 * @param at - where the object stands in the body, for messages: empty, or the key that holds it as a JSON string.
 * @returns one alert per match.
 */
export function parseTemplateConfig(config: unknown, at: string): ParsedAlerts {
  if (!isOf(MONITOR_TEMPLATE, config)) return misfit(MONITOR_TEMPLATE, config, at);
  const name = decodeEntities(textOf(config, 'name') ?? textOf(config, 'title') ?? '').trim();
  if (name === '') {
    const field = at === '' ? 'name' : `${at}.name`;
    return { ok: false, problems: [{ field, message: 'expected the name of the alert' }] };
  }
  const matches = config.matches ?? [];
  return {
    ok: true,
    alerts: withoutRepeats(matches.map((match) => readMatch(match, config, name, matches.length === 1))),
  };
}

function readMatch(match: Match & Record<string, unknown>, config: Config, name: string, single: boolean): Alert {
  const metric = match.metric ?? '';
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
    ...linkIn(config.web_url),
    key: occurrenceKey(['monitor', name, host, metric, startsAt ?? '']),
  };
}

/** What the alert itself says of its state; nothing where it leaves that to the value. */
function recovered(match: Match, config: Config): 'firing' | 'resolved' | undefined {
  // Without data there is no load that could be moved.
  if (match.is_recovery === true || config.is_recovery === true || config.no_data === true) return 'resolved';
  return match.is_recovery === false ? 'firing' : undefined;
}
