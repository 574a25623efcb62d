import type { Guest, Host, Snapshot } from '../../src/fleet/fleet.js';
import type { PlanRequest } from '../support/plan.js';

type PlanRule = PlanRequest['rule'];

export const GIB = 1024 ** 3;

/** A usable host of 40 CPUs and 256 GiB at 50 %; `changes` say what is different. */
export function host(id: string, changes: Partial<Host> = {}): Host {
  return {
    id,
    name: id,
    status: 'online',
    enabled: true,
    host_type: 'hypervisor',
    cpu_architecture: 'x86_64',
    cpu_count: 40,
    mem_size: 262144,
    metrics: { 'cpu.usage_active': 50, 'mem.available': 100 * GIB },
    ...changes,
  };
}

/** A running guest with 8 vCPUs at 50 % (10 points of a host of 40 CPUs) and 8 GiB. */
export function guest(id: string, hostId: string, changes: Partial<Guest> = {}): Guest {
  return {
    id,
    name: id,
    host_id: hostId,
    status: 'running',
    vcpu_count: 8,
    vmem_size: 8192,
    metrics: { 'cpu.usage_active': 50 },
    ...changes,
  };
}

export function cpu(reading: number, free = 100 * GIB): Host['metrics'] {
  return { 'cpu.usage_active': reading, 'mem.available': free };
}

export function fleet(hosts: Host[], guests: Guest[]): Snapshot {
  return { taken_at: '2022-06-28T07:40:02Z', hosts, guests };
}

export function cpuRule(threshold: number, changes: Partial<PlanRule> = {}): PlanRule {
  const everyone = { source: { hosts: [], guests: [] }, target: { hosts: [] } };
  return { name: 'test-cpu', metric: 'cpu.usage_active', threshold, ...everyone, ...changes };
}

export function memoryRule(threshold: number, changes: Partial<PlanRule> = {}): PlanRule {
  return { ...cpuRule(threshold, changes), name: 'test-memory', metric: 'mem.available' };
}
