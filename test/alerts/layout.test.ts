import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ALERTMANAGER } from '../../src/alerts/alertmanager.js';
import { GRAFANA_LEGACY } from '../../src/alerts/grafana-legacy.js';
import { GRAFANA } from '../../src/alerts/grafana.js';
import type { Layout } from '../../src/alerts/layout.js';
import { MAX_PROBLEMS, isOf, problemsOf } from '../../src/alerts/layout.js';
import { MONITOR_TEMPLATE } from '../../src/alerts/monitor-template.js';
import { MONITOR } from '../../src/alerts/monitor.js';
import { fixture } from './fixtures.js';

const REAL: [string, Layout, Record<string, unknown>][] = [
  ['Alertmanager', ALERTMANAGER, fixture('alertmanager-firing-v0.34')],
  ['Grafana', GRAFANA, fixture('grafana-unified-firing')],
  ['legacy Grafana', GRAFANA_LEGACY, fixture('grafana-legacy-alerting')],
  ['the monitor service', MONITOR, fixture('cloudpods-firing-zh')],
  [
    'its structured form',
    MONITOR_TEMPLATE,
    { name: 'a', matches: [{ metric: 'cpu.usage_active', tags: { host: 'a' } }] },
  ],
];

describe.each(REAL)('the layout of %s', (_name, layout, real) => {
  const field = fc.constantFrom(...layout.fields.map(([name]) => name), 'another');
  const entry = fc.dictionary(
    fc.constantFrom(...(layout.list?.entry ?? []).map(([name]) => name), 'another'),
    fc.oneof(fc.jsonValue(), fc.constantFrom('firing', '', null)),
  );
  const body = fc
    .tuple(field, fc.oneof(fc.jsonValue(), fc.array(entry)))
    .map(([name, value]): unknown => ({ ...real, [name]: value }));

  test('takes a real body', () => {
    expect(isOf(layout, real)).toBe(true);
  });

  test('takes a body exactly where express-validator finds no fault, and names each fault', async () => {
    const seen = { taken: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(fc.oneof(body, fc.constant<unknown>(real), fc.jsonValue()), async (value) => {
        const problems = await problemsOf({ layout, value, at: '' });
        expect(isOf(layout, value)).toBe(problems.length === 0);
        expect(problems.length).toBeLessThanOrEqual(MAX_PROBLEMS);
        for (const problem of problems) expect(problem.field).not.toBe('');
        if (problems.length === 0) seen.taken += 1;
        else seen.refused += 1;
      }),
      { numRuns: 300 },
    );
    expect(seen.taken).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(0);
  });
});
