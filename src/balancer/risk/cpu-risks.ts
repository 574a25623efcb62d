import type { Guest } from '../../fleet/fleet.js';
import type { Arrival } from '../model/constraints.js';
import type { FleetIndex } from '../model/fleet-index.js';
import { Courses, MOST_SLOTS } from './courses.js';
import { HostRisks } from './host-risks.js';

/**
 * The risks of some hosts by a CPU rule.
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
): HostRisks | undefined {
  const guestsAt = (position: number) => index.guestsOf.get(index.hosts[position]!.id) ?? [];
  let slots = 0;
  for (const position of positions) {
    slots = Math.max(slots, longestHistory(guestsAt(position)));
    if (slots === MOST_SLOTS) break;
  }
  if (slots === 0) return undefined;
  const risks = new HostRisks(new Courses(slots), {
    reading: index.cpu,
    size: index.cpuCount,
    threshold: new Float64Array(index.hosts.length).fill(threshold),
  });
  const arriving = new Set(arrivals.map(({ guest }) => guest));
  for (const position of positions) {
    const here = guestsAt(position);
    if (arrivals.length === 0) {
      risks.fill(position, here);
      continue;
    }
    const { id } = index.hosts[position]!;
    const coming = arrivals.flatMap(({ guest, hostId }) => (hostId === id ? [guest] : []));
    const leaving = here.filter((guest) => arriving.has(guest));
    risks.fill(position, here, [
      ...leaving.map((guest) => ({ guest, sign: -1 as const })),
      ...coming.map((guest) => ({ guest, sign: 1 as const })),
    ]);
  }
  return risks;
}

/** Slots of the longest history of some guests, as far as they count. */
function longestHistory(guests: readonly Guest[]): number {
  let slots = 0;
  for (const { history } of guests) slots = Math.max(slots, history?.['cpu.usage_active']?.length ?? 0);
  return Math.min(slots, MOST_SLOTS);
}
