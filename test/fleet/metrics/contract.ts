import type { Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Metrics, MetricsQuery } from '../../../src/fleet/fleet.js';
import { FleetError } from '../../../src/fleet/fleet.js';
import type { Subject } from '../../../src/fleet/metrics/readings.js';
import type { StoreContext } from '../../../src/fleet/metrics/store.js';
import { assembleSnapshot, withHistory } from '../../../src/fleet/snapshot.js';
import { guest, host } from '../../support/fleet.js';
import { createVirtualClock } from '../../support/virtual-clock.js';

/** One series that a store has. */
export interface StoredSeries {
  subject: Subject;
  labels: Record<string, string>;
  /** The mean, as the store would write it. */
  value: number | string | null;
  /** Of the newest sample, ms. */
  at: number;
}

/** A request as it came in. */
export interface Received {
  path: string;
  form: URLSearchParams;
}

/** How one kind of store speaks. */
export interface StoreKind {
  name: string;
  /** What it calls what names a host. */
  labelWord: 'label' | 'tag';
  /** The longest query that every such store takes, characters. */
  longestQuery: number;
  create(url: string, context: StoreContext): Metrics;
  /** What a store with these series would answer. */
  answer(request: Received, series: readonly StoredSeries[]): unknown;
  /** In which steps the histories of hosts and guests were asked for, ms. */
  stepsOf(received: readonly Received[]): Record<'hosts' | 'guests', number>;
  /** What a good store answers to a ping, and what one answers with status 200 that is of no use. */
  pong: unknown;
  noPongs: { body: unknown; says: string }[];
  /** Answers with status 200 that are half answers or errors all the same, and what the error has to say. */
  refused: Record<string, { body: (whole: unknown) => unknown; says: string }>;
}

const PERIOD_MS = 300_000;
const SCRAPE_MS = 60_000;
const HOUR_MS = 3_600_000;
const HOST_LABEL = 'host_id';

