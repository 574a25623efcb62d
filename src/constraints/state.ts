import { type FleetIndex, cpuScore, heldMemory, readingOf } from '../balancer/index.js';
import type { MetricName } from '../fleet/fleet.js';
import type { Constraint } from './constraint.js';

/** A score that no reading can tell from 0, % or bytes. */
const NO_SCORE = 1e-9;

/** What hosts and guests are in, and whether they can be judged at all (src/manual/en/design.md, "Arithmetic"). */
export function state(metric: MetricName, index: FleetIndex): Constraint {
  return {
    host(host) {
      if (!host.enabled) return { reason: 'disabled', text: 'disabled' };
      if (host.status !== 'online') return { reason: 'not_online', text: `status ${host.status}, not online` };
      if (host.maintenance) return { reason: 'maintenance', text: 'under maintenance' };
      if (!(host.cpu_count > 0)) return { reason: 'no_cpus', text: `${host.cpu_count} CPUs` };
      if (readingOf(host, metric) === undefined) return { reason: 'no_reading', text: `no reading of ${metric}` };
      if (metric === 'mem.available' && readingOf(host, 'cpu.usage_active') === undefined) {
        return { reason: 'no_reading', text: 'no reading of cpu.usage_active' };
      }
      return undefined;
    },
    guest(guest, source) {
      if (guest.status !== 'running') return { reason: 'not_running', text: `status ${guest.status}, not running` };
      if (!(source.cpu_count > 0)) return { reason: 'no_cpus', text: `on a host of ${source.cpu_count} CPUs` };
      const usage = readingOf(guest, 'cpu.usage_active');
      if (usage === undefined) return { reason: 'no_reading', text: 'no reading of cpu.usage_active' };
      const cpu = cpuScore(usage, guest.vcpu_count, source.cpu_count);
      const score = metric === 'cpu.usage_active' ? cpu : heldMemory(guest);
      if (!(score > NO_SCORE)) return { reason: 'score_zero', text: 'moving it would not help (score 0)' };
      if (guest.immovable !== undefined) return { reason: 'immovable', text: guest.immovable };
      return undefined;
    },
    traits: [
      {
        kinds: index.kind,
        differs({ host_type: type, cpu_architecture: architecture }, target) {
          if (target.host_type !== type) {
            return { reason: 'other_host_type', text: `host type ${target.host_type}, not ${type}` };
          }
          if (target.cpu_architecture !== architecture) {
            const text = `architecture ${target.cpu_architecture}, not ${architecture}`;
            return { reason: 'other_architecture', text };
          }
          return undefined;
        },
      },
    ],
  };
}
