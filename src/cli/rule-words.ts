import type { MetricName } from '../fleet/fleet.js';
import type { RuleFile } from '../rules/rule.js';

/** How a rule's side of its threshold is written, in arguments, in texts, and in words. */
export const OPERATORS: Record<MetricName, { word: string; sign: string; side: string }> = {
  'cpu.usage_active': { word: 'gt', sign: '>', side: 'above' },
  'mem.available': { word: 'lt', sign: '<', side: 'below' },
};

/** `cpu.usage_active > 60 %`, `mem.available < 16GiB`. */
export function condition({ metric, threshold }: RuleFile): string {
  const unit = metric === 'cpu.usage_active' ? ' %' : typeof threshold === 'number' ? ' bytes' : '';
  return `${metric} ${OPERATORS[metric].sign} ${threshold}${unit}`;
}
