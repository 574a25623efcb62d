import { describe, expect, it } from 'vitest';
import { weighEvidence } from '../../src/decide/evidence.js';

const cpu = { metric: 'cpu.usage_active' as const, threshold: 80 };
const samples = [90, 70, 85, 81].map((value, index) => ({ at: 100 + index, value }));

describe('evidence', () => {
  it.each([
    ['mean', { enough: true }],
    ['minimum', { enough: false, text: '3 of 4 samples pass the threshold, the rule asks for 4' }],
    [{ share: 0.75 }, { enough: true }],
    [{ share: 0.8 }, { enough: false, text: '3 of 4 samples pass the threshold, the rule asks for 4' }],
  ] as const)('%j', (evidence, verdict) => {
    expect(weighEvidence(evidence, samples, cpu, 0)).toEqual(verdict);
  });

  it('only looks at the samples of the period', () => {
    expect(weighEvidence('minimum', samples, cpu, 101)).toEqual({ enough: true });
  });

  it('goes by the reading where the store tells no samples', () => {
    expect(weighEvidence('minimum', [], cpu, 0)).toEqual({ enough: true });
  });

  it('counts samples below the threshold for memory', () => {
    expect(weighEvidence('minimum', samples, { metric: 'mem.available', threshold: 91 }, 0)).toEqual({ enough: true });
  });
});
