import { describe, expect, it } from 'vitest';
import { withLeastGain } from '../../src/balancer/index.js';
import { planMigrations } from '../support/plan.js';
import { cpu, cpuRule, fleet, guest, host } from './fleet.js';

/** a is 35 points over, and its only guest that finds a place brings half a point; b is full but for that. */
const hopeless = fleet(
  [host('a', { metrics: cpu(95) }), host('b', { metrics: cpu(59) })],
  [
    guest('tiny', 'a', { vcpu_count: 1, metrics: { 'cpu.usage_active': 20 } }),
    guest('large', 'a', { vcpu_count: 40, metrics: { 'cpu.usage_active': 70 } }),
  ],
);
const partial = planMigrations({ snapshot: hopeless, rule: cpuRule(60), sourceIds: ['a'] });

describe('a plan that clears no host', () => {
  it('is not carried out for less than its share of the excess, and says what it would have come to', () => {
    expect(partial).toMatchObject({ outcome: 'partial', migrations: [{ guest: { name: 'tiny' } }] });
    const judged = withLeastGain(partial, 0.2, hopeless);
    expect(judged).toMatchObject({ outcome: 'find_result_fail', migrations: [], cost: 0 });
    expect(judged.sources[0]).toMatchObject({ current: 95, predicted: 95 });
    expect(judged.notes).toBe(
      'find result to migrate: not worth it: 1 guest with 8192 MiB to copy would take 0.5 points of 35 points from a, less than the least gain of 20 %',
    );
    expect(judged.explanation.chosen).toContain('nothing moves: 1 guest');
    expect(judged.explanation.sources[0]).toMatchObject({ removed: 0, cleared: false });
    expect(judged.rejected).toEqual(partial.rejected);
  });

  it('is carried out where it removes its share, or where any gain will do', () => {
    expect(withLeastGain(partial, 0.01, hopeless)).toBe(partial);
    expect(withLeastGain(partial, 0, hopeless)).toBe(partial);
  });

  it('is worth it where it clears one host of several', () => {
    const both = fleet(
      [...hopeless.hosts, host('c', { metrics: cpu(60.2) })],
      [...hopeless.guests, guest('small', 'c', { vcpu_count: 1, metrics: { 'cpu.usage_active': 16 } })],
    );
    const plan = planMigrations({ snapshot: both, rule: cpuRule(60), sourceIds: ['a', 'c'] });
    expect(plan).toMatchObject({ outcome: 'partial' });
    expect(withLeastGain(plan, 0.9, both)).toBe(plan);
  });
});

describe('a host whose guests explain less than half of its reading', () => {
  it('is told of with a plan that does not clear it', () => {
    const alone = fleet(hopeless.hosts, hopeless.guests.slice(0, 1));
    const plan = planMigrations({ snapshot: alone, rule: cpuRule(60), sourceIds: ['a'] });
    const said = 'the guests of a explain 0.5 % of its 95 %';
    expect(plan.notes).toContain(said);
    expect(plan.explanation.missing?.text).toContain(said);
    expect(withLeastGain(plan, 0.2, alone).notes).toContain(said);
    expect(partial.notes).not.toContain('explain');
  });
});
