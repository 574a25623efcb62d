import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/alerts/alert.js';
import { LONGEST_LABEL, LONGEST_NAME, MOST_LABELS, bounded } from '../../src/alerts/bound.js';

const alert = (over: Partial<Alert>): Alert => ({
  sender: 'grafana',
  name: 'test-cpu',
  state: 'firing',
  labels: { host: 'a15' },
  key: 'k',
  ...over,
});

describe('the texts of an alert', () => {
  test('stay as they are while they are of everyday length', () => {
    const everyday = alert({ startsAt: '2026-11-21T05:00:00Z', name: 'n'.repeat(LONGEST_NAME) });
    expect(bounded(everyday)).toEqual(everyday);
  });

  test('are cut when they are longer, and then equal no name that was meant', () => {
    const long = 'x'.repeat(1_000_000);
    const cut = bounded(alert({ name: long, labels: { [long]: long, host: long }, startsAt: long, key: long }));
    expect(cut.name).toBe(`${'x'.repeat(LONGEST_NAME)}…`);
    expect(cut.labels.host).toBe(`${'x'.repeat(LONGEST_LABEL)}…`);
    expect(JSON.stringify(cut).length).toBeLessThan(4000);
  });

  test('a key that is too long still tells occurrences apart', () => {
    const key = (end: string): string => bounded(alert({ key: `${'x'.repeat(10_000)}${end}` })).key;
    expect(key('a')).not.toBe(key('b'));
    expect(key('a')).toBe(key('a'));
  });

  test('too many labels are left out', () => {
    const labels = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`label${index}`, 'v']));
    expect(Object.keys(bounded(alert({ labels })).labels)).toHaveLength(MOST_LABELS);
  });

  test('a label called __proto__ is data like any other', () => {
    const labels = Object.fromEntries([['__proto__', 'x']]);
    expect(Object.entries(bounded(alert({ labels })).labels)).toEqual([['__proto__', 'x']]);
  });
});
