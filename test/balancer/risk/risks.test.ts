import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Courses, slotWeights } from '../../../src/balancer/risk/courses.js';
import { HostRisks } from '../../../src/balancer/risk/host-risks.js';
import { normalBelow } from '../../../src/balancer/risk/normal.js';
import { guest } from '../../support/fleet.js';

describe('the normal distribution', () => {
  it.each([
    [0, 0.5],
    [1, 0.8413447460685429],
    [-1.959963984540054, 0.025],
    [3, 0.9986501019683699],
    [-6, 9.865876450377018e-10],
  ])('has at %f the value %f of the tables', (z, expected) => {
    expect(normalBelow(z) / expected).toBeCloseTo(1, 6);
  });
});

describe('the weights of slots', () => {
  it('add up to 1, half of it over the last hour', () => {
    for (const slots of [1, 5, 12, 13, 72]) {
      expect(slotWeights(slots).reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 12);
    }
    const weights = slotWeights(72);
    expect(weights[0]).toBeCloseTo(0.5 / 72 + 0.5 / 12, 12);
    expect(weights[12]).toBeCloseTo(0.5 / 72, 12);
  });
});

/** Hosts of 10 CPUs with a threshold of 80 %, on which rows are guests of 2 vCPUs. */
function risksOf(courses: readonly (readonly number[])[], onHost: readonly number[], base = 0) {
  const guests = courses.map((course, row) => {
    const reading = course.at(-1) ?? 50;
    return guest(`g${row}`, 'a', reading, { vcpu_count: 2, history: { 'cpu.usage_active': course } });
  });
  const slots = Math.max(1, ...courses.map(({ length }) => length));
  const column = (value: number) => new Float64Array(1).fill(value);
  const used = onHost.reduce((sum, row) => sum + 2 * (guests[row]!.metrics['cpu.usage_active'] ?? 0), 0);
  const reading = column(base + used / 10);
  const risks = new HostRisks(new Courses(slots), { reading, size: column(10), threshold: column(80) });
  risks.fill(
    0,
    onHost.map((row) => guests[row]!),
  );
  for (const each of guests) risks.addRow(each);
  return risks;
}

/** The same by the sums of the definition. */
function byDefinition(courses: readonly (readonly number[])[], onHost: readonly number[], base = 0): number {
  const slots = Math.max(1, ...courses.map(({ length }) => length));
  const recent = Math.min(12, slots);
  const weight = (slot: number) => 0.5 / slots + (slot < recent ? 0.5 / recent : 0);
  const level = (slot: number) =>
    onHost.reduce((sum, row) => {
      const course = courses[row]!;
      const reading = course.at(-1) ?? 50;
      let [known, all] = [0, 0];
      course.forEach((value, at) => {
        known += weight(course.length - 1 - at);
        all += weight(course.length - 1 - at) * value;
      });
      const used = course.at(-1 - slot) ?? (known > 0 ? all / known : reading);
      return sum + ((0.8 * used + 0.2 * reading) * 2) / 10;
    }, base);
  let [mean, square] = [0, 0];
  for (let slot = 0; slot < slots; slot += 1) mean += weight(slot) * level(slot);
  for (let slot = 0; slot < slots; slot += 1) square += weight(slot) * (level(slot) - mean) ** 2;
  return normalBelow((mean - 80) / Math.sqrt(square + 100));
}

const fewCourses = fc.array(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 20 }), {
  minLength: 1,
  maxLength: 8,
});

describe('the risk of a host', () => {
  it('is that of the sum of its guests, however long their histories are', () => {
    fc.assert(
      fc.property(fewCourses, fc.integer({ min: 0, max: 60 }), (courses, base) => {
        const all = courses.map((_, row) => row);
        expect(risksOf(courses, all, base).risk(0)).toBeCloseTo(byDefinition(courses, all, base), 9);
      }),
    );
  });

  it('without a guest, and with one more, is that of the host without it, and with it', () => {
    fc.assert(
      fc.property(fewCourses, (courses) => {
        const all = courses.map((_, row) => row);
        const others = all.slice(1);
        const without = risksOf(courses, others);
        const withAll = risksOf(courses, all);
        expect(withAll.riskWithout(0, 0)).toBeCloseTo(without.risk(0), 9);
        expect(without.riskWith(0, 0)).toBeCloseTo(withAll.risk(0), 9);
      }),
    );
  });

  it('is higher where guests are busy together than where they take turns', () => {
    const up = [100, 0, 100, 0, 100, 0, 50];
    const down = [0, 100, 0, 100, 0, 100, 50];
    const together = risksOf([up, up], [0, 1], 40);
    const inTurn = risksOf([up, down], [0, 1], 40);
    expect(together.risk(0)).toBeGreaterThan(2 * inTurn.risk(0));
  });

  it('counts what no guest explains', () => {
    expect(risksOf([[50]], [0], 70).risk(0)).toBeCloseTo(0.5, 6);
    expect(risksOf([[50]], [0], 60).risk(0)).toBeCloseTo(normalBelow(-1), 6);
  });
});
