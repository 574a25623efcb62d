import type { MetricName } from '../../fleet/fleet.js';
import type { HostRisk } from '../model/result.js';
import { sayReading } from './sentence.js';

/** Chances as people say them. */
const RATIOS = [
  [1, 100],
  [1, 50],
  [1, 20],
  [1, 10],
  [1, 5],
  [1, 4],
  [1, 3],
  [1, 2],
  [2, 3],
  [3, 4],
  [4, 5],
  [9, 10],
  [19, 20],
  [99, 100],
] as const;
/** Under half of the first ratio and over the last one, a chance is told by its side alone. */
const LEAST = 0.005;
const MOST = 0.995;

/** A chance in words: `1 in 3`, `less than 1 in 100`. */
export function sayChance(chance: number): string {
  if (chance < LEAST) return 'less than 1 in 100';
  if (chance > MOST) return 'more than 99 in 100';
  // By odds, so that 1 in 100 and 1 in 50 are as far apart as 99 in 100 and 49 in 50.
  const odds = (share: number) => Math.log(share / (1 - share));
  const off = ([of, all]: (typeof RATIOS)[number]) => Math.abs(odds(of / all) - odds(chance));
  const [of, all] = RATIOS.reduce((best, ratio) => (off(ratio) < off(best) ? ratio : best));
  return `${of} in ${all}`;
}

/**
 * What a plan changes in the risk of a host.
 * @param hasAlerted - whether it was past its threshold already.
 */
export function hostRisk(
  { metric, threshold }: { metric: MetricName; threshold: number },
  { before, after }: Pick<HostRisk, 'before' | 'after'>,
  hasAlerted: boolean,
): HostRisk {
  const side = metric === 'cpu.usage_active' ? 'past' : 'under';
  const again = hasAlerted ? ' again' : '';
  const text = `a ${sayChance(after)} chance to be ${side} ${sayReading(metric, threshold)}${again}, before: ${sayChance(before)}`;
  return { before, after, text };
}