/** What every metric store has to keep. */
export function metricsContract(kind: StoreKind): void {
  const clock = createVirtualClock();
  const now = clock.now();
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  type Respond = (request: Received) => { status?: number; body?: string } | 'hang';
  const open = async (respond: Respond, timeoutMs = 5000) => {
    const received: Received[] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const call = { path: request.url ?? '', form: new URLSearchParams(text) };
        received.push(call);
        const answer = respond(call);
        if (answer === 'hang') return;
        response.statusCode = answer.status ?? 200;
        response.end(answer.body);
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { metrics: kind.create(url, { clock, random: () => 0, timeoutMs }), received };
  };
  const having = (series: readonly StoredSeries[]) =>
    open((request) => ({ body: JSON.stringify(kind.answer(request, series)) }));

  const fleet: MetricsQuery = {
    hosts: [host('a', undefined), host('b', undefined)],
    guests: [guest('g', 'a', undefined), guest('h', 'b', undefined)],
    periodMs: PERIOD_MS,
  };
  const cpu = (id: string, value: number | string | null, over: Partial<StoredSeries> = {}): StoredSeries => ({
    subject: 'hostCpu',
    labels: { [HOST_LABEL]: id },
    value,
    at: now - 5000,
    ...over,
  });
  const snapshotOf = async (series: readonly StoredSeries[]) => {
    const { metrics } = await having(series);
    const { hosts, guests } = fleet;
    const history = await metrics.history!({ hosts, guests, historyMs: HOUR_MS });
    const readings = withHistory(await metrics.readings(fleet), history);
    const inventory = { hosts: [...hosts], guests: [...guests] };
    const maxAgeMs = PERIOD_MS + metrics.scrapeIntervalMs;
    return assembleSnapshot(inventory, readings, { now, maxAgeMs, maxAheadMs: metrics.scrapeIntervalMs });
  };
  const present = (value: number, at: number) => ({ value, at });

  describe(`a metric store: ${kind.name}`, () => {
    it('gives each host and guest its readings; whoever has none is absent, and so are strangers', async () => {
      const { metrics } = await having([
        cpu('id-a', 12.5),
        cpu('stranger', 99),
        { subject: 'hostMemory', labels: { [HOST_LABEL]: 'b' }, value: 1024, at: now - 7000 },
        { subject: 'guestCpu', labels: { vm_id: 'id-g' }, value: 50, at: now - 9000 },
      ]);
      expect(metrics.scrapeIntervalMs).toBe(SCRAPE_MS);
      const { hosts, guests } = await metrics.readings(fleet);
      expect(Object.fromEntries(hosts)).toEqual({
        'id-a': { 'cpu.usage_active': { value: 12.5, at: now - 5000 } },
        'id-b': { 'mem.available': { value: 1024, at: now - 7000 } },
      });
      expect(Object.fromEntries(guests)).toEqual({ 'id-g': { 'cpu.usage_active': { value: 50, at: now - 9000 } } });
    });

    it('an empty store gives no readings', async () => {
      const { metrics } = await having([]);
      const { hosts, guests } = await metrics.readings(fleet);
      const past = await metrics.history!({ ...fleet, historyMs: HOUR_MS });
      expect([hosts.size, guests.size, past.hosts.size, past.guests.size]).toEqual([0, 0, 0, 0]);
    });

    it('an empty fleet is not asked for', async () => {
      const { metrics, received } = await having([]);
      await metrics.readings({ ...fleet, hosts: [], guests: [] });
      await metrics.history!({ hosts: [], guests: [], historyMs: HOUR_MS });
      expect(received).toEqual([]);
    });

    it('the time of the newest sample tells that a reading is stale', async () => {
      const { discarded } = await snapshotOf([cpu('id-a', 12.5, { at: now - PERIOD_MS - SCRAPE_MS - 1000 })]);
      expect(discarded).toMatchObject([{ name: 'a', reason: 'stale' }]);
    });

    it.each(['NaN', '+Inf', '-Inf', '', 'much', 130, -4, 100.6])(
      '%j is no percentage: refused by name',
      async (value) => {
        const { discarded, snapshot } = await snapshotOf([cpu('id-a', value)]);
        expect(discarded).toMatchObject([{ kind: 'host', name: 'a', reason: 'implausible' }]);
        expect(snapshot.hosts[0]!.metrics).toEqual({});
      },
    );

    it.each([
      [100.4, 100],
      [-0.3, 0],
    ])('%s %% is off by rounding and means %s %%', async (value, meant) => {
      const { snapshot } = await snapshotOf([cpu('id-a', value)]);
      expect(snapshot.hosts[0]!.metrics).toEqual({ 'cpu.usage_active': meant });
    });

    it('a guest above 100 % is at 100 %, now and over its history: its emulator counts too, and it is the busiest', async () => {
      const busy = (value: number): StoredSeries => ({
        subject: 'guestCpu',
        labels: { vm_id: 'id-g' },
        value,
        at: now - 5000,
      });
      const { snapshot, discarded } = await snapshotOf([busy(137.5)]);
      expect(snapshot.guests[0]!.metrics).toEqual({ 'cpu.usage_active': 100 });
      expect(snapshot.guests[0]!.history!['cpu.usage_active']).toContain(100);
      expect(Math.max(...snapshot.guests[0]!.history!['cpu.usage_active']!)).toBe(100);
      expect(discarded).toEqual([]);
    });

    it('the full name and the short one are the same host, with a port too, where only one matches', async () => {
      const { metrics } = await having([
        cpu('a15:9100', 10),
        cpu('a16.example.com:9100', 20),
        cpu('10.0.0.7:9100', 70),
      ]);
      const hosts = [
        host('a15.example.com', undefined),
        host('a16', undefined),
        // The first part of an address is no name.
        host('10', undefined),
      ];
      const found = await metrics.readings({ ...fleet, hosts });
      expect(Object.fromEntries(found.hosts)).toEqual({
        'id-a15.example.com': { 'cpu.usage_active': present(10, now - 5000) },
        'id-a16': { 'cpu.usage_active': present(20, now - 5000) },
      });
    });

    it('a short name that two hosts would have is nobody’s, and of two full names for one host neither is taken', async () => {
      const { metrics } = await having([cpu('a15', 10), cpu('a16.one', 20), cpu('a16.two', 30), cpu('a17.one', 40)]);
      const hosts = [host('a15.one', undefined), host('a15.two', undefined), host('a16', undefined)];
      const found = await metrics.readings({ ...fleet, hosts: [...hosts, host('a17', undefined)] });
      expect([...found.hosts.keys()]).toEqual(['id-a17']);
    });

    it('a host that goes by its very name takes nothing from one that is only like it', async () => {
      const { metrics } = await having([cpu('a15', 10), cpu('a15.example.com', 90)]);
      const hosts = [host('a15', undefined)];
      const found = await metrics.readings({ ...fleet, hosts });
      expect(found.hosts.get('id-a15')!['cpu.usage_active']!.value).toBe(10);
    });

    it('says by which label it looks for a host, so that a message can', async () => {
      const { metrics } = await having([]);
      expect(metrics.namedBy).toEqual({ host: `the ${kind.labelWord} host_id`, guest: `the ${kind.labelWord} vm_id` });
    });

    it('null is absent, never 0', async () => {
      const { discarded, snapshot } = await snapshotOf([cpu('id-a', null)]);
      expect([discarded, snapshot.hosts[0]!.metrics]).toEqual([[], {}]);
    });

    it('of two series the newest counts; equally new ones are averaged', async () => {
      const old = cpu('id-a', 90, { labels: { [HOST_LABEL]: 'id-a', rack: '1' }, at: now - 65_000 });
      const { metrics } = await having([old, cpu('id-a', 20), cpu('id-b', 30), cpu('b', 40)]);
      const { hosts } = await metrics.readings(fleet);
      expect(hosts.get('id-a')!['cpu.usage_active']).toEqual({ value: 20, at: now - 5000 });
      expect(hosts.get('id-b')!['cpu.usage_active']).toEqual({ value: 35, at: now - 5000 });
    });

    it('a name that two go by is nobody’s; an id goes before a name', async () => {
      const { metrics } = await having([cpu('twin', 10), cpu('id-c', 20)]);
      const twins = [host('c', undefined, { name: 'twin' }), host('d', undefined, { name: 'twin' })];
      const named = host('e', undefined, { name: 'id-c' });
      const { hosts } = await metrics.readings({ ...fleet, hosts: [...twins, named] });
      expect([...hosts.keys()]).toEqual(['id-c']);
    });

    it.each([
      ['wrong JSON', '{"status":', 'not JSON'],
      ['HTML', '<html>Sign in</html>', 'not JSON: <html>Sign in'],
      ['nothing', '', 'not an answer of this API|0 results'],
      ['an empty object', '{}', 'not an answer of this API|0 results'],
      ['a list', '[]', 'not an answer of this API'],
      ['wrong types', '{"status":"success","data":{"result":7},"results":"x"}', 'not an answer of this API'],
    ])('%s with status 200 is an error that names the store', async (_what, body, says) => {
      const { metrics } = await open(() => ({ body }));
      const asked = metrics.readings(fleet);
      await expect(asked).rejects.toThrow(FleetError);
      await expect(asked).rejects.toThrow(new RegExp(`^${kind.name}: .*(${says})`));
    });

    it.each(Object.entries(kind.refused))('%s is an error', async (_what, { body, says }) => {
      const { metrics } = await open((request) => ({
        body: JSON.stringify(body(kind.answer(request, [cpu('a', 1)]))),
      }));
      await expect(metrics.readings(fleet)).rejects.toThrow(says);
    });

    it.each([401, 403, 422, 500, 503])('status %i is told with the words of the answer', async (status) => {
      const { metrics } = await open(() => ({ status, body: '{"error":"too busy for this"}' }));
      await expect(metrics.readings(fleet)).rejects.toThrow(new RegExp(`^${kind.name}: .*HTTP ${status}.*too busy`));
    });

    it('a ping is one call, whatever the fleet, and tells what the clock over there says', async () => {
      const { metrics, received } = await open(() => ({ body: JSON.stringify(kind.pong) }));
      const { clockAt } = await metrics.ping!();
      expect(Math.abs(clockAt! - Date.now())).toBeLessThan(60_000);
      expect(received).toHaveLength(1);
    });

    it.each(kind.noPongs)('a ping of a store that says no is an error in its words', async ({ body, says }) => {
      const { metrics } = await open(() => ({ body: JSON.stringify(body) }));
      await expect(metrics.ping!()).rejects.toThrow(says);
      const refused = await open(() => ({ status: 401, body: 'who are you?' }));
      await expect(refused.metrics.ping!()).rejects.toThrow('HTTP 401: who are you?');
    });

    it('a store that hangs is waited for no longer than it may take', async () => {
      const { metrics } = await open(() => 'hang', 50);
      await expect(metrics.readings(fleet)).rejects.toThrow('no answer within 50 ms');
    });

    it('an answer that is huge is refused', async () => {
      const { metrics } = await open(() => ({ body: `"${'x'.repeat(65 * 1024 ** 2)}"` }));
      await expect(metrics.readings({ ...fleet, guests: [] })).rejects.toThrow('longer than');
    });

    it('a history is asked apart from the readings, and given as samples, oldest first', async () => {
      const { metrics } = await having([
        cpu('id-a', 20),
        cpu('id-a', 90, { labels: { [HOST_LABEL]: 'id-a', rack: '1' }, at: now - 190_000 }),
      ]);
      const { hosts: past } = await metrics.history!({ ...fleet, historyMs: HOUR_MS });
      const samples = past.get('id-a')!['cpu.usage_active']!;
      const times = samples.map(({ at }) => at);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(samples.map((sample) => sample.value)).toEqual([90, 90, 20, 20]);
      const { hosts } = await metrics.readings({ ...fleet, historyMs: HOUR_MS });
      expect(hosts.get('id-a')!['cpu.usage_active']).toEqual({ value: 20, at: now - 5000 });
    });

    it('the history of a guest comes in steps of five minutes, one series a guest: an hour of 20,000 is read in one go', async () => {
      const stored = ['old', 'new'].map((on, index): StoredSeries => ({
        subject: 'guestCpu',
        labels: { vm_id: 'id-g', host_id: on },
        value: 40 + index,
        at: now - 5000,
      }));
      const { metrics, received } = await having([cpu('id-a', 20), ...stored]);
      const { guests } = await metrics.history!({ ...fleet, historyMs: HOUR_MS });
      const samples = guests.get('id-g')!['cpu.usage_active']!;
      expect(samples[1]!.at - samples[0]!.at).toBe(300_000);
      expect(samples).toHaveLength(2);
      expect(kind.stepsOf(received)).toEqual({ hosts: 60_000, guests: 300_000 });
    });

    it('asks as often for 10,000 guests as for 10: at most three times, and twice more for a history', async () => {
      const counts: [number, number][] = [];
      for (const size of [10, 1000, 10_000]) {
        const guests = Array.from({ length: size }, (_, index) => guest(`guest-number-${index}`, 'a', undefined));
        const hosts = Array.from({ length: size / 10 }, (_, index) => host(`host-number-${index}`, undefined));
        const stored: StoredSeries[] = [
          ...hosts.map(({ id }) => cpu(id, 10)),
          ...guests.map(({ id }, index) => ({
            subject: 'guestCpu' as const,
            labels: { vm_id: id },
            value: index % 100,
            at: now,
          })),
        ];
        const { metrics, received } = await having(stored);
        const readings = await metrics.readings({ hosts, guests, periodMs: PERIOD_MS });
        expect([readings.hosts.size, readings.guests.size]).toEqual([hosts.length, guests.length]);
        const before = received.length;
        await metrics.history!({ hosts, guests, historyMs: HOUR_MS });
        counts.push([before, received.length - before]);
        for (const { form } of received) {
          for (const [, text] of form) expect(text.length).toBeLessThanOrEqual(kind.longestQuery);
        }
      }
      const [[readings, past]] = counts as [[number, number]];
      expect(readings).toBeLessThanOrEqual(3);
      expect(past).toBeLessThanOrEqual(2);
      expect(counts).toEqual(counts.map(() => [readings, past]));
    });
  });
}
