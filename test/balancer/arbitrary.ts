import fc from 'fast-check';
import type { Guest, Host } from '../../src/fleet/fleet.js';
import type { PlanRequest } from '../support/plan.js';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** Quarters of a percent add up without rounding; others do not. */
function percent(min: number, max: number, isExact: boolean): fc.Arbitrary<number> {
  if (isExact) return fc.integer({ min: min * 4, max: max * 4 }).map((quarters) => quarters / 4);
  return fc.oneof(fc.double({ min: Math.max(min, 0.01), max, noNaN: true }), fc.integer({ min, max }));
}

/** What turns up in a fleet; most hosts are usable, so that plans exist. */
function hostArbitrary(id: string, isExact: boolean): fc.Arbitrary<Host> {
  const odd = <T>(usual: T, unusual: T) =>
    fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, fc.constant(unusual));
  const reading = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 12 });
  return fc
    .record({
      status: odd('online', 'offline'),
      enabled: odd(true, false),
      maintenance: odd(false, true),
      host_type: odd('hypervisor', 'esxi'),
      cpu_architecture: odd('x86_64', 'aarch64'),
      cpu_count: isExact ? fc.constantFrom(8, 16, 32, 64) : fc.constantFrom(8, 32, 40, 64),
      mem_size: fc.constantFrom(65536, 262144),
      cpu: reading(percent(10, 70, isExact)),
      memory: reading(
        fc.oneof(
          fc.integer({ min: 0, max: 40 }).map((n) => n * GIB),
          isExact ? fc.integer({ min: 0, max: 40 * 1024 }).map((n) => n * MIB) : fc.integer({ min: 0, max: 40 * GIB }),
        ),
      ),
    })
    .map(({ cpu, memory, ...rest }) => ({
      id,
      name: `host-${id}`,
      ...rest,
      metrics: {
        ...(cpu !== undefined && { 'cpu.usage_active': cpu }),
        ...(memory !== undefined && { 'mem.available': memory }),
      },
    }));
}

function guestArbitrary(id: string, hosts: number, isExact: boolean): fc.Arbitrary<Guest> {
  const odd = <T>(usual: T, unusual: T) =>
    fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, fc.constant(unusual));
  return fc
    .record({
      host_id: fc.integer({ min: 0, max: hosts - 1 }).map((at) => `h${at}`),
      status: odd('running', 'ready'),
      vcpu_count: fc.constantFrom(1, 2, 4, 8, 24),
      vmem_size: fc.oneof(fc.constantFrom(1024, 2048, 4096, 8192, 16384), fc.integer({ min: 0, max: 20000 })),
      cpu: fc.option(percent(0, 100, isExact), {
        nil: undefined,
        freq: 12,
      }),
    })
    .map(({ cpu, ...rest }) => ({
      id,
      name: `guest-${id}`,
      ...rest,
      metrics: cpu === undefined ? {} : { 'cpu.usage_active': cpu },
    }));
}

export interface RequestShape {
  hosts: number;
  guests: number;
  sources: number;
  /** Only readings whose sums have no rounding, so that a solver with tolerances agrees on what is on a limit. */
  isExact?: boolean;
}

/** An alerting host that is, as a rule, past the threshold; rarely too far for its guests. */
function alerting(host: Host, cpuThreshold: number, memoryThreshold: number): Host {
  const { 'cpu.usage_active': cpu, 'mem.available': memory } = host.metrics;
  return {
    ...host,
    metrics: {
      ...(cpu !== undefined && { 'cpu.usage_active': cpuThreshold + cpu / 4 - 3 }),
      ...(memory !== undefined && { 'mem.available': Math.max(0, memoryThreshold + GIB - memory / 2) }),
    },
  };
}

/** A request on a small, hostile fleet: odd hosts, missing readings, restrictions, both metrics, several sources. */
export function requestArbitrary(most: RequestShape): fc.Arbitrary<PlanRequest> {
  const isExact = most.isExact ?? false;
  return fc
    .record({
      hosts: fc.integer({ min: 2, max: most.hosts }),
      guests: fc.integer({ min: 1, max: most.guests }),
      sources: fc.integer({ min: 1, max: most.sources }),
    })
    .chain((shape) => {
      const some = (prefix: string, count: number) =>
        fc.oneof(
          { weight: 4, arbitrary: fc.constant<string[]>([]) },
          fc.uniqueArray(
            fc.integer({ min: 0, max: count - 1 }).map((at) => `${prefix}${at}`),
            { minLength: 1 },
          ),
        );
      return fc
        .record({
          hosts: fc.tuple(...Array.from({ length: shape.hosts }, (_, at) => hostArbitrary(`h${at}`, isExact))),
          guests: fc.tuple(
            ...Array.from({ length: shape.guests }, (_, at) => guestArbitrary(`g${at}`, shape.hosts, isExact)),
          ),
          sourceGuests: some('g', shape.guests),
          targetHosts: some('host-h', shape.hosts),
          ruleSources: some('h', shape.hosts),
          cpu: fc.boolean(),
          cpuThreshold: fc.constantFrom(50, 60, 70, 80),
          memoryThreshold: fc.constantFrom(4 * GIB, 16 * GIB),
          sourceIds: fc.uniqueArray(
            fc.integer({ min: 0, max: shape.hosts - 1 }).map((at) => `h${at}`),
            { minLength: 1, maxLength: shape.sources },
          ),
        })
        .map(
          ({
            hosts,
            guests,
            sourceGuests,
            targetHosts,
            ruleSources,
            cpu,
            cpuThreshold,
            memoryThreshold,
            sourceIds,
          }) => ({
            snapshot: {
              taken_at: '2022-06-28T07:40:02Z',
              hosts: hosts.map((host) =>
                sourceIds.includes(host.id) ? alerting(host, cpuThreshold, memoryThreshold) : host,
              ),
              guests: guests.map((guest, at) =>
                at % 2 === 0 ? { ...guest, host_id: sourceIds[(at / 2) % sourceIds.length]! } : guest,
              ),
            },
            rule: {
              name: 'any',
              metric: cpu ? ('cpu.usage_active' as const) : ('mem.available' as const),
              threshold: cpu ? cpuThreshold : memoryThreshold,
              source: { hosts: ruleSources, guests: sourceGuests },
              target: { hosts: targetHosts },
            },
            sourceIds,
          }),
        );
    });
}
