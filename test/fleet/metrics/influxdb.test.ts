import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { InfluxSettings } from '../../../src/fleet/metrics/influxdb.js';
import { createInfluxMetrics } from '../../../src/fleet/metrics/influxdb.js';
import { host } from '../../support/fleet.js';
import { createVirtualClock } from '../../support/virtual-clock.js';
import { influxdb } from '../../support/stores/influxdb.js';
import { metricsContract } from './contract.js';

metricsContract(influxdb);

/** What is asked of hosts, and what comes of an answer of 0.72. */
async function asking(fields: NonNullable<InfluxSettings['fields']>) {
  let asked: string[] = [];
  const clock = createVirtualClock();
  const at = clock.now();
  const server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      asked = new URLSearchParams(text).get('q')!.split('; ');
      const results = asked.map((statement) => ({
        ...(statement.includes('"cpu') && { series: [{ tags: { host: 'pve1' }, values: [[at, 0.72]] }] }),
      }));
      response.end(JSON.stringify({ results }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const metrics = createInfluxMetrics(
    { url, database: 'proxmox', scrapeIntervalMs: 10_000, fields, hostTags: ['host'] },
    { clock, random: () => 0, timeoutMs: 5000 },
  );
  const { hosts } = await metrics.readings({ hosts: [host('pve1', undefined)], guests: [], periodMs: 60_000 });
  return { asked, cpu: hosts.get('id-pve1')!['cpu.usage_active']!.value };
}

describe('the CPU of hosts in InfluxDB', () => {
  it('is the row for all cores where Telegraf keeps it', async () => {
    const { asked } = await asking({});
    expect(asked[0]).toContain(`("cpu" = 'cpu-total' OR "cpu" = '')`);
  });

  it('has no condition on a tag cpu elsewhere: Proxmox writes `cpustat cpu=0.72`, a field of that name, as a ratio', async () => {
    const { asked, cpu } = await asking({ hostCpu: { measurement: 'cpustat', field: 'cpu', factor: 100 } });
    expect(asked[0]).toMatch(/^SELECT mean\("cpu"\) FROM "cpustat" WHERE /);
    expect(asked[0]).not.toContain('cpu-total');
    expect(cpu).toBeCloseTo(72, 9);
  });

  it('is asked for without an end: a reading from the future is to be seen, so that it can be refused', async () => {
    const { asked } = await asking({});
    expect(asked.join()).not.toContain('time <=');
  });
});
