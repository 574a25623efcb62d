import type { Guest } from '../../fleet/fleet.js';
import { cpuLoad, readingOf } from '../model/arithmetic.js';
import type { Arrival } from '../model/constraints.js';
import type { FleetIndex } from '../model/fleet-index.js';
import { GuestCourses, slotsOf } from './courses.js';
import { HostRisks } from './host-risks.js';

/** The risks of some hosts, and the row of each of their guests. */
export interface FleetRisks {
  risks: HostRisks;
  rowOf: ReadonlyMap<Guest, number>;
}

/**
 * The risks of a CPU rule.
 * @param positions - hosts whose risk is wanted, by their position in the index.
 * @param threshold - %.
 * @param arrivals - guests on their way: they count where they go.
 * @returns undefined where no guest has a history.
 */
export function cpuRisks(
  index: FleetIndex,
  positions: readonly number[],
  threshold: number,
  arrivals: readonly Arrival[],
): FleetRisks | undefined {
  const guestsAt = (position: number) => index.guestsOf.get(index.hosts[position]!.id) ?? [];
  const guests = positions.flatMap(guestsAt);
  const slots = slotsOf(guests);
  if (slots === 0) return undefined;
  const known = new Set(guests);
  for (const { guest } of arrivals) if (!known.has(guest)) guests.push(guest);

  const rowOf = new Map<Guest, number>();
  const courses = new GuestCourses(guests.length, slots);
  guests.forEach((guest, row) => {
    rowOf.set(guest, row);
    courses.fill(row, guest);
  });
  const base = new Float64Array(index.hosts.length);
  for (const position of positions) base[position] = unexplained(index, position, guestsAt(position));
  const size = index.cpuCount;
  const risks = new HostRisks(courses, { base, size, threshold: new Float64Array(size.length).fill(threshold) });
  const arriving = new Map(arrivals.map(({ guest, hostId }) => [guest, index.positionOf.get(hostId)]));
  for (const position of positions) {
    for (const guest of guestsAt(position)) {
      if (!arriving.has(guest)) risks.change(position, rowOf.get(guest)!, 1);
    }
  }
  for (const [guest, position] of arriving) {
    if (position !== undefined) risks.change(position, rowOf.get(guest)!, 1);
  }
  for (const position of positions) risks.settle(position);
  return { risks, rowOf };
}

/** What of a host's reading its guests do not explain, points. */
function unexplained(index: FleetIndex, position: number, guests: readonly Guest[]): number {
  const reading = index.cpu[position]!;
  let load = 0;
  for (const guest of guests) load += cpuLoad(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count);
  const rest = reading - load / index.cpuCount[position]!;
  return rest > 0 ? rest : 0;
}
