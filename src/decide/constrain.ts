import {
  type ApprovedMove,
  type ListedExclusion,
  type MoveUnderWay,
  cooldownExclusions,
  failedBefore,
  onlyWhatFailed,
} from '../constraints/index.js';
import type { Clock } from '../common/clock.js';
import type { Judged } from './judge.js';
import { withDefaults } from './rule-defaults.js';

/** A draft with everything that the past and a person's word rule out; what fleet and rule do is worked out with the plan. */
export interface Constrained extends Judged {
  exclusions: ListedExclusion[];
  /** Guests on their way, whoever moves them. */
  underWay: readonly MoveUnderWay[];
  /** Absent where nobody has approved anything: then any move may be planned. */
  approvedMoves?: readonly ApprovedMove[];
}

/** Gathers what keeps guests where they are and hosts from taking any. */
export function constrain(draft: Judged, { clock }: { clock: Clock }): Constrained {
  const { rule, known, migrations, approved } = draft.request;
  const now = clock.now();
  const { cooldownMs } = withDefaults(rule);
  return {
    ...draft,
    exclusions: [
      ...cooldownExclusions(known.moves, now, { cooldownMs, restMs: rule.periodMs }),
      ...failedBefore(known.attempts, now),
      ...onlyWhatFailed(migrations, rule.name, draft.snapshot),
    ],
    underWay: known.underWay,
    ...(approved && {
      approvedMoves: approved.moves.map(({ guest, target_host: target }) => ({
        guestId: guest.id,
        targetId: target.id,
      })),
    }),
  };
}
