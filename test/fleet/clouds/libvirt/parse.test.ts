import { describe, expect, it } from 'vitest';
import {
  parseCpuTime,
  parseDomains,
  parseDomstats,
  parseHostFacts,
  parseJob,
  parseMemory,
  parseState,
} from '../../../../src/fleet/clouds/libvirt/parse.js';
import { printed } from './fixtures.js';

const facts = (over: { nodeinfo?: string; memstats?: string; capabilities?: string } = {}) =>
  parseHostFacts(
    printed('hostname.txt'),
    over.nodeinfo ?? printed('nodeinfo.txt'),
    over.memstats ?? printed('nodememstats.txt'),
    over.capabilities ?? printed('capabilities.xml'),
  );

describe('a host', () => {
  it('is what its daemon prints of it', () => {
    expect(facts()).toEqual({
      hostname: 'hostc',
      uuid: 'cbc1dc73-b07b-4917-80ae-a6b2fb8b88b8',
      architecture: 'x86_64',
      cpuModel: 'kvm64',
      kvm: false,
      cpuCount: 2,
      memoryMiB: 2048,
    });
  });

  it('has KVM if guests of its own architecture do', () => {
    const withKvmFor = (arch: string) =>
      printed('capabilities.xml').replace(`<arch name='${arch}'>`, `<arch name='${arch}'><domain type='kvm'/>`);
    expect(facts({ capabilities: withKvmFor('x86_64') }).kvm).toBe(true);
    expect(facts({ capabilities: withKvmFor('i686') }).kvm).toBe(false);
  });

  it('has the memory of nodeinfo where nodememstats tells nothing', () => {
    expect(facts({ memstats: '' }).memoryMiB).toBe(Math.floor(9791692 / 1024));
  });

  it.each([
    [{ nodeinfo: '' }, 'libvirt: nodeinfo: expected a number as "CPU(s)", got ""'],
    [{ nodeinfo: 'CPU(s): many' }, 'libvirt: nodeinfo: expected a number as "CPU(s)", got "many"'],
    [{ memstats: 'total  : 2097152 KiB' }, 'libvirt: nodememstats: expected a number as "free", got ""'],
    [{ capabilities: '<html>' }, 'libvirt: capabilities: expected <host> with <arch>'],
  ])('is refused when its daemon prints something else: %j', (over, message) => {
    expect(() => facts(over)).toThrow(message);
  });

  it('has available what is free or only caches', () => {
    expect(parseMemory(printed('nodememstats.txt'))).toEqual({ totalKiB: 2097152, availableKiB: 1912836 + 7812 });
  });

  it('is busy with all that is not idle', () => {
    expect(parseCpuTime(printed('nodecpustats.txt'))).toEqual({ busy: 55120000000, total: 55730000000 });
    expect(() => parseCpuTime('')).toThrow('nodecpustats: expected a number as "idle"');
  });
});

describe('guests', () => {
  it('are told by UUID, with any name, and an arriving copy as such', () => {
    expect(parseDomains(printed('list.txt'), printed('domstats.txt'))).toEqual([
      {
        uuid: 'a6b6e7b8-c56b-4b80-80a6-54c6786feba1',
        name: 'vm1',
        state: 'running',
        incoming: false,
        vcpus: 1,
        memoryMiB: 96,
        heldMiB: 183,
      },
      {
        uuid: '40b5d187-31d2-4302-84c9-cb19f5bd24be',
        name: 'vm2',
        state: 'paused',
        incoming: true,
        vcpus: 1,
        memoryMiB: 96,
      },
      {
        uuid: '03891841-972a-43f4-99d9-4bb93b4e0575',
        name: `odd 'n&"x' €`,
        state: 'shut off',
        incoming: false,
        vcpus: 1,
        memoryMiB: 96,
      },
    ]);
  });

  it('that went between the two commands are left out', () => {
    expect(parseDomains(printed('list.txt'), '')).toEqual([]);
    expect(parseDomains('', printed('domstats.txt'))).toEqual([]);
  });

  it('have all the values that domstats prints', () => {
    const values = parseDomstats(printed('domstats-all.txt')).get('vm50');
    expect(values?.get('cpu.time')).toBe('2300000000');
    expect(values?.get('dirtyrate.calc_mode')).toBe('page-sampling');
  });

  it.each([
    [printed('domstate-running.txt'), { state: 'running', reason: 'migrated' }],
    [printed('domstate-incoming.txt'), { state: 'paused', reason: 'migrating' }],
    ['shut off (destroyed)\n\n', { state: 'shut off', reason: 'destroyed' }],
    ['idle\n', { state: 'running', reason: '' }],
    ['', undefined],
  ])('are in the state that domstate prints: %j', (text, state) => {
    expect(parseState(text)).toEqual(state);
  });

  it('have a job with its progress, or none', () => {
    expect(parseJob(printed('domjobinfo-running.txt'))).toEqual({
      operation: 'Outgoing migration',
      progress: 36,
      elapsedMs: 34_523,
    });
    expect(parseJob(printed('domjobinfo-none.txt'))).toBeUndefined();
    expect(parseJob('')).toBeUndefined();
    expect(parseJob('Job type: Unbounded\nOperation: Outgoing migration\nTime elapsed: 3 ms\n')).toEqual({
      operation: 'Outgoing migration',
      elapsedMs: 3,
    });
    expect(parseJob('Job type: Unbounded\nData remaining: 1.5 GiB\nData total: 2.000 GiB')).toMatchObject({
      progress: 25,
    });
  });
});
