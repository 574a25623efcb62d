import type { Snapshot } from '../../../src/fleet/fleet.js';
import type { DayFleet } from '../day/fleet.js';

/** Slots of a history: 6 h. */
const HISTORY = 72;

/** A fleet at one interval of its day, with the history up to then; readings are means of two intervals. */
export function momentOf({ snapshot, usage }: DayFleet, interval: number): Snapshot {
  const load = new Map<string, number>();
  const guests = snapshot.guests.map((guest) => {
    const course = usage.get(guest.id)!.slice(Math.max(0, interval - HISTORY), interval);
    const reading = (course.at(-1)! + course.at(-2)!) / 2;
    load.set(guest.host_id, (load.get(guest.host_id) ?? 0) + reading * guest.vcpu_count);
    return { ...guest, metrics: { 'cpu.usage_active': reading }, history: { 'cpu.usage_active': course } };
  });
  const hosts = snapshot.hosts.map((host) => {
    const cpu = Math.min(100, (load.get(host.id) ?? 0) / host.cpu_count);
    return { ...host, metrics: { ...host.metrics, 'cpu.usage_active': cpu } };
  });
  return { ...snapshot, hosts, guests };
}
