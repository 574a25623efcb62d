import type { Clock } from '../common/clock.js';
import type { FleetAnswer } from '../fleet/ask.js';
import type { Host, Metrics, Snapshot } from '../fleet/fleet.js';
import type { Journal } from '../journal/journal.js';
import type { Rule } from '../rules/rule.js';
import { type ListedExclusion, cooldownExclusions, lookBackMs, recentMoves } from '../constraints/index.js';
import type { SteadyRule } from './rule-defaults.js';
import { withDefaults } from './rule-defaults.js';
import { weighEvidence } from './evidence.js';
import { settleReadings } from './settle.js';

/** What a plan is made on, with what was moved lately taken into account. */
export interface Ground {
  /** The rule with every default. */
  rule: SteadyRule;
  snapshot: Snapshot;
  refusals: ListedExclusion[];
  /** Why a host that is past the threshold is left alone for now; undefined if it is not. */
  doubt: (host: Host) => string | undefined;
}

/** What {@link steadyGround} needs. */
export interface SteadyOptions {
  journal: Pick<Journal, 'events'>;
  metrics: Metrics;
  clock: Clock;
  /** The batch that asks: what it has moved itself does not keep it from its next step. */
  batch?: string;
}

/**
 * Looks up in the journal what was moved lately, and weighs the readings.
 * @param answer - the fleet, asked a moment ago.
 */
export async function steadyGround(
  given: Rule,
  answer: FleetAnswer,
  { journal, metrics, clock, batch }: SteadyOptions,
): Promise<Ground> {
  const rule = withDefaults(given);
  const now = clock.now();
  const { periodMs } = given;
  const since = now - lookBackMs(rule.cooldownMs, periodMs);
  const moves = recentMoves(await journal.events({ action: 'migrate_success', since }));
  const { scrapeIntervalMs } = metrics;
  const { snapshot, unsettled } = settleReadings(answer.snapshot, answer.readings, moves, {
    now,
    periodMs,
    scrapeIntervalMs,
  });
  const own = moves.filter((move) => batch !== undefined && move.batch === batch);
  const ownHosts = new Set(own.flatMap(({ fromId, toId }) => [fromId, toId]));
  const doubt = ({ id }: Host): string | undefined => {
    const movedAt = unsettled.get(id);
    if (movedAt !== undefined && !ownHosts.has(id)) {
      return `a guest came or went ${Math.round((now - movedAt) / 1000)} s ago, and the readings do not show it yet`;
    }
    const samples = answer.readings.hosts.get(id)?.[given.metric]?.samples ?? [];
    const verdict = weighEvidence(rule.evidence, samples, given, now - periodMs);
    return verdict.enough ? undefined : verdict.text;
  };
  const refusals = cooldownExclusions(moves, now, { cooldownMs: rule.cooldownMs, restMs: periodMs });
  return { rule, snapshot, refusals, doubt };
}
