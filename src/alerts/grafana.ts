import type { Alert } from './alert.js';
import { ALERT, NOTIFICATION, readAlerts } from './alertmanager.js';
import { isLegacyGrafana, parseGrafanaLegacy } from './grafana-legacy.js';
import { isRecord, textOf } from './labels.js';
import type { BodyOf, ParsedAlerts } from './layout.js';
import { ifAny, isOf, layout, misfit } from './layout.js';
import { linkIn } from './link.js';

/** Alerts that Grafana makes by itself where a rule's query gives nothing; the rule's name then stands in `rulename`. */
const WITHOUT_DATA = ['DatasourceNoData', 'DatasourceError'];
/** Why a rule fires though its threshold is not passed: it is set to alert where there is no data, or an error. */
const REASONS_WITHOUT_DATA = /\b(NoData|Error)\b/;

/** Unified alerting: Alertmanager's notification and more. */
export const GRAFANA = layout(
  'Unified alerting',
  {
    ...NOTIFICATION,
    groupKey: ifAny({ type: 'string', description: 'A real one begins with {; that of the Test button does not' }),
  },
  {
    name: 'alerts',
    isRequired: true,
    entry: {
      ...ALERT,
      annotations: ifAny({ type: 'object', properties: { grafana_state_reason: { type: 'string' } } }),
      dashboardURL: ALERT.generatorURL,
      panelURL: ALERT.generatorURL,
    },
  },
);
type Entry = NonNullable<BodyOf<typeof GRAFANA>['alerts']>[number];

/**
 * Reads a notification of Grafana: unified alerting, or the legacy alerting of versions before 11.
 * @param body - the parsed JSON, whatever it is.
 * @returns one alert per entry of `alerts` or `evalMatches`.
 */
export function parseGrafana(body: unknown): ParsedAlerts {
  if (isLegacyGrafana(body)) return parseGrafanaLegacy(body);
  if (!isOf(GRAFANA, body)) return misfit(GRAFANA, body);
  const isTest = isTestGroup(body.groupKey);
  return readAlerts(body, 'grafana', (read, entry) => {
    const alert = { ...read, ...linkIn(entry.panelURL, entry.dashboardURL, entry.generatorURL) };
    if (isTest || isTestButton(alert.labels)) return { ...alert, state: 'test' };
    return isWithoutData(alert, entry) ? withoutData(alert) : alert;
  });
}

/** The labels that a contact point's Test button sends of itself; they can be edited there. */
function isTestButton(labels: Record<string, string>): boolean {
  return labels.alertname === 'TestAlert' && labels.instance === 'Grafana';
}

/** The Test button makes up a group key, `<name>-<fingerprint>-<unix seconds>`; those of real groups begin with `{`. */
function isTestGroup(groupKey: unknown): boolean {
  return typeof groupKey === 'string' && /^[^{].*-[\da-f]+-\d+$/s.test(groupKey);
}

function isWithoutData({ name }: Alert, { annotations }: Entry): boolean {
  const reason = isRecord(annotations) ? textOf(annotations, 'grafana_state_reason') : undefined;
  return WITHOUT_DATA.includes(name) || (reason !== undefined && REASONS_WITHOUT_DATA.test(reason));
}

/** Without data a rule says nothing about load: there is nothing to relieve. It keeps the name that the operator knows. */
function withoutData(alert: Alert): Alert {
  return { ...alert, name: textOf(alert.labels, 'rulename') ?? alert.name, state: 'resolved' };
}
