import { durationText } from '../common/units.js';
import { FAILURES_LOOK_BACK_MS, lookBackMs, recentMoves } from '../constraints/index.js';
import type { Known } from '../decide/decision.js';
import type { BudgetTime } from '../decide/migration-budgets.js';
import { BUDGET_LOOK_BACK_MS } from '../decide/migration-budgets.js';
import { withDefaults } from '../decide/rule-defaults.js';
import type { EventAction } from '../journal/events.js';
import type { BatchRecord, Journal } from '../journal/journal.js';
import { isUnderWay } from '../migration/move-record.js';
import type { Rule } from '../rules/rule.js';

/** Rows that tell of a migration. */
const OF_MIGRATIONS: readonly EventAction[] = ['migrating', 'migrate_success', 'migrate_fail', 'migrate_error'];

/** How far back a decision by a rule looks into the journal, ms. */
export function lookBackOf(rule: Rule): number {
  return Math.max(FAILURES_LOOK_BACK_MS, lookBackMs(withDefaults(rule).cooldownMs, rule.periodMs));
}

/**
 * Why events have to be kept for longer than it was set: decisions look further back. undefined if it is long enough.
 * @param retentionMs - how long they are kept, ms.
 */
export function retentionProblem(retentionMs: number, rules: readonly Rule[]): string | undefined {
  const longest = rules.reduce<Rule | undefined>(
    (best, rule) => (best && lookBackOf(best) >= lookBackOf(rule) ? best : rule),
    undefined,
  );
  const needed = longest ? lookBackOf(longest) : FAILURES_LOOK_BACK_MS;
  if (retentionMs >= needed) return undefined;
  const why = longest && needed > FAILURES_LOOK_BACK_MS ? `rule ${longest.name}` : 'moves that failed';
  return `RETENTION: ${durationText(retentionMs)} is too short, ${durationText(needed)} are looked back at for ${why}`;
}

/**
 * Reads, once, what the journal knows that a decision goes by. Rows from the future, which a clock that was ahead has left,
 * tell nothing: their age is unknown, and nothing may be bound until that date comes.
 * @param now - ms since the epoch.
 */
export async function readKnown(
  journal: Pick<Journal, 'events' | 'memory'>,
  rule: Rule,
  { migrations }: Pick<BatchRecord, 'migrations'>,
  now: number,
): Promise<Known> {
  const { standings, underWay } = journal.memory();
  const rows = await journal.events({ action: OF_MIGRATIONS, since: now - lookBackOf(rule) });
  const attempts = rows.filter(({ ops_time }) => Date.parse(ops_time) <= now);
  return {
    attempts,
    moves: recentMoves(attempts),
    underWay: [...migrations.filter(isUnderWay), ...underWay].map(({ notes: { guest, target_host: target } }) => ({
      guestId: guest.id,
      sourceId: guest.host_id,
      targetId: target.id,
    })),
    ruleState: standings[rule.name],
  };
}

/**
 * What budgets are measured by, as the journal has it now.
 * @param now - ms since the epoch.
 */
export async function budgetTime(journal: Pick<Journal, 'events' | 'memory'>, now: number): Promise<BudgetTime> {
  const rows = await journal.events({ action: 'migrating', since: now - BUDGET_LOOK_BACK_MS });
  const events = rows.filter(({ ops_time }) => Date.parse(ops_time) <= now);
  return { events, guests: journal.memory().guests, now };
}
