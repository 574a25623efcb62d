import type { MigrationRequest } from '../fleet/fleet.js';
import type { MigrationRecord } from '../journal/journal.js';

/** The request behind a move's record. */
export function toRequest({
  notes: { guest, target_host },
  options,
}: Pick<MigrationRecord, 'notes' | 'options'>): MigrationRequest {
  const { id, name, vcpu_count, vmem_size, host, host_id } = guest;
  return {
    guest: { id, name, vcpu_count, vmem_size, host_id, status: 'running' },
    source: { id: host_id, name: host },
    target: { id: target_host.id, name: target_host.name },
    ...(options && { options }),
  };
}
