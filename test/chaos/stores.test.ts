import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { startLocalServer } from '../support/local-server.js';
import { influxdb } from '../support/stores/influxdb.js';
import { prometheus } from '../support/stores/prometheus.js';
import type { StoreKind, StoredSeries } from '../fleet/metrics/contract.js';
import type { ChaosHarness } from './suite.js';
import { chaosSuite } from './suite.js';

const snapshot = fleet([host('a', 70), host('b', 20)], [guest('g', 'a', 60, { vmem_size: 256 })]);

/** What the store knows of the fleet, taken just now. */
const series = (at = Date.now() - 1000): StoredSeries[] => [
  ...snapshot.hosts.flatMap(({ id, metrics }): StoredSeries[] => [
    { subject: 'hostCpu', labels: { host_id: id }, value: metrics['cpu.usage_active']!, at },
    { subject: 'hostMemory', labels: { host_id: id }, value: metrics['mem.available']!, at },
  ]),
  { subject: 'guestCpu', labels: { vm_id: 'id-g' }, value: 60, at },
];

/** A store behind a proxy, beside a cloud that is in order. */
const beside = (kind: StoreKind): ChaosHarness['start'] => {
  return async () => {
    const cloud = createSimulatedCloud(scenario(snapshot), systemClock);
    const store = await startLocalServer(({ path, query, body }) => {
      const form = new URLSearchParams(body as Record<string, string>);
      return { body: kind.answer({ path: query.size > 0 ? `${path}?${query.toString()}` : path, form }, series()) };
    });
    onTestFinished(() => store.close());
    return {
      url: store.url,
      hot: 'a',
      moves: () => [...cloud.asked.values()].reduce((sum, times) => sum + times, 0),
      connect: (url, how) => ({ cloud, metrics: kind.create(url, how) }),
    };
  };
};

chaosSuite({
  name: 'Prometheus',
  system: 'prometheus',
  reads: {
    'CPU of hosts': /\/query query=(?!.*(mem_available|vm_cpu)).*cpu_usage_active/,
    'memory of hosts': /\/query query=.*mem_available/,
    'CPU of guests': /\/query query=.*vm_cpu_usage_active/,
  },
  dispensable: /\/query_range query=/,
  start: beside(prometheus),
});

chaosSuite({
  name: 'InfluxDB',
  system: 'influxdb',
  reads: { readings: /^POST \/query(?!.*GROUP BY time)/ },
  dispensable: /GROUP BY time/,
  start: beside(influxdb),
});
