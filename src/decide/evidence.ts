import { isOverThreshold } from '../balancer/index.js';
import type { MetricName, Sample } from '../fleet/fleet.js';
import type { Rule } from '../rules/rule.js';

/** Whether a host's readings are enough to act on. */
export type EvidenceVerdict = { enough: true } | { enough: false; text: string };

/**
 * Weighs the samples of the period against what a rule asks for.
 * @param evidence - see {@link Evidence}; the mean itself is judged by the reading.
 * @param samples - of the host, oldest first; where the store tells none, the reading has to do.
 * @param rule - metric and threshold.
 * @param since - samples before this do not count, ms since the epoch.
 */
export function weighEvidence(
  evidence: NonNullable<Rule['evidence']>,
  samples: readonly Sample[],
  { metric, threshold }: { metric: MetricName; threshold: number },
  since: number,
): EvidenceVerdict {
  const within = samples.filter(({ at }) => at > since);
  if (evidence === 'mean' || within.length === 0) return { enough: true };
  const past = within.filter(({ value }) => isOverThreshold(metric, value, threshold)).length;
  const needed = evidence === 'minimum' ? within.length : Math.ceil(evidence.share * within.length - 1e-9);
  if (past >= needed) return { enough: true };
  return { enough: false, text: `${past} of ${within.length} samples pass the threshold, the rule asks for ${needed}` };
}
