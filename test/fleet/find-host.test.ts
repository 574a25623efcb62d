import { describe, expect, it } from 'vitest';
import type { HostRecord } from '../../src/fleet/fleet.js';
import { findHost, indexHosts, isAmong, isRuleSource } from '../../src/fleet/find-host.js';
import { rule } from '../rules/files.js';

const host = (id: string, name: string, addresses?: string[]): HostRecord => ({
  id,
  name,
  status: 'online',
  enabled: true,
  host_type: 'hypervisor',
  cpu_architecture: 'x86_64',
  cpu_count: 40,
  mem_size: 262144,
  ...(addresses && { addresses }),
});
const fleet = [
  host('1', 'a15', ['10.0.0.15', 'FE80::15']),
  host('2', 'b15.example.com'),
  host('3', '4'),
  host('4', 'c'),
];
const idOf = (words: string[], hosts = fleet) => {
  const found = findHost(words, indexHosts(hosts));
  return found.found === 'host' ? found.host.id : found.found;
};

describe('the host of an alert', () => {
  it('is found by id, then name, then address', () => {
    expect(idOf(['1'])).toBe('1');
    expect(idOf(['4'])).toBe('4');
    expect(idOf(['a15'])).toBe('1');
    expect(idOf(['10.0.0.15'])).toBe('1');
  });

  it('is the first word that names one', () => {
    expect(idOf(['gone', 'c', 'a15'])).toBe('4');
    expect(idOf(['A15', 'c'])).toBe('4');
  });

  it('is found in any letter case, and by its short or its full name', () => {
    expect(idOf(['A15'])).toBe('1');
    expect(idOf(['fe80::15'])).toBe('1');
    expect(idOf(['a15.example.com'])).toBe('1');
    expect(idOf(['B15'])).toBe('2');
  });

  it('is not guessed from another domain, nor from the first part of an address', () => {
    expect(idOf(['b15.example.org'])).toBe('unknown');
    expect(idOf(['10.0.0.99'], [host('1', '10')])).toBe('unknown');
    expect(idOf(['.x'], [host('1', '')])).toBe('unknown');
  });

  it('is ambiguous if a word names several, unless a later one decides', () => {
    const twins = [host('1', 'a15.one', ['10.0.0.1']), host('2', 'a15.two')];
    expect(findHost(['a15'], indexHosts(twins))).toEqual({
      found: 'ambiguous',
      word: 'a15',
      hosts: [
        { id: '1', name: 'a15.one' },
        { id: '2', name: 'a15.two' },
      ],
      text: '"a15" names 2 hosts: a15.one (1), a15.two (2)',
    });
    expect(idOf(['a15', '10.0.0.1'], twins)).toBe('1');
    expect(idOf(['x'], [host('1', 'x'), host('2', 'x')])).toBe('ambiguous');
    expect(idOf(['2'], [host('1', 'x'), host('2', 'x')])).toBe('2');
  });

  it('is unknown with the words that were tried', () => {
    expect(findHost(['x', 'y'], indexHosts(fleet))).toEqual({
      found: 'unknown',
      words: ['x', 'y'],
      text: 'no host of the fleet is called "x", "y"',
    });
    expect(idOf([])).toBe('unknown');
    expect(idOf(['a15'], [])).toBe('unknown');
  });
});

it('references mean hosts by id or name, to the letter', () => {
  expect(isAmong(['1'], { id: '1', name: 'a15' })).toBe(true);
  expect(isAmong(['a15'], { id: '1', name: 'a15' })).toBe(true);
  expect(isAmong(['A15'], { id: '1', name: 'a15' })).toBe(false);
  expect(isAmong([], { id: '1', name: 'a15' })).toBe(false);
});

it('a rule without source hosts relieves every host', () => {
  expect(isRuleSource(rule('r'), { id: '1', name: 'a15' })).toBe(true);
  expect(isRuleSource(rule('r', { source: { hosts: ['a15'] } }), { id: '1', name: 'a15' })).toBe(true);
  expect(isRuleSource(rule('r', { source: { hosts: ['a16'] } }), { id: '1', name: 'a15' })).toBe(false);
});
