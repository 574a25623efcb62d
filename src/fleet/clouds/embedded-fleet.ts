import type { Guest, Host } from '../fleet.js';
import type { Scenario } from './scenario.js';

const GIB = 1024 ** 3;

function host(id: string, name: string, address: string, cpu: number, availableGib: number): Host {
  return {
    id,
    name,
    addresses: [address],
    status: 'online',
    enabled: true,
    host_type: 'hypervisor',
    cpu_architecture: 'x86_64',
    cpu_count: 40,
    mem_size: 262144,
    metrics: { 'cpu.usage_active': cpu, 'mem.available': availableGib * GIB },
  };
}

function guest(id: string, name: string, hostId: string, vcpus: number, memoryMib: number, cpu: number): Guest {
  return {
    id,
    name,
    host_id: hostId,
    status: 'running',
    vcpu_count: vcpus,
    vmem_size: memoryMib,
    metrics: { 'cpu.usage_active': cpu },
  };
}

const TEST_66 = '6fc10297-eb20-4a96-86a8-4b65260d6016';
const TEST_69 = '1c5e3a52-7d4b-4f0e-9a53-52b1a0c8e6d4';
const A15 = '733b10fa-bd33-4503-836d-2ccd225bf12f';

/**
 * The fleet that the simulated cloud holds when no scenario file is given: the three hosts of the documents that the
 * project follows, with the readings of their first example, and a few guests beside the two that are told of there.
 */
export const embeddedFleet: Scenario = {
  snapshot: {
    taken_at: '2022-06-28T07:40:02Z',
    hosts: [
      host(TEST_66, 'test-66-onecloud02', '10.127.100.66', 66.53, 180),
      host(TEST_69, 'test-69-onecloud01', '10.127.100.69', 55.313408, 120),
      host(A15, 'a15', '10.127.100.15', 62.305391, 87.7),
    ],
    guests: [
      guest('5b1f0c0e-8d39-4a0b-b6c4-7d1c7f7a2c11', 'cpu-test-vm', TEST_66, 24, 1024, 99.46995),
      guest('a3107d1f-c46e-43cf-8aa8-55743d1533b1', 'aisenzhe', A15, 8, 8192, 53.846966666666674),
      guest('e0a2b9c3-2f64-4d0a-9d0f-6f3c1f0f9a21', 'billing-db', A15, 16, 65536, 61.2),
      guest('c7d4c1f2-90ab-4f77-8a43-3a1d1b2f6c32', 'build-runner', A15, 12, 32768, 58.4),
      guest('98f2b0aa-1d5e-4a43-b7c6-0e9d2c4b7f43', 'wiki', A15, 2, 4096, 6.1),
      guest('41e6d8b7-73c2-4b19-8f5a-c2a7e5d90b54', 'web-frontend', TEST_69, 8, 16384, 71.5),
      guest('d25a7f64-06e8-4c3d-a1b9-4b8f3e6c1d65', 'search-index', TEST_69, 16, 49152, 66.3),
    ],
  },
  simulation: { bandwidth: 2048, time_scale: 1, averaged: false, fail: [] },
};
