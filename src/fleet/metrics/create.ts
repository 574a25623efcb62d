import type { Metrics } from '../fleet.js';
import type { InfluxSettings } from './influxdb.js';
import { createInfluxMetrics } from './influxdb.js';
import type { PrometheusSettings } from './prometheus.js';
import { createPrometheusMetrics } from './prometheus.js';
import type { StoreContext } from './store.js';

/** Where the readings come from. */
export type MetricsSettings =
  | { kind: 'cloud' }
  | { kind: 'prometheus'; prometheus: PrometheusSettings }
  | { kind: 'influxdb'; influxdb: InfluxSettings };

/**
 * Makes the metric store that was chosen.
 * @param own - the cloud's own readings.
 */
export function createMetrics(settings: MetricsSettings, own: Metrics, context: StoreContext): Metrics {
  switch (settings.kind) {
    case 'cloud':
      return own;
    case 'prometheus':
      return createPrometheusMetrics(settings.prometheus, context);
    case 'influxdb':
      return createInfluxMetrics(settings.influxdb, context);
  }
}
