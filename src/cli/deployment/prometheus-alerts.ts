/** An alert rule of Prometheus. */
interface AlertRule {
  alert: string;
  expr: string;
  /** How long it has to hold. */
  for?: string;
  severity: 'critical' | 'warning' | 'info';
  summary: string;
  description: string;
}

/** What is worth waking somebody, or telling them in the morning. */
const RULES: readonly AlertRule[] = [
  {
    alert: 'AutomigrateDown',
    expr: 'up{job=~".*automigrate.*"} == 0',
    for: '5m',
    severity: 'critical',
    summary: 'automigrate on {{ $labels.instance }} does not answer',
    description: 'Nothing is relieved meanwhile. Look at its log; what was under way is taken up at its start.',
  },
  {
    alert: 'AutomigrateCloudUnreachable',
    expr: 'automigrate_cloud_up == 0',
    for: '5m',
    severity: 'critical',
    summary: 'automigrate cannot ask the cloud',
    description: 'Alerts end in metrics_fail. GET /api/status says why.',
  },
  {
    alert: 'AutomigrateMetricsUnreachable',
    expr: 'automigrate_metrics_up == 0',
    for: '5m',
    severity: 'critical',
    summary: 'automigrate cannot ask the metric store',
    description: 'Alerts end in metrics_fail. GET /api/status says why.',
  },
  {
    alert: 'AutomigrateNotReady',
    expr: 'automigrate_problems > 0',
    for: '10m',
    severity: 'warning',
    summary: 'automigrate is not ready',
    description: 'GET /readyz says what is wrong: a rule file, the certificate or the journal.',
  },
  {
    alert: 'AutomigrateJournalFails',
    expr: 'increase(automigrate_journal_write_errors_total[10m]) > 0',
    severity: 'critical',
    summary: 'automigrate cannot write its journal',
    description: 'Alerts are answered 503. Is the disk full?',
  },
  {
    alert: 'AutomigrateHostNotRelieved',
    expr: 'automigrate_hosts_unrelieved > 0',
    for: '15m',
    severity: 'warning',
    summary: '{{ $value }} hosts of rule {{ $labels.rule }} stay over their threshold',
    description:
      'The last decision found no way, or waits for an approval; automigrate events {{ $labels.rule }} says why.',
  },
  {
    alert: 'AutomigrateMovesFail',
    expr: 'sum by (job, instance, rule) (increase(automigrate_moves_total{result=~"failed|error"}[1h])) >= 3',
    severity: 'warning',
    summary: 'Moves of rule {{ $labels.rule }} fail',
    description: '{{ $value | humanize }} within the hour; automigrate events {{ $labels.rule }} says why each.',
  },
  {
    alert: 'AutomigratePredictionsOff',
    expr: 'increase(automigrate_events_total{action="recommend_mode"}[1h]) > 0',
    severity: 'warning',
    summary: 'A rule of automigrate only recommends from now on',
    description: 'Its predictions were off three times in a row; the event recommend_mode names it.',
  },
  {
    alert: 'AutomigrateReadingsOld',
    expr: 'automigrate_readings_age_seconds > 900',
    severity: 'warning',
    summary: 'Readings that rule {{ $labels.rule }} decides on are old',
    description:
      'The oldest was {{ $value | humanizeDuration }} old at its last decision: an exporter may have stopped.',
  },
  {
    alert: 'AutomigrateDecisionsSlow',
    expr: 'histogram_quantile(0.9, sum by (job, instance, rule, le) (rate(automigrate_decision_duration_seconds_bucket[1h]))) > 60',
    for: '10m',
    severity: 'warning',
    summary: 'Decisions of rule {{ $labels.rule }} are slow',
    description: 'One in ten takes {{ $value | humanizeDuration }} or longer; cloud and store are asked in that time.',
  },
  {
    alert: 'AutomigrateBudgetSpent',
    expr: 'automigrate_budget_remaining_migrations == 0 or automigrate_budget_remaining_bytes == 0',
    for: '15m',
    severity: 'warning',
    summary: 'The budget of migrations of the {{ $labels.window }} is spent',
    description: 'What does not fit is left out, in the event limited.',
  },
  {
    alert: 'AutomigrateAlertsDropped',
    expr: 'sum by (job, instance, rule) (increase(automigrate_alerts_total{outcome="dropped"}[1h])) > 0 unless on (job, instance) automigrate_batch_running == 1',
    for: '1h',
    severity: 'info',
    summary: 'Alerts of rule {{ $labels.rule }} came while a batch moved guests',
    description: 'They are not looked at again unless DROPPED_ALERTS is look-again.',
  },
  {
    alert: 'AutomigratePlanWaits',
    expr: 'automigrate_plans_waiting > 0',
    for: '1h',
    severity: 'info',
    summary: '{{ $value }} plans of automigrate wait for an approval',
    description: 'automigrate plans shows them; they expire after a day.',
  },
  {
    alert: 'AutomigratePaused',
    expr: 'automigrate_paused == 1',
    for: '12h',
    severity: 'info',
    summary: 'automigrate has been paused for half a day',
    description: 'GET /api/status says by whom and why; automigrate resume ends it.',
  },
  {
    alert: 'AutomigrateNoticesFail',
    expr: 'sum by (job, instance, target) (increase(automigrate_notices_total{result=~"failed|dropped"}[1h])) > 0',
    severity: 'warning',
    summary: 'Notices to {{ $labels.target }} are not delivered',
    description: 'The log says why.',
  },
  {
    alert: 'AutomigrateStrangersAtTheDoor',
    expr: 'sum by (job, instance, door) (increase(automigrate_auth_failures_total[15m])) > 50',
    severity: 'warning',
    summary: 'Many requests without a valid credential at {{ $labels.door }}',
    description: 'A sender has the wrong secret, or somebody tries.',
  },
];

/** A rule file of Prometheus that watches automigrate itself. */
export function prometheusAlerts(): string {
  const rules = RULES.map((rule) => {
    const { alert, expr, severity, summary, description } = rule;
    return [
      `      - alert: ${alert}`,
      `        expr: ${quoted(expr)}`,
      ...(rule.for === undefined ? [] : [`        for: ${rule.for}`]),
      `        labels: { severity: ${severity} }`,
      '        annotations:',
      `          summary: ${quoted(summary)}`,
      `          description: ${quoted(description)}`,
    ].join('\n');
  });
  const head =
    '# Alert rules that watch automigrate itself; scrape its /metrics under a job that has automigrate in its name.\n';
  return `${head}groups:\n  - name: automigrate\n    rules:\n${rules.join('\n')}\n`;
}

/** A YAML scalar in single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
