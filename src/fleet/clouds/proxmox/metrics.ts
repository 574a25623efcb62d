import type { Clock } from '../../../common/clock.js';
import type { FleetReadings, MetricsQuery, Reading } from '../../fleet.js';
import type { HttpClient } from '../../http-client.js';
import { readGuests, readNodes } from './resources.js';

/**
 * The readings that a cluster keeps of its nodes and guests: what they last reported, about ten seconds old, not a mean over
 * the period. Two calls, however many there are.
 */
export async function proxmoxMetrics(
  client: HttpClient,
  system: string,
  clock: Clock,
  _query: MetricsQuery,
  signal?: AbortSignal,
): Promise<FleetReadings> {
  const [nodes, guests] = await Promise.all([readNodes(client, system, signal), readGuests(client, system, signal)]);
  const at = clock.now();
  const reading = (value: number): Reading => ({ value, at });
  const readings: FleetReadings = { hosts: new Map(), guests: new Map() };
  for (const { id, status, cpu, mem, maxmem } of nodes) {
    if (status !== 'online') continue;
    readings.hosts.set(id, {
      ...(isNumber(cpu) && { 'cpu.usage_active': reading(cpu * 100) }),
      ...(isNumber(mem) && isNumber(maxmem) && { 'mem.available': reading(maxmem - mem) }),
    });
  }
  for (const { id, status, cpu } of guests) {
    if (status !== 'running' || !isNumber(cpu)) continue;
    // QEMU's own threads come on top of the virtual CPUs: a guest at its limit reads a little above 1.
    readings.guests.set(id, { 'cpu.usage_active': reading(Math.min(100, cpu * 100)) });
  }
  return readings;
}

function isNumber(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}
