const SOURCE = { type: 'prometheus', uid: '${datasource}' };

interface Panel {
  title: string;
  kind: 'stat' | 'timeseries';
  /** Queries with their legends. */
  queries: readonly (readonly [expr: string, legend: string])[];
  unit?: string;
  /** Of the 24 columns. */
  width: number;
}

const ONE = 'job=~"$job"';

const PANELS: readonly Panel[] = [
  {
    title: 'Cloud and metric store',
    kind: 'stat',
    width: 6,
    queries: [
      [`min(automigrate_cloud_up{${ONE}})`, 'cloud'],
      [`min(automigrate_metrics_up{${ONE}})`, 'metrics'],
    ],
  },
  {
    title: 'Hosts not relieved',
    kind: 'stat',
    width: 6,
    queries: [[`sum(automigrate_hosts_unrelieved{${ONE}})`, 'hosts']],
  },
  {
    title: 'Plans waiting, paused',
    kind: 'stat',
    width: 6,
    queries: [
      [`sum(automigrate_plans_waiting{${ONE}})`, 'plans'],
      [`max(automigrate_paused{${ONE}})`, 'paused'],
    ],
  },
  { title: 'Problems', kind: 'stat', width: 6, queries: [[`sum(automigrate_problems{${ONE}})`, 'problems']] },
  {
    title: 'Alerts by outcome',
    kind: 'timeseries',
    width: 12,
    queries: [[`sum by (outcome) (increase(automigrate_alerts_total{${ONE}}[$__rate_interval]))`, '{{outcome}}']],
  },
  {
    title: 'Moves by rule and result',
    kind: 'timeseries',
    width: 12,
    queries: [
      [`sum by (rule, result) (increase(automigrate_moves_total{${ONE}}[$__rate_interval]))`, '{{rule}} {{result}}'],
    ],
  },
  {
    title: 'Hosts over and not relieved, by rule',
    kind: 'timeseries',
    width: 12,
    queries: [[`sum by (rule) (automigrate_hosts_unrelieved{${ONE}})`, '{{rule}}']],
  },
  {
    title: 'Memory moved',
    kind: 'timeseries',
    width: 12,
    unit: 'bytes',
    queries: [[`sum by (rule) (increase(automigrate_moved_memory_bytes_total{${ONE}}[$__rate_interval]))`, '{{rule}}']],
  },
  {
    title: 'How long moves take',
    kind: 'timeseries',
    width: 12,
    unit: 's',
    queries: [0.5, 0.9].map(
      (q) =>
        [
          `histogram_quantile(${q}, sum by (le) (rate(automigrate_move_duration_seconds_bucket{${ONE}}[1h])))`,
          `${q * 100} %`,
        ] as const,
    ),
  },
  {
    title: 'How long decisions take',
    kind: 'timeseries',
    width: 12,
    unit: 's',
    queries: [0.5, 0.9].map(
      (q) =>
        [
          `histogram_quantile(${q}, sum by (le) (rate(automigrate_decision_duration_seconds_bucket{${ONE}}[1h])))`,
          `${q * 100} %`,
        ] as const,
    ),
  },
  {
    title: 'What predictions are off by',
    kind: 'timeseries',
    width: 12,
    unit: 'percentunit',
    queries: [
      [
        `histogram_quantile(0.9, sum by (le, rule) (rate(automigrate_prediction_error_ratio_bucket{${ONE}}[6h])))`,
        '{{rule}}',
      ],
    ],
  },
  {
    title: 'Age of readings',
    kind: 'timeseries',
    width: 12,
    unit: 's',
    queries: [[`max by (rule) (automigrate_readings_age_seconds{${ONE}})`, '{{rule}}']],
  },
  {
    title: 'Budget left: migrations',
    kind: 'timeseries',
    width: 12,
    queries: [[`min by (window) (automigrate_budget_remaining_migrations{${ONE}})`, '{{window}}']],
  },
  {
    title: 'Notices',
    kind: 'timeseries',
    width: 12,
    queries: [
      [
        `sum by (target, result) (increase(automigrate_notices_total{${ONE}}[$__rate_interval]))`,
        '{{target}} {{result}}',
      ],
      [`sum by (target) (automigrate_notices_waiting{${ONE}})`, '{{target}} waiting'],
    ],
  },
];

/** A dashboard for Grafana, to import; moves stand in it as annotations. */
export function grafanaDashboard(): string {
  let x = 0;
  let y = 0;
  const panels = PANELS.map(({ title, kind, queries, unit = 'short', width }, index) => {
    const height = kind === 'stat' ? 4 : 8;
    if (x + width > 24) {
      x = 0;
      y += PANELS[index - 1]?.kind === 'stat' ? 4 : 8;
    }
    const gridPos = { x, y, w: width, h: height };
    x += width;
    const targets = queries.map(([expr, legendFormat], number) => ({
      refId: String.fromCharCode(65 + number),
      datasource: SOURCE,
      expr,
      legendFormat,
    }));
    return {
      id: index + 1,
      type: kind,
      title,
      datasource: SOURCE,
      gridPos,
      targets,
      fieldConfig: { defaults: { unit }, overrides: [] },
    };
  });
  const moves = (name: string, iconColor: string, results: string) => ({
    name,
    datasource: SOURCE,
    enable: true,
    iconColor,
    expr: `sum by (rule) (increase(automigrate_moves_total{${ONE},result=~"${results}"}[1m])) > 0`,
    step: '60s',
    titleFormat: name,
    textFormat: '{{rule}}',
  });
  const dashboard = {
    uid: 'automigrate',
    title: 'automigrate',
    tags: ['automigrate'],
    schemaVersion: 39,
    editable: true,
    refresh: '1m',
    time: { from: 'now-24h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', type: 'datasource', query: 'prometheus', label: 'Data source' },
        {
          name: 'job',
          type: 'query',
          datasource: SOURCE,
          query: { query: 'label_values(automigrate_build_info, job)', refId: 'job' },
          includeAll: true,
          multi: true,
          current: { text: 'All', value: '$__all' },
          refresh: 2,
        },
      ],
    },
    annotations: { list: [moves('moved', 'green', 'succeeded'), moves('did not move', 'red', 'failed|error')] },
    panels,
  };
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}
