import type { Sender } from './alert.js';
import { ALERTMANAGER, parseAlertmanager } from './alertmanager.js';
import { GRAFANA_LEGACY } from './grafana-legacy.js';
import { GRAFANA, parseGrafana } from './grafana.js';
import type { Layout, ParsedAlerts } from './layout.js';
import type { MonitorOptions } from './monitor.js';
import { MONITOR, parseMonitor } from './monitor.js';
import { MONITOR_TEMPLATE } from './monitor-template.js';

/** The bodies of a sender: the layouts that they may have, and what reads them. */
export interface SenderBodies {
  layouts: readonly Layout[];
  parse: (body: unknown, options: MonitorOptions) => ParsedAlerts;
}

export const BODIES: Readonly<Record<Sender, SenderBodies>> = {
  monitor: { layouts: [MONITOR, MONITOR_TEMPLATE], parse: parseMonitor },
  grafana: { layouts: [GRAFANA, GRAFANA_LEGACY], parse: parseGrafana },
  alertmanager: { layouts: [ALERTMANAGER], parse: parseAlertmanager },
};
