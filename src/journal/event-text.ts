import type { EventWithText, JournalEvent, NewEvent } from './events.js';
import { migrationOf } from './events.js';
import type { ApprovedNotes, MigrationNotes, RecommendedNotes, Verified, VerifiedLoad } from './notes.js';

const GIB = 1024 ** 3;
/** Names that a sentence gives; the others are counted. */
const MOST_NAMED = 10;

/**
 * One sentence for people: names, rounded figures, what is still over. The same on the page, in the terminal, in logs.
 * It is made from the columns, so that rows of old have one too; notes that are not what they should be are told as they are.
 */
export function textOf(event: NewEvent | JournalEvent): string {
  const { links = [] } = event;
  return links.length > 0 ? `${saidOf(event)}; alert: ${links[0]}` : saidOf(event);
}

function saidOf(event: NewEvent | JournalEvent): string {
  const { notes } = event as { notes: unknown };
  if (typeof notes === 'string') return rounded(notes);
  if (typeof notes !== 'object' || notes === null) return `${event.action}: ${JSON.stringify(notes)}`;
  try {
    return sentenceOf(event);
  } catch {
    // Written by another version, or by hand.
    return JSON.stringify(notes);
  }
}

/** The row with its sentence. */
export function withText(event: JournalEvent): EventWithText {
  return { ...event, text: textOf(event) };
}

function sentenceOf(event: NewEvent | JournalEvent): string {
  switch (event.action) {
    case 'create':
      return `rule ${event.obj_name} was added${ruleText(event.notes)}`;
    case 'changed':
      return `rule ${event.obj_name} was changed${changesText(event.notes)}`;
    case 'migrating':
      return `${guestText(event.notes)} goes ${wayText(event.notes)}`;
    case 'migrate_success':
      return `${guestText(event.notes)} has moved ${wayText(event.notes)}`;
    case 'migrate_fail':
    case 'migrate_error':
      return failureText(event.notes);
    case 'recommended':
      return recommendedText(event.notes);
    case 'approved':
      return approvedText(event.notes, event.user);
    case 'verified':
      return verifiedText(event.notes);
    case 'decision_fail':
    case 'deleted':
    case 'dismissed':
    case 'dropped':
    case 'find_result_fail':
    case 'flapping':
    case 'foreign_move':
    case 'ignored':
    case 'limited':
    case 'metrics_fail':
    case 'not_needed':
    case 'partial':
    case 'paused':
    case 'recommend_mode':
    case 'resumed':
    case 'stopped':
      return plainText(event);
  }
}

/** Notes that bring their own sentence. */
function plainText({ action, obj_name, user, notes }: NewEvent | JournalEvent): string {
  if (typeof notes === 'object' && 'text' in notes) return rounded(String(notes.text));
  if (action === 'dismissed' && typeof notes === 'object' && 'plan' in notes) {
    const { plan, reason } = notes as { plan: string; reason?: string };
    return `plan ${plan} of rule ${obj_name} was dismissed by ${user}${reason === undefined ? '' : `: ${reason}`}`;
  }
  return JSON.stringify(notes);
}

function ruleText({ metric, threshold }: Record<string, unknown>): string {
  if (typeof metric !== 'string') return '';
  const known = typeof threshold === 'number' || typeof threshold === 'string';
  return `: ${metric}${known ? `, threshold ${threshold}` : ''}`;
}

function changesText({ changes, ...spec }: Record<string, unknown>): string {
  const isTold = Array.isArray(changes) && changes.length > 0;
  return isTold ? `: ${changes.map(String).join('; ')}` : ruleText(spec);
}

function guestText({ guest }: MigrationNotes): string {
  return `guest ${guest.name} (${guest.vcpu_count} vCPUs, ${gib(guest.vmem_size * 1024 ** 2)})`;
}

function wayText({ guest, target_host: target, preventive }: MigrationNotes): string {
  return `from ${guest.host} to ${target.name}${preventive ? ' (preventive)' : ''}`;
}

function failureText(notes: MigrationNotes | string): string {
  const migration = migrationOf({ notes });
  if (!migration) return plainText({ action: 'migrate_error', obj_name: '', user: '', notes });
  const why = migration.reason === undefined ? '' : `: ${rounded(migration.reason)}`;
  return `${guestText(migration)} did not move ${wayText(migration)}${why}`;
}

function recommendedText({ plan, outcome, cost, expires_at, migrations, why }: RecommendedNotes): string {
  const moves = listed(migrations.map((each) => `${each.guest.name} ${wayText(each)}`));
  const over = outcome === 'partial' ? ', which does not relieve every host' : '';
  const because = why === undefined ? '' : `; the rule only recommends: ${rounded(why)}`;
  return `plan ${plan} waits for an approval until ${expires_at}: ${moves} (${gib(cost * 1024 ** 2)})${over}${because}`;
}

function approvedText(notes: Partial<ApprovedNotes>, user: string): string {
  const { plan, moves, waits_for: waitsFor, waited, no_longer_needed: left = [] } = notes;
  const whole = plan === undefined ? 'a plan' : `plan ${plan}`;
  const which = moves ? `of ${whole} the moves of ${listed(moves)}` : whole;
  const verb = `${moves ? 'were' : 'was'} approved by ${user}`;
  const when = waited ? ' and waited for a batch to end' : '';
  const later = waitsFor === undefined ? '' : ` for when batch ${waitsFor} has ended`;
  return `${which} ${verb}${later}${when}${left.length > 0 ? `; no longer needed: ${listed(left)}` : ''}`;
}

const OUTCOME: Readonly<Record<Verified['outcome'], string>> = {
  as_predicted: 'the hosts read as predicted',
  off: 'the prediction was off',
  superseded: 'other moves have touched the hosts meanwhile',
  no_reading: 'no host has a reading',
};

function verifiedText({ outcome, off_by: offBy, hosts, metric }: Verified): string {
  const figure = (value: number) => (metric === 'cpu.usage_active' ? `${percent(value)} %` : gib(value));
  const text = ({ name, before, predicted, actual, superseded }: VerifiedLoad) => {
    const now = actual === undefined ? 'without a reading' : `reads ${figure(actual)}`;
    const other = superseded ? ', touched by another move' : '';
    return `${name} ${now} (${figure(predicted)} predicted, ${figure(before)} before${other})`;
  };
  const points = metric === 'cpu.usage_active' ? 'points' : '% of its memory';
  const worst = offBy === undefined ? '' : `, by ${percent(offBy)} ${points} at most`;
  return `${OUTCOME[outcome]}${worst}: ${listed(hosts.map(text))}`;
}

function listed(texts: readonly string[]): string {
  const more = texts.length - MOST_NAMED;
  return texts.slice(0, MOST_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function percent(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function gib(bytes: number): string {
  return `${percent(bytes / GIB)} GiB`;
}

/** A sentence as the journal has it, with figures that people can read: `(55.313408)` → `(55.3)`, bytes as GiB. */
function rounded(text: string): string {
  return text
    .replace(/\((\d{9,})(?:\.\d+)?\)/g, (_all, bytes: string) => `(${gib(Number(bytes))})`)
    .replace(/(?<![\w.:-])(\d+\.\d{2,})(?![\w.:-])/g, (_all, figure: string) => percent(Number(figure)));
}
