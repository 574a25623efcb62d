import type { Metrics } from '../fleet.js';
import type { InfluxSettings } from './influxdb.js';
import { createInfluxMetrics } from './influxdb.js';
import type { PrometheusSettings } from './prometheus.js';
import { createPrometheusMetrics } from './prometheus.js';
import type { StoreContext } from './store.js';

/** A metric store that stands beside the cloud. */
export type MetricStore =
  { kind: 'prometheus'; prometheus: PrometheusSettings } | { kind: 'influxdb'; influxdb: InfluxSettings };

/** Opens the metric store that was chosen. */
export function createMetrics(store: MetricStore, context: StoreContext): Metrics {
  switch (store.kind) {
    case 'prometheus':
      return createPrometheusMetrics(store.prometheus, context);
    case 'influxdb':
      return createInfluxMetrics(store.influxdb, context);
  }
}
