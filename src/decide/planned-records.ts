import type { PlannedMigration } from '../balancer/index.js';
import type { MigrationNotes } from '../journal/events.js';
import type { MigrationRecord } from '../journal/journal.js';
import type { Rule } from '../rules/rule.js';

/** What the rule lets the cloud do for a move. */
export function allowedBy({ target: { withLocalDisks } }: Pick<Rule, 'target'>): Pick<MigrationRecord, 'options'> {
  return withLocalDisks ? { options: { withLocalDisks } } : {};
}

/** A planned move in the notes of its events. */
export function toNotes({ guest, target_host: target, preventive }: PlannedMigration): MigrationNotes {
  const { host, host_id, id, name, score, vcpu_count, vmem_size } = guest;
  return {
    guest: { host, host_id, id, name, score, vcpu_count, vmem_size },
    target_host: { id: target.id, name: target.name, score: target.score },
    ...(preventive && { preventive }),
  };
}
