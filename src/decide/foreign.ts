import type { Clock } from '../common/clock.js';
import { parseDuration } from '../common/units.js';
import type { ForeignPause } from './decision.js';
import { concerning, movedByOthers } from './foreign-moves.js';
import type { Observed } from './observe.js';
import type { Sightings } from './sightings.js';
import type { Step } from './walk.js';
import { ended } from './walk.js';

/**
 * Looks who else has moved guests since the last look: every rule that covers them pauses, this one at once. What a person
 * has approved is not held up by that.
 */
export async function foreign(
  draft: Observed,
  { sightings, clock }: { sightings: Sightings; clock: Clock },
): Promise<Step<Observed>> {
  const { rule, rules, known, approved, trial } = draft.request;
  // What a trial has seen, the next decision is still to be compared with.
  if (trial) return draft;
  const { snapshot } = draft.answer;
  const now = clock.now();
  const before = await sightings.last();
  const moved = before ? movedByOthers(before, snapshot, known.attempts, now) : [];
  sightings.propose(snapshot, now);
  if (moved.length === 0) return draft;
  const hosts = new Map(snapshot.hosts.map((host) => [host.id, host]));
  const pauses = rules.flatMap((each): ForeignPause[] => {
    const moves = each.enabled ? concerning(each, moved, hosts) : [];
    if (moves.length === 0) return [];
    return [{ rule: each.name, moves, since: now, until: now + (parseDuration(each.foreignPause) ?? 0) }];
  });
  const next = { ...draft, pauses };
  const own = approved ? undefined : pauses.find((pause) => pause.rule === rule.name);
  return own ? ended(next, { action: 'paused', notes: foreignText(own) }) : next;
}

/** The sentence of a pause. */
export function foreignText({ rule, moves, until }: ForeignPause): string {
  const shown = moves.slice(0, 20).map(({ guest, from, to }) => `${guest} from ${from} to ${to}`);
  const more = moves.length > shown.length ? ` and ${moves.length - shown.length} more` : '';
  return `moved by somebody else: ${shown.join(', ')}${more}; rule ${rule} pauses until ${new Date(until).toISOString()}`;
}
