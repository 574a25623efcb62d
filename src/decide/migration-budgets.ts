import type { MigrationRecord } from '../journal/journal.js';
import type { JournalEvent, MigrationNotes } from '../journal/events.js';
import type { Rule } from '../rules/rule.js';
import { parseBytes } from '../common/units.js';
import { migrationOf } from '../journal/events.js';

const HOUR_MS = 3_600_000;
const MIB = 1024 ** 2;

/** What may be started within an hour; absent where nothing limits it. */
export interface MigrationBudget {
  migrations?: number;
  /** MiB. */
  memoryMib?: number;
}

/** The hourly budget of a rule. */
export function budgetOf({ limits }: Pick<Rule, 'limits'>): MigrationBudget {
  const bytes = limits.memoryPerHour === undefined ? undefined : parseBytes(limits.memoryPerHour);
  return {
    ...(limits.migrationsPerHour !== undefined && { migrations: limits.migrationsPerHour }),
    ...(bytes !== undefined && { memoryMib: bytes / MIB }),
  };
}

/** A budget and what has been taken from it. */
interface Account {
  name: string;
  budget: MigrationBudget;
  migrations: number;
  memoryMib: number;
}

/** What fits into the budgets, in the order of the plan, and what was cut off. */
export interface Cut {
  kept: MigrationRecord[];
  /** Absent if nothing was cut off. */
  limited?: { text: string; left_out: MigrationNotes[] };
}

/**
 * Cuts a plan to what the budgets of its rule and of the whole service leave for this hour.
 * @param events - at least those of the last hour: what was started is counted in them, so that a restart forgets nothing.
 * @param now - ms since the epoch.
 */
export function cutToBudget(
  planned: readonly MigrationRecord[],
  rule: Pick<Rule, 'name' | 'limits'>,
  overall: MigrationBudget,
  events: readonly JournalEvent[],
  now: number,
): Cut {
  const accounts: Account[] = [
    { name: `rule ${rule.name}`, budget: budgetOf(rule), migrations: 0, memoryMib: 0 },
    { name: 'all rules', budget: overall, migrations: 0, memoryMib: 0 },
  ];
  const book = (account: Account | undefined, memoryMib: number) => {
    if (!account) return;
    account.migrations += 1;
    account.memoryMib += memoryMib;
  };
  for (const event of events) {
    const notes = event.action === 'migrating' ? migrationOf(event) : undefined;
    if (!notes || Date.parse(event.ops_time) <= now - HOUR_MS) continue;
    if (event.obj_name === rule.name) book(accounts[0], notes.guest.vmem_size);
    book(accounts[1], notes.guest.vmem_size);
  }

  const kept: MigrationRecord[] = [];
  const leftOut: MigrationNotes[] = [];
  const reasons = new Set<string>();
  for (const migration of planned) {
    const size = migration.notes.guest.vmem_size;
    const over = accounts.flatMap((account) => obstacles(account, size));
    if (over.length > 0) {
      leftOut.push(migration.notes);
      for (const reason of over) reasons.add(reason);
      continue;
    }
    for (const account of accounts) book(account, size);
    kept.push(migration);
  }
  if (leftOut.length === 0) return { kept };
  const names = leftOut.map(({ guest, target_host }) => `${guest.name} to ${target_host.name}`).join(', ');
  return { kept, limited: { text: `left out: ${names}; ${[...reasons].join('; ')}`, left_out: leftOut } };
}

function obstacles({ name, budget, migrations, memoryMib }: Account, size: number): string[] {
  const reasons: string[] = [];
  if (budget.migrations !== undefined && migrations + 1 > budget.migrations) {
    reasons.push(`the budget of ${name} is ${budget.migrations} migrations an hour`);
  }
  if (budget.memoryMib !== undefined && memoryMib + size > budget.memoryMib) {
    reasons.push(`the budget of ${name} is ${budget.memoryMib} MiB an hour`);
  }
  return reasons;
}
