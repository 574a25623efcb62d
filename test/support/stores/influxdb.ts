import { expect } from 'vitest';
import { createInfluxMetrics } from '../../../src/fleet/metrics/influxdb.js';
import type { Subject } from '../../../src/fleet/metrics/readings.js';
import type { StoreKind } from '../../fleet/metrics/contract.js';

interface Answer {
  results: { statement_id: number; series?: object[]; error?: string; partial?: boolean }[];
}

const STEP = /GROUP BY time\((\d+)ms, \d+ms\)/;
const measured: Record<string, Subject> = { cpu: 'hostCpu', mem: 'hostMemory', vm_cpu: 'guestCpu' };
const changedFirst = (whole: unknown, change: object) => {
  const { results } = whole as Answer;
  return { results: results.map((result, index) => (index === 0 ? { ...result, ...change } : result)) };
};

/** How InfluxDB speaks. */
export const influxdb: StoreKind = {
  name: 'influxdb',
  labelWord: 'tag',
  longestQuery: 200_000,
  create: (url, context) => createInfluxMetrics({ url, database: 'telegraf', scrapeIntervalMs: 60_000 }, context),
  answer({ path, form }, series): Answer {
    expect(path).toBe('/query?db=telegraf&epoch=ms');
    const results = form
      .get('q')!
      .split('; ')
      .map((statement, index) => {
        const [, call, measurement] = /^SELECT (mean|last)\("[a-z_]+"\) FROM "([a-z_]+)"/.exec(statement)!;
        const step = Number(STEP.exec(statement)?.[1] ?? 0);
        const to = Number(/time <= (\d+)ms/.exec(statement)?.[1] ?? 0);
        // A guest's series are brought together by the one tag that is asked for; a bucket begins a millisecond after the one before ends.
        const bringsTogether = /GROUP BY time\(\d+ms, \d+ms\), "vm_id" fill/.test(statement);
        const ends = (at: number) => (bringsTogether ? [to - step, to] : [at - 60_000, at]);
        const own = series.filter(({ subject }) => subject === measured[measurement!]);
        const first = own.findIndex(({ labels }) => labels.vm_id !== undefined);
        const found = own
          .filter((_each, index) => !bringsTogether || index === first)
          .map(({ labels, value, at }) => ({
            name: measurement,
            tags: bringsTogether ? { vm_id: labels.vm_id } : labels,
            columns: ['time', call],
            values: step ? ends(at).map((end) => [end + 1 - step, value]) : [[call === 'last' ? at : 0, value]],
          }));
        return { statement_id: index, ...(found.length > 0 && { series: found }) };
      });
    return { results };
  },
  stepsOf(received) {
    const statements = received.flatMap(({ form }) => form.get('q')!.split('; '));
    const step = (measurement: string) =>
      Number(
        STEP.exec(statements.find((each) => STEP.test(each) && each.includes(`FROM "${measurement}"`)) ?? '')?.[1],
      );
    return { hosts: step('cpu'), guests: step('vm_cpu') };
  },
  pong: { results: [{ statement_id: 0, series: [{ name: 'measurements', columns: ['name'], values: [['cpu']] }] }] },
  noPongs: [
    { body: { results: [{ statement_id: 0, error: 'database not found: telegraf' }] }, says: 'database not found' },
    { body: { error: 'authorization failed' }, says: 'authorization failed' },
  ],
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
