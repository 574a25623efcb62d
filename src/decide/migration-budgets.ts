import { parseBytes } from '../common/units.js';
import type { JournalEvent, MigrationNotes } from '../journal/events.js';
import { migrationOf } from '../journal/events.js';
import type { MigrationRecord } from '../journal/journal.js';
import type { Rule } from '../rules/rule.js';

const HOUR_MS = 3_600_000;
/** So far back what was started counts, ms. */
export const BUDGET_LOOK_BACK_MS = 24 * HOUR_MS;
const MIB = 1024 ** 2;
/** A share of a small fleet is less than one relief takes: so many moves a day it always allows. */
const LEAST_OF_SHARE = 20;

/** What all rules together may start; absent where nothing limits it. */
export interface MigrationBudget {
  /** Within an hour. */
  migrations?: number;
  /** MiB within an hour. */
  memoryMib?: number;
  /** Within a day. */
  migrationsPerDay?: number;
  /** Within a day, as a share of the fleet's guests, %. */
  guestsPerDay?: number;
}

/** How much of the common budget is used: migrations. `limit` is null where nothing limits them. */
export interface BudgetUse {
  hour: { used: number; limit: number | null };
  day: { used: number; limit: number | null };
}

/** What the budgets are measured by. */
export interface BudgetTime {
  /** Events of migrations, those of the last day at least: what was started is counted in them, so that a restart forgets nothing. */
  events: readonly JournalEvent[];
  /** How many guests the fleet has; undefined before it was ever looked at. */
  guests: number | undefined;
  /** ms since the epoch. */
  now: number;
}

/** One bound, and what has been taken from it. */
interface Account {
  /** `the budget of all rules is 100 migrations an hour`. */
  text: string;
  /** Whose moves count; absent: those of all rules. */
  rule?: string;
  lastMs: number;
  limit: number;
  used: number;
  /** What a move takes, by its guest's memory in MiB. */
  takes: (memoryMib: number) => number;
}

const oneEach = () => 1;
const itsMemory = (memoryMib: number) => memoryMib;

/** The bound of a day, and in words where it comes from. */
export function dayLimit(
  budget: MigrationBudget,
  guests: number | undefined,
): { limit: number; text: string } | undefined {
  const { migrationsPerDay = Infinity, guestsPerDay: percent } = budget;
  const share =
    percent === undefined || guests === undefined
      ? Infinity
      : Math.max(LEAST_OF_SHARE, Math.ceil((guests * percent) / 100));
  const limit = Math.min(migrationsPerDay, share);
  if (limit === Infinity) return undefined;
  const from = share < migrationsPerDay ? ` (${percent} % of ${guests} guests, at least ${LEAST_OF_SHARE})` : '';
  return { limit, text: `${limit} migrations a day${from}` };
}

function accountsOf(rule: Pick<Rule, 'name' | 'limits'>, overall: MigrationBudget, time: BudgetTime): Account[] {
  const accounts: Account[] = [];
  const open = (account: Omit<Account, 'used' | 'limit'> & { limit: number | undefined }) => {
    const { limit } = account;
    if (limit !== undefined) accounts.push({ ...account, limit, used: 0 });
  };
  const { name, limits } = rule;
  const bytes = limits.memoryPerHour === undefined ? undefined : parseBytes(limits.memoryPerHour);
  const own = { migrations: limits.migrationsPerHour, memoryMib: bytes === undefined ? undefined : bytes / MIB };
  const hourly = [
    { whose: `rule ${name}`, only: { rule: name }, budget: own },
    { whose: 'all rules', only: {}, budget: overall },
  ];
  for (const { whose, only, budget } of hourly) {
    const base = { ...only, lastMs: HOUR_MS };
    const is = `the budget of ${whose} is`;
    const { migrations, memoryMib } = budget;
    open({ ...base, text: `${is} ${migrations} migrations an hour`, limit: migrations, takes: oneEach });
    open({ ...base, text: `${is} ${memoryMib} MiB an hour`, limit: memoryMib, takes: itsMemory });
  }
  const day = dayLimit(overall, time.guests);
  const text = `the budget of all rules is ${day?.text}`;
  open({ text, lastMs: BUDGET_LOOK_BACK_MS, limit: day?.limit, takes: oneEach });
  for (const event of time.events) {
    const notes = event.action === 'migrating' ? migrationOf(event) : undefined;
    if (!notes) continue;
    const age = time.now - Date.parse(event.ops_time);
    for (const account of accounts) {
      const isMeant = account.rule === undefined || account.rule === event.obj_name;
      if (isMeant && age < account.lastMs) account.used += account.takes(notes.guest.vmem_size);
    }
  }
  return accounts;
}

/** What fits into the budgets, in the order of the plan, and what was cut off. */
export interface Cut {
  kept: MigrationRecord[];
  /** Absent if nothing was cut off. */
  limited?: { text: string; left_out: MigrationNotes[] };
}

/** Cuts a plan to what the budgets of its rule and of the whole service leave for now. */
export function cutToBudget(
  planned: readonly MigrationRecord[],
  rule: Pick<Rule, 'name' | 'limits'>,
  overall: MigrationBudget,
  time: BudgetTime,
): Cut {
  const accounts = accountsOf(rule, overall, time);
  const kept: MigrationRecord[] = [];
  const leftOut: MigrationNotes[] = [];
  const reasons = new Set<string>();
  for (const migration of planned) {
    const size = migration.notes.guest.vmem_size;
    const over = accounts.filter(({ used, limit, takes }) => used + takes(size) > limit);
    if (over.length > 0) {
      leftOut.push(migration.notes);
      for (const { text } of over) reasons.add(text);
      continue;
    }
    for (const account of accounts) account.used += account.takes(size);
    kept.push(migration);
  }
  if (leftOut.length === 0) return { kept };
  const names = leftOut.map(({ guest, target_host }) => `${guest.name} to ${target_host.name}`).join(', ');
  return { kept, limited: { text: `left out: ${names}; ${[...reasons].join('; ')}`, left_out: leftOut } };
}

/** Why one more move would pass a budget, looked at when it is about to begin; undefined if it would not. */
export function overBudget(
  { notes }: MigrationRecord,
  rule: Pick<Rule, 'name' | 'limits'>,
  overall: MigrationBudget,
  time: BudgetTime,
): string | undefined {
  const size = notes.guest.vmem_size;
  const over = accountsOf(rule, overall, time).filter(({ used, limit, takes }) => used + takes(size) > limit);
  return over.length > 0 ? over.map(({ text }) => text).join('; ') : undefined;
}

/** How much of the common budget is used. */
export function budgetUse(budget: MigrationBudget, { events, guests, now }: BudgetTime): BudgetUse {
  const within = (ms: number) =>
    events.filter(({ action, ops_time }) => action === 'migrating' && now - Date.parse(ops_time) < ms).length;
  return {
    hour: { used: within(HOUR_MS), limit: budget.migrations ?? null },
    day: { used: within(BUDGET_LOOK_BACK_MS), limit: dayLimit(budget, guests)?.limit ?? null },
  };
}
