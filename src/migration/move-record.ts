import type { Concern } from '../fleet/fleet.js';
import type { MigrationNotes, NewEvent } from '../journal/events.js';
import type { BatchRecord, JournalChange, MigrationRecord } from '../journal/journal.js';
import type { Memory } from '../journal/memory.js';
import type { CarryOutOptions } from './carry-out-options.js';

/** Phases after which a move is no longer touched. */
const ENDED: readonly MigrationRecord['phase'][] = ['succeeded', 'failed', 'error', 'given_up'];

export function hasEnded({ phase }: MigrationRecord): boolean {
  return ENDED.includes(phase);
}

/** Whether the cloud has been asked for a move that has not ended. */
export function isUnderWay({ phase }: MigrationRecord): boolean {
  return phase === 'asking' || phase === 'moving';
}

/** What is kept together with the record of a batch. */
type Change = Pick<JournalChange, 'events' | 'memory'>;

export async function keep(batch: BatchRecord, change: Change, { journal }: CarryOutOptions): Promise<void> {
  await journal.commit({ ...change, batch });
}

/** Keeps the end of a move however long the journal refuses (a full disk): it has happened and must not be lost. */
async function keepAtLast(batch: BatchRecord, change: Change, options: CarryOutOptions, migration: MigrationRecord) {
  let pause = options.limits.firstPauseMs;
  for (;;) {
    try {
      await keep(batch, change, options);
      return;
    } catch (error) {
      options.onProgress({ kind: 'trouble', migration, error });
      await options.clock.sleep(pause, options.signal);
      pause = Math.min(options.limits.longestPauseMs, pause * 1.5);
    }
  }
}

/** Writes down, at once, that the cloud is asked: from then on a restart follows the move and does not ask for it again. */
export async function keepAsked(
  batch: BatchRecord,
  migration: MigrationRecord,
  options: CarryOutOptions,
): Promise<void> {
  const asked = {
    ...event(batch, migration, 'migrating'),
    ...linksFor(batch, migration),
    ...explanationFor(batch, migration),
  };
  await keep(batch, { events: [asked] }, options);
}

/** Leaves a move that the rule may no longer begin. */
export async function leave(batch: BatchRecord, migration: MigrationRecord, why: string, options: CarryOutOptions) {
  const { rule, notes } = migration;
  const text = `left out: ${notes.guest.name} to ${notes.target_host.name}; ${why}`;
  migration.phase = 'given_up';
  const limited = { text, left_out: [notes] };
  const base = { obj_name: rule, user: batch.sender, batch: batch.id };
  await keepAtLast(batch, { events: [{ ...base, action: 'limited', notes: limited }] }, options, migration);
  options.onProgress({ kind: 'ended', migration, text });
}

/** How a move has ended, and what its event says. */
interface End {
  phase: MigrationRecord['phase'];
  action: 'migrate_success' | 'migrate_fail' | 'migrate_error';
  text: string;
  /** By a person. */
  cancelled?: true;
}

export async function end(
  batch: BatchRecord,
  migration: MigrationRecord,
  { phase, action, text, cancelled }: End,
  options: CarryOutOptions,
  memory?: (before: Memory) => Memory,
): Promise<void> {
  migration.phase = phase;
  const told = { ...(action !== 'migrate_success' && { reason: text }), ...(cancelled && { cancelled }) };
  const events = [event(batch, migration, action, told)];
  await keepAtLast(batch, { events, ...(memory && { memory }) }, options, migration);
  options.onProgress({ kind: 'ended', migration, text });
}

/** Keeps with a move what its failure is about, where the cloud tells. */
export function blame(migration: MigrationRecord, { concerns }: Concern): void {
  if (concerns) migration.notes = { ...migration.notes, concerns };
}

function event(
  batch: BatchRecord,
  { rule, notes }: MigrationRecord,
  action: 'migrating' | 'migrate_success' | 'migrate_fail' | 'migrate_error',
  told: Pick<MigrationNotes, 'reason' | 'cancelled'> = {},
): NewEvent {
  return { obj_name: rule, user: batch.sender, action, notes: { ...notes, ...told }, batch: batch.id };
}

/** Where people see the alerts that a move follows from. */
function linksFor({ parts }: BatchRecord, { rule }: MigrationRecord): Pick<NewEvent, 'links'> {
  const links = parts.find((part) => part.rule === rule)?.links;
  return links ? { links } : {};
}

/** The explanation of the plan goes with the first of its moves. */
function explanationFor({ parts }: BatchRecord, { rule }: MigrationRecord): Pick<NewEvent, 'explanation'> {
  const part = parts.find((it) => it.rule === rule);
  if (!part?.explanation) return {};
  const { explanation } = part;
  delete part.explanation;
  return { explanation };
}
