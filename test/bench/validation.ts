/** What checking a body costs beside parsing it: a body of 1500 alerts, and one of 2. Prints ms each. */
import { ALERTMANAGER, parseAlertmanager } from '../../src/alerts/alertmanager.js';
import { bounded } from '../../src/alerts/bound.js';
import { isOf, problemsOf } from '../../src/alerts/layout.js';
import { parseObject } from '../../src/http/body.js';
import { outOfBounds } from '../../src/http/bounds.js';

const alert = (index: number) => ({
  status: 'firing',
  labels: {
    alertname: 'test-cpu',
    host: `host-${index}`,
    instance: `host-${index}:9100`,
    job: 'node',
    severity: 'critical',
  },
  annotations: { summary: `High CPU on host-${index}`, description: 'CPU is 93.5 % for 5m' },
  startsAt: '2026-11-21T05:05:00.123Z',
  endsAt: '0001-01-01T00:00:00Z',
  fingerprint: index.toString(16).padStart(16, '0'),
});

async function time(rounds: number, act: () => unknown): Promise<string> {
  for (let round = 0; round < rounds / 5; round += 1) await act();
  const before = performance.now();
  for (let round = 0; round < rounds; round += 1) await act();
  return ((performance.now() - before) / rounds).toFixed(4);
}

for (const [count, rounds] of [
  [2, 20_000],
  [1500, 200],
] as const) {
  const bytes = Buffer.from(JSON.stringify({ alerts: Array.from({ length: count }, (_, index) => alert(index)) }));
  const body = parseObject(bytes);
  const faulty = { ...body, alerts: Array(count).fill({ status: 'on' }) };
  const steps: [string, () => unknown][] = [
    ['JSON.parse', () => JSON.parse(bytes.toString()) as unknown],
    ['bounds', () => outOfBounds(bytes)],
    ['fields', () => isOf(ALERTMANAGER, body)],
    ['naming faults', () => problemsOf({ layout: ALERTMANAGER, value: faulty, at: '' })],
    ['alerts', () => parseAlertmanager(body)],
    ['cutting', () => (parseAlertmanager(body) as { alerts: Parameters<typeof bounded>[0][] }).alerts.map(bounded)],
  ];
  process.stdout.write(`${count} alerts, ${bytes.length} bytes\n`);
  for (const [name, act] of steps) process.stdout.write(`  ${name.padEnd(18)} ${await time(rounds, act)} ms\n`);
}
