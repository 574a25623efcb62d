import type { Constraint, HostSet } from './constraint.js';

/** A move that was approved. */
export interface ApprovedMove {
  guestId: string;
  targetId: string;
}

/** An approval is of these moves: no other guest moves, and none of these to another host. */
export function approvedPlan(moves: readonly ApprovedMove[]): Constraint {
  const targets = new Set(moves.map(({ targetId }) => targetId));
  const targetOf = new Map(
    moves.map(({ guestId, targetId }): [string, HostSet] => [
      guestId,
      {
        hostIds: new Set([targetId]),
        why: ({ name }) => ({ reason: 'not_in_plan', text: `not the target of guest ${name}` }),
      },
    ]),
  );
  return {
    host: ({ id }) => (targets.has(id) ? undefined : { reason: 'not_in_plan', text: 'no target of the plan' }),
    guest: ({ id }) => (targetOf.has(id) ? undefined : { reason: 'not_in_plan', text: 'not part of the plan' }),
    onlyTo({ id }) {
      const only = targetOf.get(id);
      return only ? [only] : [];
    },
  };
}
