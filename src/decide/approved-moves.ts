import type { MigrationNotes } from '../journal/events.js';
import type { Planned } from './plan-moves.js';

/**
 * Why an approved plan no longer holds; empty if it does. Fewer moves are fine where fewer relieve all that is to be relieved.
 * @param approved - the moves as the person saw them, and whether they cleared every host.
 */
export function whatChanged(
  approved: { moves: readonly MigrationNotes[]; outcome: 'migrate' | 'partial' },
  planned: Planned,
): string[] {
  const { plan } = planned;
  if (plan.migrations.length > 0 && plan.outcome === 'migrate') return [];
  if (approved.outcome === 'partial' && plan.migrations.length === approved.moves.length) return [];
  const kept = new Set(plan.migrations.map(({ guest }) => guest.id));
  const reasons = approved.moves.flatMap((move) => (kept.has(move.guest.id) ? [] : [whyNot(move, planned)]));
  return reasons.length > 0 ? reasons : [`these moves are no longer enough: ${plan.notes}`];
}

function whyNot({ guest, target_host: target }: MigrationNotes, { snapshot, plan }: Planned): string {
  const found = snapshot.guests.find(({ id }) => id === guest.id);
  if (!found) return `guest ${guest.name} is no longer known to the cloud`;
  if (found.host_id !== guest.host_id) {
    const now = snapshot.hosts.find(({ id }) => id === found.host_id)?.name ?? found.host_id;
    return `guest ${guest.name} is on host ${now} now, not on ${guest.host}`;
  }
  if (!snapshot.hosts.some(({ id }) => id === target.id)) return `host ${target.name} is no longer known to the cloud`;
  const said =
    plan.rejected.find((each) => each.guest === guest.name && each.host === target.name) ??
    plan.rejected.find((each) => each.guest === guest.name && each.host === undefined) ??
    plan.rejected.find((each) => each.host === target.name && each.guest === undefined);
  return said?.text ?? `guest ${guest.name} can no longer go to host ${target.name}`;
}
