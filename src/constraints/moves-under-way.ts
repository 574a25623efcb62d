import type { Arrival, FleetIndex } from '../balancer/index.js';
import type { Guest } from '../fleet/fleet.js';
import type { Constraint } from './constraint.js';

/** A guest that is being moved, by whomever, and that the target's readings do not show yet. */
export interface MoveUnderWay {
  guestId: string;
  /** Where it is known to be on its way from: the host that the snapshot has it on. */
  sourceId: string;
  targetId: string;
}

/** Guests on their way stay with the move that is made, and count as load of their target. */
export function movesUnderWay(moves: readonly MoveUnderWay[], index: FleetIndex): Constraint {
  const targetOf = new Map(moves.map(({ guestId, targetId }) => [guestId, targetId]));
  const arrivals = moves.flatMap(({ guestId, sourceId, targetId }): Arrival[] => {
    const guest = index.guestsOf.get(sourceId)?.find(({ id }: Guest) => id === guestId);
    // One that the snapshot has on its target already is part of what is given out there.
    return guest && sourceId !== targetId ? [{ guest, hostId: targetId }] : [];
  });
  return {
    guest({ id, host_id }) {
      const target = targetOf.get(id);
      if (target === undefined || target === host_id) return undefined;
      const name = index.hosts[index.positionOf.get(target) ?? -1]?.name ?? target;
      return { reason: 'under_way', text: `on its way to host ${name}` };
    },
    arrivals,
  };
}
