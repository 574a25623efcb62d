import { FAILURES_LOOK_BACK_MS, lookBackMs, recentMoves } from '../constraints/index.js';
import type { Known } from '../decide/decision.js';
import { withDefaults } from '../decide/rule-defaults.js';
import type { EventAction } from '../journal/events.js';
import type { BatchRecord, Journal } from '../journal/journal.js';
import type { Rule } from '../rules/rule.js';

/** Rows that tell of a migration. */
const OF_MIGRATIONS: readonly EventAction[] = ['migrating', 'migrate_success', 'migrate_fail', 'migrate_error'];

/**
 * Reads, once, what the journal knows that a decision goes by. Rows from the future, which a clock that was ahead has left,
 * tell nothing: their age is unknown, and nothing may be bound until that date comes.
 * @param now - ms since the epoch.
 */
export async function readKnown(
  journal: Pick<Journal, 'events' | 'memory'>,
  rule: Rule,
  batch: Pick<BatchRecord, 'migrations'>,
  now: number,
): Promise<Known> {
  const { cooldownMs } = withDefaults(rule);
  const since = now - Math.max(FAILURES_LOOK_BACK_MS, lookBackMs(cooldownMs, rule.periodMs));
  const rows = await journal.events({ action: OF_MIGRATIONS, since });
  const attempts = rows.filter(({ ops_time }) => Date.parse(ops_time) <= now);
  return {
    attempts,
    moves: recentMoves(attempts),
    underWay: batch.migrations.flatMap(({ phase, notes }) =>
      phase === 'asking' || phase === 'moving'
        ? [{ guestId: notes.guest.id, sourceId: notes.guest.host_id, targetId: notes.target_host.id }]
        : [],
    ),
    standing: journal.memory().standings[rule.name],
  };
}
