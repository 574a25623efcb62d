import type { ParsedAlerts } from './alert.js';
import { parseAlertList } from './alertmanager.js';
import { isLegacyGrafana, parseGrafanaLegacy } from './grafana-legacy.js';

/**
 * Reads a notification of Grafana: unified alerting, or the legacy alerting of versions before 11.
 * @param body - the parsed JSON, whatever it is.
 * @returns one alert per entry of `alerts` or `evalMatches`; or every fault with its field.
 */
export function parseGrafana(body: unknown): ParsedAlerts {
  if (isLegacyGrafana(body)) return parseGrafanaLegacy(body);
  return parseAlertList(body, 'grafana', isTestButton);
}

/** The Test button of a contact point sends a firing alert with these labels. */
function isTestButton(labels: Record<string, string>): boolean {
  return labels.alertname === 'TestAlert' && labels.instance === 'Grafana';
}
