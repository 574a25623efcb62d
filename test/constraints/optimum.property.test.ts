import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Guest, Host } from '../../src/fleet/fleet.js';
import { requestArbitrary } from '../balancer/arbitrary.js';
import { sourcesOver } from '../balancer/checker.js';
import { type Choice, bestOfAll } from '../balancer/every-plan.js';
import { type PlanRequest, planMigrations } from '../support/plan.js';

const GUESTS = 8;
/** Those of even numbers are on the alerting hosts. */
const ids = fc.oneof(
  fc.integer({ min: 0, max: GUESTS / 2 - 1 }).map((at) => `g${2 * at}`),
  fc.integer({ min: 0, max: GUESTS - 1 }).map((at) => `g${at}`),
);
const group = fc.uniqueArray(ids, { minLength: 2, maxLength: 5 });

/** Tiny fleets with groups that are to be kept apart, pins, and ratios of what may be given out. */
const given: fc.Arbitrary<PlanRequest> = fc
  .tuple(
    requestArbitrary({ hosts: 5, guests: GUESTS, sources: 2 }),
    fc.record({
      keepApart: fc.array(group, { maxLength: 3 }),
      pinned: fc.dictionary(
        ids,
        fc.uniqueArray(
          fc.integer({ min: 0, max: 3 }).map((at) => `h${at}`),
          { minLength: 1, maxLength: 2 },
        ),
        { maxKeys: 2 },
      ),
      allocation: fc.record({ memory: fc.constantFrom(0.25, 0.5), cpu: fc.constantFrom(1, 2) }, { requiredKeys: [] }),
    }),
  )
  .map(([request, keys]) => ({ ...request, rule: { ...request.rule, ...keys } }));

/** The same constraints written a second time, over every guest and host. */
function keepsTo({ snapshot, rule }: PlanRequest): (choice: readonly Choice[]) => boolean {
  const { keepApart = [], pinned = {}, allocation = {} } = rule;
  return (choice) => {
    const on = (host: Host) => [
      ...snapshot.guests.filter(({ host_id }) => host_id === host.id),
      ...choice.filter(({ to }) => to === host).map(({ guest }) => guest),
    ];
    const given = (guests: readonly Guest[], amount: (guest: Guest) => number) =>
      guests.reduce((sum, guest) => sum + amount(guest), 0);
    return choice.every(({ guest, to }) => {
      const there = on(to);
      const meets = keepApart.some(
        (list) =>
          Array.isArray(list) &&
          list.includes(guest.id) &&
          there.some(({ id }) => id !== guest.id && list.includes(id)),
      );
      return (
        !meets &&
        (pinned[guest.id]?.includes(to.id) ?? true) &&
        given(there, ({ vmem_size }) => vmem_size) <= (allocation.memory ?? Infinity) * to.mem_size &&
        given(there, ({ vcpu_count }) => vcpu_count) <= (allocation.cpu ?? Infinity) * to.cpu_count
      );
    });
  };
}

describe('against every plan there is, with guests kept apart, pinned, and limits of what is given out', () => {
  it('clears what can be cleared for the least price, and what it calls proven is', () => {
    fc.assert(
      fc.property(given, (request) => {
        fc.pre(sourcesOver(request).length > 0);
        const best = bestOfAll(request, keepsTo(request));
        const plan = planMigrations(request);
        expect(plan.explanation.sources.every(({ cleared }) => cleared)).toBe(best !== undefined);
        if (!best) return;
        expect([plan.cost, plan.migrations.length]).toEqual(best.slice(0, 2));
        expect(plan.optimal).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('the generator makes cases that the constraints change, and some that they make hopeless', () => {
    const made = fc.sample(given, { numRuns: 600, seed: 7 }).filter((request) => sourcesOver(request).length > 0);
    const both = made.map((request) => {
      const { keepApart: _apart, pinned: _pinned, allocation: _allocation, ...rule } = request.rule;
      const free = planMigrations({ ...request, rule });
      const choice = free.migrations.map(({ guest, target_host }): Choice => ({
        guest: request.snapshot.guests.find(({ id }) => id === guest.id)!,
        to: request.snapshot.hosts.find(({ id }) => id === target_host.id)!,
      }));
      const isBroken = free.outcome === 'migrate' && !keepsTo(request)(choice);
      return { isBroken, isHopeless: bestOfAll(request, keepsTo(request)) === undefined };
    });
    expect(both.filter(({ isBroken, isHopeless }) => isBroken && isHopeless).length).toBeGreaterThan(5);
    expect(both.filter(({ isBroken, isHopeless }) => isBroken && !isHopeless).length).toBeGreaterThan(5);
  });
});
