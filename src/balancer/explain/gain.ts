import { cpuScore, heldMemory, readingOf } from '../model/arithmetic.js';
import type { Snapshot } from '../../fleet/fleet.js';
import { type FleetIndex, fleetIndex } from '../model/fleet-index.js';
import type { Explanation, Plan, PlanCore } from '../model/result.js';
import { counted, sayAmount, sayReading } from './sentence.js';

const MIB = 1024 * 1024;

/** What has to go from a source, and what of it does: % or bytes. */
export type SourceGain = Omit<Explanation['sources'][number], 'text'>;

/** What a plan takes off each source that is past the threshold. */
export function gainsOf({ metric, threshold, sources }: PlanCore): SourceGain[] {
  const isCpu = metric === 'cpu.usage_active';
  return sources.flatMap(({ id, name, current, predicted, threshold: own }): SourceGain[] => {
    if (current === undefined || predicted === undefined) return [];
    const limit = own ?? threshold;
    const excess = isCpu ? current - limit : limit - current;
    if (excess <= 0) return [];
    const gone = isCpu ? current - predicted : predicted - current;
    return [{ id, name, current, excess, removed: Math.min(excess, gone), cleared: gone > excess }];
  });
}

/**
 * Whether a plan that leaves something over is worth its moves: one that clears no host at all must remove its share.
 * @param leastGain - the share of the excess, 0 to 1; 0 lets every plan pass.
 * @param snapshot - what it was planned on.
 * @returns the plan as it is; or, not worth it, one that moves nothing and says so (`find_result_fail`).
 */
export function withLeastGain(plan: Plan, leastGain: number, snapshot: Snapshot): Plan {
  if (plan.outcome !== 'partial') return plan;
  const gains = gainsOf(plan);
  const excess = gains.reduce((sum, each) => sum + each.excess, 0);
  const removed = gains.reduce((sum, each) => sum + each.removed, 0);
  if (gains.some(({ cleared }) => cleared) || removed >= leastGain * excess) return plan;
  const memory = plan.migrations.reduce((sum, { guest }) => sum + guest.vmem_size, 0);
  const what = `${counted(plan.migrations.length, 'guest')} with ${memory} MiB to copy`;
  const takes = `would take ${sayAmount(plan.metric, removed)} of ${sayAmount(plan.metric, excess)} from ${gains.map(({ name }) => name).join(', ')}`;
  const least = `less than the least gain of ${Math.round(leastGain * 100)} %`;
  const why = `find result to migrate: not worth it: ${what} ${takes}, ${least}`;
  return {
    outcome: 'find_result_fail',
    rule: plan.rule,
    metric: plan.metric,
    threshold: plan.threshold,
    sources: plan.sources.map((source) => {
      return source.current === undefined ? source : { ...source, predicted: source.current };
    }),
    migrations: [],
    cost: 0,
    optimal: plan.optimal,
    gap: plan.gap,
    notes: [why, ...unexplainedReadings(plan, fleetIndex(snapshot))].join('; '),
    get rejected() {
      return plan.rejected;
    },
    get explanation() {
      const { sources, loads, ...rest } = plan.explanation;
      return {
        ...rest,
        sources: sources.map((source) => ({ ...source, removed: 0 })),
        chosen: `nothing moves: ${what} ${takes}, ${least}`,
        loads: loads.flatMap(({ risk: _moot, ...load }) => {
          return plan.sources.some(({ id }) => id === load.id) ? [{ ...load, after: load.before }] : [];
        }),
      };
    },
  };
}

/**
 * The hosts that a plan does not clear and whose guests explain less than half of their reading: no moving helps against
 * what else runs there. For memory, the half of what is in use.
 * @returns a sentence for each.
 */
export function unexplainedReadings(plan: PlanCore, index: FleetIndex): string[] {
  return gainsOf(plan).flatMap(({ id, name, current, cleared }): string[] => {
    const host = index.hosts[index.positionOf.get(id) ?? -1];
    if (cleared || !host) return [];
    const isCpu = plan.metric === 'cpu.usage_active';
    const used = isCpu ? current : host.mem_size * MIB - current;
    const explained = (index.guestsOf.get(id) ?? []).reduce((sum, guest) => {
      if (!isCpu) return sum + heldMemory(guest);
      return sum + cpuScore(readingOf(guest, 'cpu.usage_active') ?? 0, guest.vcpu_count, host.cpu_count);
    }, 0);
    if (!(explained < used / 2)) return [];
    const whole = isCpu ? sayReading(plan.metric, used) : `${sayReading(plan.metric, used)} in use`;
    return [`the guests of ${name} explain ${sayReading(plan.metric, explained)} of its ${whole}`];
  });
}
