import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { Cloud, Metrics } from '../fleet/fleet.js';
import { askCloud } from './ask-cloud.js';
import { constrain } from './constrain.js';
import type { Decision, DecisionRequest } from './decision.js';
import { foreign } from './foreign.js';
import { judge } from './judge.js';
import type { SnapshotStore } from './kept-snapshots.js';
import { observe } from './observe.js';
import type { Planner } from './plan-moves.js';
import { planMoves } from './plan-moves.js';
import { settle } from './settle.js';
import type { Sightings } from './sightings.js';
import { steer } from './steer.js';
import { walk } from './walk.js';

/** What a decision asks and keeps. */
export interface DecisionDeps {
  cloud: Cloud;
  metrics: Metrics;
  clock: Clock;
  log: Log;
  /** Where the guests were when the fleet was last looked at. */
  sightings: Sightings;
  /** Where what was decided on is kept for a replay; absent: nowhere. */
  snapshots: SnapshotStore | undefined;
  planner: Planner;
  /** The longest that one system may take to answer, ms. */
  timeoutMs: number;
}

/**
 * Decides what to move for the alerting hosts of one rule: the steps, in order.
 * @returns what to record and what to move; a system that does not answer is a finding (`metrics_fail`), not an error.
 * @throws the signal's reason when it is aborted.
 */
export function decide(request: DecisionRequest, deps: DecisionDeps, signal: AbortSignal): Promise<Decision> {
  const { cloud, metrics, clock, log, sightings, snapshots, planner, timeoutMs } = deps;
  return (
    walk(request)
      // The fleet as it is now.
      .step((draft) => observe(draft, { cloud, metrics, clock, log, timeoutMs, signal }))
      // Who else moved guests: rules pause.
      .step((draft) => foreign(draft, { sightings, clock }))
      // Which readings already show our own last moves.
      .step((draft) => settle(draft, { clock }))
      // Which alerting hosts are past the threshold, by evidence.
      .step((draft) => judge(draft, { clock }))
      // Who stays, who takes nobody, who does not go there.
      .step((draft) => constrain(draft, { clock }))
      // Which guests go where.
      .step((draft) => planMoves(draft, { planner, clock }))
      // What the cloud would refuse is planned around.
      .step((draft) => askCloud(draft, { cloud, planner, clock, log, timeoutMs, signal }))
      // How far the rule may go by itself.
      .step((draft) => steer(draft, { clock, log, snapshots }))
      .decision(({ findings, pauses, lagging, readingsAgeMs, migrations, steering, plan }) => {
        const age = readingsAgeMs !== undefined && { readingsAgeMs };
        return { findings, pauses, lagging, ...age, migrations, steering, plan };
      })
  );
}
