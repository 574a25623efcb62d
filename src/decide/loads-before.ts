import type { Plan } from '../balancer/index.js';
import { thresholdOn } from '../balancer/index.js';
import type { Snapshot } from '../fleet/fleet.js';
import type { LoadsBefore } from '../journal/memory.js';
import type { Rule } from '../rules/rule.js';
import { guestsUse } from '../verification/host-loads.js';

/**
 * The loads of a plan's hosts as the balancer saw them.
 * @param before - those of an earlier plan of the same part: its hosts keep the reading from before any of its moves.
 */
export function loadsBefore(
  plan: Plan,
  rule: Pick<Rule, 'threshold' | 'ofHostMemory'>,
  snapshot: Snapshot,
  before?: LoadsBefore,
): LoadsBefore {
  const sources = new Set([...plan.sources, ...(plan.prevented ?? [])].map(({ id }) => id));
  const targets = new Set(plan.migrations.map(({ target_host: { id } }) => id));
  const earlier = before?.hosts ?? [];
  const known = new Set(earlier.map(({ id }) => id));
  const concerned = snapshot.hosts.filter(({ id }) => (sources.has(id) || targets.has(id)) && !known.has(id));
  const use = plan.metric === 'cpu.usage_active' ? guestsUse(concerned, snapshot.guests) : undefined;
  const hosts = concerned.flatMap((host): LoadsBefore['hosts'] => {
    const reading = host.metrics[plan.metric];
    const { id, name, cpu_count, mem_size } = host;
    if (reading === undefined) return [];
    const role = sources.has(id) ? 'source' : 'target';
    const own = rule.ofHostMemory ? { threshold: thresholdOn(host, rule) } : {};
    return [{ id, name, role, before: reading, ...own, ...(use && { guests: use.get(id) ?? 0 }), cpu_count, mem_size }];
  });
  return { metric: plan.metric, hosts: [...earlier, ...hosts] };
}
