import { counted } from './sentence.js';
import type { Plan, RefusedGroup, RejectionReason } from '../model/result.js';

/** Names that stand for a group. */
const EXAMPLES = 3;

/** What stands behind a number of hosts or guests. */
const GROUP_TEXT: Readonly<Record<RejectionReason, string>> = {
  over_threshold: 'over threshold after the move',
  memory_floor: 'short of memory after the move',
  cpu_ceiling: 'over the CPU ceiling after the move',
  source: 'the source itself',
  alerting: 'alerting themselves',
  rule_source: 'among the source hosts of the rule',
  not_a_rule_target: 'not among the target hosts of the rule',
  too_few_cpus: 'with fewer CPUs than the guest has',
  memory_allocation: 'with too much memory given out',
  cpu_allocation: 'with too many vCPUs given out',
  disabled: 'disabled',
  not_online: 'not online',
  maintenance: 'under maintenance',
  other_host_type: 'of another host type',
  other_architecture: 'of another architecture',
  other_zone: 'in another availability zone',
  other_aggregate: 'in other host aggregates',
  no_reading: 'without a reading',
  no_cpus: 'without CPUs',
  not_running: 'not running',
  not_a_rule_guest: 'not among the guests of the rule',
  score_zero: 'without load',
  immovable: 'not movable',
  cloud_refused: 'refused by the cloud',
  cooldown: 'moved a while ago',
  returning: 'left by the guest a while ago',
  resting: 'resting after a guest came',
  kept_together: 'kept together with others',
  kept_apart: 'kept apart from others',
  pinned: 'pinned elsewhere',
  ignored: 'to be ignored',
  failed_before: 'left out after failures',
  not_in_plan: 'not in the approved plan',
  under_way: 'on their way already',
};

/** One that was refused, by name. */
export interface Refused {
  name: string;
  reason: RejectionReason;
  /** How far from fitting, as a share of the host; for the order of the examples. */
  distance: number;
}

function groupText(metric: Plan['metric'], reason: RejectionReason): string {
  // Memory is what is left, so that the wrong side of the threshold is the one below.
  return metric === 'mem.available' && reason === 'over_threshold'
    ? 'under threshold after the move'
    : GROUP_TEXT[reason];
}

/**
 * Counts what was refused by reason, the largest group first, with the nearest misses as examples.
 * @param noun - `host` or `guest`.
 */
export function groups(metric: Plan['metric'], noun: string, refused: readonly Refused[]): RefusedGroup[] {
  const byReason = new Map<RejectionReason, Refused[]>();
  for (const entry of refused) {
    const group = byReason.get(entry.reason);
    if (group) group.push(entry);
    else byReason.set(entry.reason, [entry]);
  }
  return [...byReason]
    .map(([reason, entries]) => ({
      reason,
      count: entries.length,
      text: `${counted(entries.length, noun)} ${groupText(metric, reason)}`,
      examples: entries
        .sort((a, b) => a.distance - b.distance)
        .slice(0, EXAMPLES)
        .map(({ name }) => name),
    }))
    .sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
}
