import type { Snapshot } from '../fleet/fleet.js';
import type { Journal } from '../journal/journal.js';
import type { JournalEvent, NewEvent } from '../journal/events.js';
import { parseDuration } from '../common/units.js';
import type { Rule } from '../rules/rule.js';
import type { ForeignMove, Sighting } from './foreign-moves.js';
import { foreignMoves, sightingOf } from './foreign-moves.js';
import type { SnapshotStore } from './kept-snapshots.js';
import { withStanding } from '../verification/rule-mode.js';

/** A rule that pauses because somebody else moves its guests. */
export interface ForeignPause {
  rule: string;
  moves: ForeignMove[];
  /** ms since the epoch. */
  until: number;
}

/** Remembers where the guests were, from one look to the next. */
export interface ForeignWatch {
  /** Makes it remember what a former process saw last; call it before the first look. */
  prepare(): Promise<void>;
  /** Compares a look with the one before, for all rules: it is the only one that sees this difference. */
  look(snapshot: Snapshot, events: readonly JournalEvent[], rules: readonly Rule[], now: number): ForeignPause[];
}

/** @param snapshots - where a former process left its last look; absent if none are kept. */
export function createForeignWatch(snapshots: SnapshotStore | undefined): ForeignWatch {
  let last: Sighting | undefined;
  let isPrepared = false;
  return {
    async prepare() {
      if (isPrepared) return;
      isPrepared = true;
      const seen = (await snapshots?.latest().catch(() => undefined))?.parts.at(-1)?.snapshot;
      if (seen) last ??= sightingOf(seen, Date.parse(seen.taken_at));
    },
    look(snapshot, events, rules, now) {
      const before = last;
      last = sightingOf(snapshot, now);
      if (!before) return [];
      return rules.flatMap((rule): ForeignPause[] => {
        const moves = rule.enabled ? foreignMoves(before, snapshot, events, rule, now) : [];
        if (moves.length === 0) return [];
        return [{ rule: rule.name, moves, until: now + (parseDuration(rule.foreignPause) ?? 0) }];
      });
    },
  };
}

/** The sentence of a pause. */
export function foreignText({ rule, moves, until }: ForeignPause): string {
  const shown = moves.slice(0, 20).map(({ guest, from, to }) => `${guest} from ${from} to ${to}`);
  const more = moves.length > shown.length ? ` and ${moves.length - shown.length} more` : '';
  return `moved by somebody else: ${shown.join(', ')}${more}; rule ${rule} pauses until ${new Date(until).toISOString()}`;
}

/** Records pauses: the events, and the standing of the rules. */
export async function recordPauses(pauses: readonly ForeignPause[], batch: string, journal: Journal): Promise<void> {
  if (pauses.length === 0) return;
  await journal.commit({
    events: pauses.map((pause): NewEvent => ({
      obj_name: pause.rule,
      user: 'system',
      action: 'foreign_move',
      notes: {
        text: foreignText(pause),
        moves: pause.moves.slice(0, 100),
        paused_until: new Date(pause.until).toISOString(),
      },
      batch,
    })),
    memory: (memory) =>
      pauses.reduce((changed, { rule, until }) => withStanding(changed, rule, { paused_until: until }), memory),
  });
}
