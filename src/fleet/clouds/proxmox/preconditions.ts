import { z } from 'zod';
import type { MigrationOptions } from '../../fleet.js';
import { flag } from './proxmox-api.js';

// Perl may give an empty list for an empty object.
const nothing = z.array(z.unknown()).transform((): Record<string, never> => ({}));
const refusedNodesSchema = z.record(z.string(), z.union([z.record(z.string(), z.unknown()), nothing]));

/** What Proxmox VE answers when it is asked where a guest may go. */
export const preconditionsSchema = z.object({
  allowed_nodes: z.array(z.string()).nullish(),
  not_allowed_nodes: z
    .union([refusedNodesSchema, nothing])
    .nullish()
    .transform((nodes): z.output<typeof refusedNodesSchema> => nodes ?? {}),
  local_disks: z.array(
    z.object({
      volid: z.string(),
      drivename: z.string().nullish(),
      cdrom: flag.nullish(),
      is_cloudinit: flag.nullish(),
      is_unused: flag.nullish(),
      is_tpmstate: flag.nullish(),
    }),
  ),
  local_resources: z.array(z.string()),
  'dependent-ha-resources': z.array(z.string()).nullish(),
});

export type Preconditions = z.output<typeof preconditionsSchema>;

/** What an entry of a node says against it, by its key; a key that is not here is told as it stands. */
const CAUSES: Record<string, string> = {
  unavailable_storages: 'it does not have the storage',
  'unavailable-resources': 'it does not have the mapped devices',
  'blocking-ha-resources': 'a rule of HA keeps the guest from',
  'dependent-ha-resources': 'a rule of HA would take along',
};

/**
 * Why a running guest may not go to a node.
 * @param node - the target's name.
 * @returns the reasons, none if it may.
 */
export function obstaclesIn(preconditions: Preconditions, node: string, options?: MigrationOptions): string[] {
  const { allowed_nodes: allowed, not_allowed_nodes: refused, local_disks, local_resources } = preconditions;
  // Since 2025 every node has an entry; an empty one has nothing against it.
  const causes = Object.entries(refused[node] ?? {}).map(([key, value]) => `${CAUSES[key] ?? key} ${wordsOf(value)}`);
  const reasons: string[] = [];
  if (allowed ? !allowed.includes(node) : causes.length > 0) {
    const among = allowed ? `not among the allowed nodes ${allowed.join(', ') || '(none)'}` : 'not allowed';
    reasons.push(`node ${node} is ${among}${causes.length > 0 ? `: ${causes.join('; ')}` : ''}`);
  }
  // A cloud-init drive is made anew on the target.
  const disks = local_disks.filter((disk) => !disk.is_cloudinit);
  const images = disks.filter(({ cdrom }) => cdrom).map(({ volid }) => volid);
  const volumes = disks.filter(({ cdrom }) => !cdrom).map(volumeWords);
  if (images.length > 0) reasons.push(`has the local cdrom ${images.join(', ')}`);
  if (volumes.length > 0 && !options?.withLocalDisks) {
    reasons.push(`has the local disks ${volumes.join(', ')} (target.withLocalDisks of the rule allows them)`);
  }
  // A guest that runs cannot take these along, whatever is asked for.
  if (local_resources.length > 0) reasons.push(`has the local resources ${local_resources.join(', ')}`);
  const others = preconditions['dependent-ha-resources'] ?? [];
  if (others.length > 0) reasons.push(`would take ${others.join(', ')} along, by a rule of HA`);
  return reasons;
}

function volumeWords({ volid, drivename, is_unused, is_tpmstate }: Preconditions['local_disks'][number]): string {
  const role = is_tpmstate ? 'TPM state' : is_unused ? 'unused' : drivename;
  return role ? `${volid} (${role})` : volid;
}

function wordsOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(wordsOf).join(', ');
  if (typeof value !== 'object' || value === null) return String(value);
  // Of a blocking resource: its id, and the kind of rule that says so.
  const { sid, cause } = value as { sid?: unknown; cause?: unknown };
  if (typeof sid !== 'string') return JSON.stringify(value);
  return typeof cause === 'string' ? `${sid} (${cause})` : sid;
}
