import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Snapshot } from '../fleet/fleet.js';

/** The fleet as the API tells it, written out once for all who ask. */
export interface FleetView {
  /** ISO 8601. */
  takenAt: string;
  json: Uint8Array;
  gzip: Uint8Array;
  /** The same for the same content. */
  etag: string;
}

/** With all guests, or only how many there are on each host. */
export type FleetDetail = 'guests' | 'summary';

const zip = promisify(gzip);

/** Writes a snapshot out; in a large fleet that takes long, so it is not for the thread that answers. */
export async function fleetView(snapshot: Snapshot, detail: FleetDetail): Promise<FleetView> {
  const json = Buffer.from(JSON.stringify(detail === 'guests' ? snapshot : summaryOf(snapshot)));
  const etag = `"${createHash('sha256').update(json).digest('base64url').slice(0, 22)}"`;
  return { takenAt: snapshot.taken_at, json, gzip: await zip(json), etag };
}

/** Hosts with what their guests come to. */
function summaryOf({ taken_at, hosts, guests }: Snapshot) {
  const counts = new Map<string, { guests: number; vcpus: number; memory: number }>();
  for (const { host_id, vcpu_count, vmem_size } of guests) {
    const count = counts.get(host_id) ?? { guests: 0, vcpus: 0, memory: 0 };
    count.guests += 1;
    count.vcpus += vcpu_count;
    count.memory += vmem_size;
    counts.set(host_id, count);
  }
  return {
    taken_at,
    guests: guests.length,
    hosts: hosts.map(({ history: _history, ...host }) => {
      const { guests: guest_count, vcpus, memory } = counts.get(host.id) ?? { guests: 0, vcpus: 0, memory: 0 };
      return { ...host, guest_count, guest_vcpus: vcpus, guest_memory: memory };
    }),
  };
}
