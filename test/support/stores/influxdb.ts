import { expect } from 'vitest';
import { createInfluxMetrics } from '../../../src/fleet/metrics/influxdb.js';
import type { Subject } from '../../../src/fleet/metrics/readings.js';
import type { StoreKind } from '../../fleet/metrics/contract.js';

interface Answer {
  results: { statement_id: number; series?: object[]; error?: string; partial?: boolean }[];
}

const measured: Record<string, Subject> = { cpu: 'hostCpu', mem: 'hostMemory', vm_cpu: 'guestCpu' };
const changedFirst = (whole: unknown, change: object) => {
  const { results } = whole as Answer;
  return { results: results.map((result, index) => (index === 0 ? { ...result, ...change } : result)) };
};

/** How InfluxDB speaks. */
export const influxdb: StoreKind = {
  name: 'influxdb',
  longestQuery: 200_000,
  create: (url, context) => createInfluxMetrics({ url, database: 'telegraf', scrapeIntervalMs: 60_000 }, context),
  answer({ path, form }, series): Answer {
    expect(path).toBe('/query?db=telegraf&epoch=ms');
    const results = form
      .get('q')!
      .split('; ')
      .map((statement, index) => {
        const [, call, measurement] = /^SELECT (mean|last)\("[a-z_]+"\) FROM "([a-z_]+)"/.exec(statement)!;
        const step = Number(/GROUP BY time\((\d+)ms\)/.exec(statement)?.[1] ?? 0);
        const found = series
          .filter(({ subject }) => subject === measured[measurement!])
          .map(({ labels, value, at }) => ({
            name: measurement,
            tags: labels,
            columns: ['time', call],
            values: step
              ? [60_000, 0].map((before) => [at - before - step, value])
              : [[call === 'last' ? at : 0, value]],
          }));
        return { statement_id: index, ...(found.length > 0 && { series: found }) };
      });
    return { results };
  },
  refused: {
    'an error of one statement': {
      body: (whole) => changedFirst(whole, { error: 'database not found: telegraf' }),
      says: 'database not found: telegraf',
    },
    'an error of all': { body: () => ({ error: 'timeout' }), says: 'query: timeout' },
    'a result that is cut off': {
      body: (whole) => changedFirst(whole, { partial: true }),
      says: 'the answer is partial',
    },
    'a series that is cut off': {
      body: (whole) => changedFirst(whole, { series: [{ name: 'cpu', columns: [], values: [], partial: true }] }),
      says: 'the answer is partial',
    },
    'fewer results than statements': {
      body: (whole) => ({ results: (whole as Answer).results.slice(1) }),
      says: '5 results for 6 statements',
    },
  },
};
