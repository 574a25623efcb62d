import type { Guest, Host, Snapshot } from '../../src/fleet/fleet.js';
import type { Scenario, Simulation } from '../../src/fleet/clouds/scenario.js';

export const GIB = 1024 ** 3;

export function host(name: string, cpu: number | undefined, over: Partial<Host> = {}): Host {
  return {
    id: `id-${name}`,
    name,
    status: 'online',
    enabled: true,
    host_type: 'hypervisor',
    cpu_architecture: 'x86_64',
    cpu_count: 40,
    mem_size: 262144,
    metrics: { ...(cpu !== undefined && { 'cpu.usage_active': cpu }), 'mem.available': 100 * GIB },
    ...over,
  };
}

export function guest(name: string, on: string, cpu: number | undefined, over: Partial<Guest> = {}): Guest {
  return {
    id: `id-${name}`,
    name,
    host_id: `id-${on}`,
    status: 'running',
    vcpu_count: 8,
    vmem_size: 8192,
    metrics: cpu === undefined ? {} : { 'cpu.usage_active': cpu },
    ...over,
  };
}

export function fleet(hosts: Host[], guests: Guest[]): Snapshot {
  return { taken_at: '2026-11-21T05:00:00Z', hosts, guests };
}

export function scenario(snapshot: Snapshot, simulation: Partial<Simulation> = {}): Scenario {
  return { snapshot, simulation: { bandwidth: 1024, time_scale: 1, averaged: false, fail: [], ...simulation } };
}
