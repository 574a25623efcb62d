import { outsideWindows } from '../common/time-windows.js';
import type { EventAction, EventWithText } from '../journal/events.js';
import { modeOf, pausedUntil } from '../verification/rule-mode.js';
import type { DecidePartDeps } from './decide-part.js';
import { budgetTime } from './known.js';
import type { RuleStatus } from './views.js';
import { pauseText } from './windows-and-pauses.js';

/** What a rule comes to. */
const RESULTS: readonly EventAction[] = [
  'migrate_success',
  'migrate_fail',
  'migrate_error',
  'find_result_fail',
  'partial',
  'not_needed',
  'metrics_fail',
  'decision_fail',
  'recommended',
  'limited',
  'foreign_move',
  'verified',
  'recommend_mode',
];
/** So many of the last rows are looked through: a rule that is in none of them has been quiet for long. */
const MOST_ROWS = 2000;

/** How each rule stands now. */
export async function ruleStatuses({
  rules,
  journal,
  clock,
  mode,
}: Pick<DecidePartDeps, 'rules' | 'journal' | 'clock' | 'mode'>): Promise<RuleStatus[]> {
  const now = clock.now();
  const [rows, { events }] = await Promise.all([
    journal.events({ action: RESULTS, limit: MOST_ROWS }),
    budgetTime(journal, now),
  ]);
  const last = new Map(rows.map((row) => [row.obj_name, row]));
  const started = (name: string) =>
    events.filter((row) => row.obj_name === name && now - Date.parse(row.ops_time) < 3_600_000).length;
  const memory = journal.memory();
  return rules().map((rule): RuleStatus => {
    const { name, enabled, windows, limits } = rule;
    const until = pausedUntil(memory, name, now);
    const outside = outsideWindows(windows, now);
    return {
      name,
      enabled,
      ...modeOf(rule, memory.standings[name], mode),
      ...(until !== undefined && {
        paused: { until: new Date(until).toISOString(), why: pauseText(name, until) },
      }),
      window: { open: outside === undefined, ...(outside !== undefined && { why: outside }) },
      budget: { hour: { used: started(name), limit: limits.migrationsPerHour ?? null } },
      ...lastOf(last.get(name)),
    };
  });
}

function lastOf(row: EventWithText | undefined): Pick<RuleStatus, 'last'> {
  if (!row) return {};
  const { ops_time: at, action, text, batch } = row;
  return { last: { at, action, text, ...(batch !== undefined && { batch }) } };
}
