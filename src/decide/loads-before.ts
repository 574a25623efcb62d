import type { Plan } from '../balancer/index.js';
import type { Snapshot } from '../fleet/fleet.js';
import type { LoadsBefore } from '../journal/memory.js';
import { useOn } from '../verification/predictions.js';

/**
 * The loads of a plan's hosts as the balancer saw them.
 * @param known - those of an earlier plan of the same part: its hosts keep the reading from before any of its moves.
 */
export function loadsBefore(plan: Plan, snapshot: Snapshot, known?: LoadsBefore): LoadsBefore {
  const sources = new Set(plan.sources.map(({ id }) => id));
  const targets = new Set(plan.migrations.map(({ target_host: { id } }) => id));
  const earlier = known?.hosts ?? [];
  const hosts = snapshot.hosts.flatMap((host): LoadsBefore['hosts'] => {
    const before = host.metrics[plan.metric];
    const { id, name, cpu_count, mem_size } = host;
    const isNew = (sources.has(id) || targets.has(id)) && !earlier.some((each) => each.id === id);
    if (before === undefined || !isNew) return [];
    const use = plan.metric === 'cpu.usage_active' && { guests: useOn(host, snapshot) };
    return [{ id, name, role: sources.has(id) ? 'source' : 'target', before, ...use, cpu_count, mem_size }];
  });
  return { metric: plan.metric, hosts: [...earlier, ...hosts] };
}
