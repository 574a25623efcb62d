import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/common/clock.js';
import { readConfig } from '../../src/config/read-config.js';
import type { Snapshot } from '../../src/fleet/fleet.js';
import { startReceiver } from '../../src/app/receiver.js';
import { hostDirectory } from '../../src/fleet/metrics/names.js';
import type { PresetName } from '../../src/fleet/metrics/presets.js';
import { PRESETS } from '../../src/fleet/metrics/presets.js';
import { meansQuery } from '../../src/fleet/metrics/promql.js';
import { scopeOf } from '../../src/fleet/metrics/readings.js';
import { assembleSnapshot } from '../../src/fleet/snapshot.js';
import { guest, host } from '../support/fleet.js';
import { isInstalled } from './daemon.js';
import type { MetricStore } from '../../src/fleet/metrics/create-metrics.js';
import type { Fact, FilledStore } from './stores.js';
import { ASKED_AT, metricsOf, startInflux, startPrometheus, startVictoria } from './stores.js';

type PromSettings = Extract<MetricStore, { kind: 'prometheus' }>;

const GIB = 1024 ** 3;
const PERIOD_MS = 300_000;
const TEN = 10_000;
/** VictoriaMetrics keeps the last half minute back: until then samples may still come in. */
const NEWEST = ASKED_AT - 50_000;

const samples = (values: number[], newest = NEWEST) =>
  values.map((value, index) => ({ at: newest - (values.length - 1 - index) * TEN, value }));
const cpu = (tags: Record<string, string>, values: number[], newest?: number): Fact => ({
  measurement: 'cpu',
  field: 'usage_active',
  tags,
  samples: samples(values, newest),
});

/** Names that are syntax in one language or another. */
const HOSTILE = [
  'a|b"',
  "a'b",
  String.raw`c\d`,
  '.*',
  'a)(',
  'x y',
  'e=1,f',
  '/x/',
  '$host',
  '主机',
  '{}[]',
  '%s;--',
  '#',
  '^$',
];
const hostile = HOSTILE.map((name, index) => cpu({ cpu: 'cpu-total', host_id: name }, [index + 1, index + 1.5]));

const FACTS: Fact[] = [
  cpu({ cpu: 'cpu-total', host_id: 'id-a15', host: 'a15' }, [60, 61, 62.5, 64]),
  cpu({ cpu: 'cpu0', host_id: 'id-a15', host: 'a15' }, [99, 99, 99, 99]),
  cpu({ cpu: 'cpu1', host_id: 'id-a15', host: 'a15' }, [1, 1, 1, 1]),
  cpu({ host_id: 'without-tag' }, [20, 30]),
  cpu({ cpu: 'cpu-total', host_id: '10.0.0.7:9100' }, [44]),
  cpu({ cpu: 'cpu-total', host_id: 'id-silent' }, [50, 50], NEWEST - 20 * 60_000),
  cpu({ cpu: 'cpu-total', host_id: 'id-broken' }, [130, 132]),
  cpu({ cpu: 'cpu-total', host_id: 'a' }, [88]),
  cpu({ cpu: 'cpu-total', host_id: 'somebody-else' }, [77]),
  cpu({ cpu: 'cpu-total', host_id: 'long.example.com:9100' }, [31]),
  cpu({ cpu: 'cpu-total', host_id: 'short' }, [32]),
  ...hostile,
  { measurement: 'mem', field: 'available', tags: { host_id: 'id-a15' }, samples: samples([8 * GIB, 6 * GIB]) },
  // A guest just after its move: the old series ended half a minute before the new one's newest sample.
  ...[
    { tags: { vm_id: 'id-moved', host_id: 'old' }, values: [90, 90, 90], newest: NEWEST - 30_000 },
    { tags: { vm_id: 'id-moved', host_id: 'id-a15' }, values: [40, 44], newest: NEWEST },
    { tags: { vm_id: 'steady' }, values: [12.5], newest: NEWEST },
  ].map(({ tags, values, newest }): Fact => ({
    measurement: 'vm_cpu',
    field: 'usage_active',
    tags,
    samples: samples(values, newest),
  })),
];

const fleet = {
  hosts: [
    host('a15', undefined),
    host('without-tag', undefined),
    host('by-address', undefined, { addresses: ['10.0.0.7'] }),
    host('silent', undefined),
    host('broken', undefined),
    ...HOSTILE.map((name, index) => host(`h${index}`, undefined, { id: name })),
  ],
  guests: [guest('moved', 'a15', undefined), guest('steady', 'a15', undefined), guest('unknown', 'a15', undefined)],
};

const STORES = [
  { name: 'VictoriaMetrics', program: 'victoria-metrics', start: (facts: Fact[]) => startVictoria(facts) },
  { name: 'Prometheus', program: 'prometheus', start: startPrometheus },
  { name: 'InfluxDB', program: 'influxd', start: startInflux },
];

describe.each(STORES)('$name', ({ name, program, start }) => {
  describe.skipIf(!isInstalled(program))(`(${program} is installed)`, () => {
    let store: FilledStore | undefined;
    beforeAll(async () => {
      store = await start(FACTS);
    });
    afterAll(() => store?.stop());
    const read = () => store!.metrics.readings({ ...fleet, periodMs: PERIOD_MS });

    it('gives the readings that all stores give, with the time of their newest sample', async () => {
      const { hosts, guests } = await read();
      const at = NEWEST;
      const near = (value: number) => expect.closeTo(value, 6) as number;
      expect(Object.fromEntries(hosts)).toEqual({
        'id-a15': { 'cpu.usage_active': { value: near(61.875), at }, 'mem.available': { value: near(7 * GIB), at } },
        'id-without-tag': { 'cpu.usage_active': { value: near(25), at } },
        'id-by-address': { 'cpu.usage_active': { value: near(44), at } },
        'id-broken': { 'cpu.usage_active': { value: near(131), at } },
        ...Object.fromEntries(
          HOSTILE.map((id, index) => [id, { 'cpu.usage_active': { value: near(index + 1.25), at } }]),
        ),
      });
      expect(Object.fromEntries(guests)).toEqual({
        'id-moved': { 'cpu.usage_active': { value: near(42), at } },
        'id-steady': { 'cpu.usage_active': { value: near(12.5), at } },
      });
    });

    it('leaves it to the snapshot to refuse what is out of range, with the host named', async () => {
      const readings = await read();
      const { discarded } = assembleSnapshot(fleet, readings, {
        now: ASKED_AT,
        maxAgeMs: PERIOD_MS + TEN,
        maxAheadMs: TEN,
      });
      expect(discarded).toEqual([
        expect.objectContaining({ kind: 'host', name: 'broken', metric: 'cpu.usage_active', reason: 'implausible' }),
      ]);
    });

    it('gives a history of at most 60 samples, oldest first, apart from the readings', async () => {
      const { hosts } = await store!.metrics.history!({ ...fleet, historyMs: PERIOD_MS });
      const samples = hosts.get('id-a15')!['cpu.usage_active']!;
      const times = samples.map(({ at }) => at);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(times.length).toBeGreaterThanOrEqual(3);
      expect(times.length).toBeLessThanOrEqual(60);
      for (const { value } of samples) expect(value).toBeGreaterThanOrEqual(60);
      expect(Math.max(...samples.map(({ value }) => value))).toBeGreaterThan(61.875);
    });

    it('gives the history of guests in whole steps of five minutes that end now, one series a guest', async () => {
      const { guests } = await store!.metrics.history!({ ...fleet, historyMs: 3_600_000 });
      expect(guests.get('id-steady')).toEqual({ 'cpu.usage_active': [{ at: ASKED_AT, value: 12.5 }] });
      const moved = guests.get('id-moved')!['cpu.usage_active']!;
      expect(moved).toHaveLength(1);
      // It was busy on its old host, and then less on its new one: what it is taken to need is no less than it needed.
      expect(moved[0]!.value).toBeGreaterThanOrEqual(42);
      expect(moved[0]!.value).toBeLessThanOrEqual(90);
    });

    it('a host by its full name, in a fleet that calls it short, and the other way round', async () => {
      const hosts = [host('long', undefined), host('short.example.com', undefined)];
      const found = await store!.metrics.readings({ hosts, guests: [], periodMs: PERIOD_MS });
      expect([...found.hosts].map(([id, metrics]) => [id, metrics['cpu.usage_active']!.value])).toEqual([
        ['id-long', 31],
        ['id-short.example.com', 32],
      ]);
    });

    it('tells what the store says of a question that it does not like', async () => {
      const { settings } = store!;
      const wrong = structuredClone(settings);
      if (wrong.kind === 'influxdb') wrong.influxdb.database = 'nosuch';
      if (wrong.kind === 'prometheus') wrong.prometheus.queries = { hostCpu: 'sum(' };
      const asked = metricsOf(wrong).readings({ ...fleet, periodMs: PERIOD_MS });
      await expect(asked).rejects.toThrow(
        name === 'InfluxDB'
          ? /^influxdb: query: HTTP 403: .*not authorized to execute statement/
          : /^prometheus: CPU of hosts: HTTP 4\d\d: .*(sum\(|parse error)/,
      );
    });
  });
});

describe.skipIf(!isInstalled('victoria-metrics'))('the receiver with METRICS=prometheus', () => {
  it('shows the fleet of the cloud with the readings of the store', async () => {
    const newest = Date.now() - 50_000;
    const test66 = { host_id: 'test-66-onecloud02' };
    const store = await startVictoria([
      cpu({ cpu: 'cpu-total', ...test66 }, [33, 34], newest),
      { measurement: 'mem', field: 'available', tags: test66, samples: samples([5 * GIB], newest) },
      { measurement: 'vm_cpu', field: 'usage_active', tags: { vm_id: 'cpu-test-vm' }, samples: samples([7.5], newest) },
    ]);
    onTestFinished(() => store.stop());
    const directory = await mkdtemp(join(tmpdir(), 'automigrate-receiver-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    await mkdir(join(directory, 'rules'));
    const read = readConfig({
      PORT: '0',
      DATA_DIR: join(directory, 'data'),
      RULES_DIR: join(directory, 'rules'),
      METRICS: 'prometheus',
      PROMETHEUS_URL: store.url,
      PROMETHEUS_SCRAPE_INTERVAL: '10s',
    });
    if (!read.ok) throw new Error(read.problems.join());
    const receiver = await startReceiver({ config: read.config, clock: systemClock, log: pino({ level: 'silent' }) });
    onTestFinished(() => receiver.stop());
    const shown = (await (await fetch(`${receiver.url}/api/fleet`)).json()) as Snapshot;
    const readings = (all: readonly { name: string; metrics: object }[]) =>
      Object.fromEntries(all.map(({ name, metrics }) => [name, metrics]));
    expect(readings(shown.hosts)).toMatchObject({
      'test-66-onecloud02': { 'cpu.usage_active': 33.5, 'mem.available': 5 * GIB },
      a15: {},
    });
    expect(readings(shown.hosts).a15).toEqual({});
    expect(readings(shown.guests)['cpu-test-vm']).toEqual({ 'cpu.usage_active': 7.5 });
  });
});

describe.skipIf(!isInstalled('influxd'))('InfluxDB beside what Telegraf writes (influxd is installed)', () => {
  it('reads what Proxmox writes, where `cpu` is a field and a ratio, and refuses what is dated in the future', async () => {
    const proxmox = (nodename: string, value: number, newest?: number): Fact => ({
      measurement: 'cpustat',
      field: 'cpu',
      tags: { object: 'nodes', host: nodename },
      samples: samples([value, value], newest),
    });
    const store = await startInflux([proxmox('pve1', 0.72), proxmox('pve2', 0.3, ASKED_AT + 20 * TEN)]);
    onTestFinished(() => store.stop());
    const { influxdb } = store.settings as Extract<MetricStore, { kind: 'influxdb' }>;
    const hostCpu = { measurement: 'cpustat', field: 'cpu', factor: 100 };
    const metrics = metricsOf({ kind: 'influxdb', influxdb: { ...influxdb, fields: { hostCpu }, hostTags: ['host'] } });
    const inventory = { hosts: [host('pve1', undefined), host('pve2', undefined)], guests: [] };
    const readings = await metrics.readings({ ...inventory, periodMs: PERIOD_MS });
    const limits = { now: ASKED_AT, maxAgeMs: PERIOD_MS + TEN, maxAheadMs: TEN };
    const { snapshot, discarded } = assembleSnapshot(inventory, readings, limits);
    expect(snapshot.hosts[0]!.metrics['cpu.usage_active']).toBeCloseTo(72, 9);
    expect(snapshot.hosts[1]!.metrics).not.toHaveProperty(['cpu.usage_active']);
    expect(discarded).toMatchObject([{ name: 'pve2', reason: 'future' }]);
  });
});

/** A counter that grows by so much a second, from so many seconds before the newest sample. */
const counter = (name: [string, string], tags: Record<string, string>, perSecond: number, seconds = 400): Fact => ({
  measurement: name[0],
  field: name[1],
  tags,
  samples: samples(Array.from({ length: seconds / 10 + 1 }, (_, index) => 1000 + index * 10 * perSecond)),
});
const gauge = (name: [string, string], tags: Record<string, string>, value: number): Fact => ({
  ...counter(name, tags, 0),
  samples: samples(Array.from({ length: 21 }, () => value)),
});
const domain = { domain: 'instance-1', uuid: 'id-web', instance: '10.0.0.5:9177' };
const moved = { domain: 'moved', uuid: 'id-moved' };

describe.each([STORES[0]!, STORES[1]!])('the presets of exporters in $name', ({ program, start }) => {
  describe.skipIf(!isInstalled(program))(`(${program} is installed)`, () => {
    let store: FilledStore | undefined;
    beforeAll(async () => {
      store = await start([
        counter(['node_cpu', 'seconds_total'], { instance: '10.0.0.5:9100', cpu: '0', mode: 'idle' }, 0.25),
        counter(['node_cpu', 'seconds_total'], { instance: '10.0.0.5:9100', cpu: '1', mode: 'idle' }, 0.5),
        counter(['node_cpu', 'seconds_total'], { instance: '10.0.0.5:9100', cpu: '1', mode: 'user' }, 0.5),
        gauge(['node_memory', 'MemAvailable_bytes'], { instance: '10.0.0.5:9100' }, 3 * GIB),
        counter(['libvirt_domain_info', 'cpu_time_seconds_total'], domain, 1.5),
        gauge(['libvirt_domain_info', 'virtual_cpus'], domain, 2),
        // Came half a minute ago.
        counter(['libvirt_domain_info', 'cpu_time_seconds_total'], { ...moved, host: 'new' }, 0.5, 30),
        gauge(['libvirt_domain_info', 'virtual_cpus'], { ...moved, host: 'new' }, 1),
        counter(['libvirt_domain_vcpu', 'time_seconds_total'], { domain: 'by-vcpu', vcpu: '0' }, 0.2),
        counter(['libvirt_domain_vcpu', 'time_seconds_total'], { domain: 'by-vcpu', vcpu: '1' }, 0.6),
        ...['10.0.0.5:9177', '10.0.0.6:9177'].flatMap((instance, index) =>
          // Two cells can each have a domain of this name.
          ['0', '1'].map((vcpu) =>
            counter(
              ['libvirt_domain_vcpu', 'time_seconds_total'],
              { domain: 'instance-0000002a', instance, vcpu },
              0.3 + 0.2 * index,
            ),
          ),
        ),
        ...['web', 'db'].flatMap((name, index) => {
          const target = { domain: 'instance-0000002a', instance: `10.0.0.${5 + index}:9177` };
          return [
            gauge(['libvirt_domain', 'openstack_info'], { ...target, instance_id: `id-${name}`, project_name: 'p' }, 1),
            gauge(['libvirt_domain_info', 'meta'], { ...target, uuid: `id-${name}`, flavor: 'f' }, 1),
          ];
        }),
        ...['0', '1'].map((vcpu, index) =>
          counter(['libvirtd_domain_vcpu', 'time'], { uuid: 'id-web', vcpu }, (0.2 + 0.4 * index) * 1e9),
        ),
        ...['0', '1'].map((vcpu_id, index) =>
          counter(
            ['libvirt_vcpu', 'time'],
            { domain_name: 'web', host: 'h5.example.com', vcpu_id },
            (0.1 + 0.4 * index) * 1e9,
          ),
        ),
        gauge(['cpu_usage', 'active'], { cpu: 'cpu-total', host: 'h5.example.com' }, 55),
        gauge(['mem', 'available'], { host: 'h5.example.com' }, 7 * GIB),
        gauge(['pve_cpu', 'usage_ratio'], { id: 'node/pve1' }, 0.75),
        gauge(['pve_memory', 'size_bytes'], { id: 'node/pve1' }, 16 * GIB),
        gauge(['pve_memory', 'usage_bytes'], { id: 'node/pve1' }, 12 * GIB),
        gauge(['pve_cpu', 'usage_ratio'], { id: 'qemu/100' }, 0.125),
      ]);
    });
    afterAll(() => store?.stop());
    const read = (preset: PresetName, over: Partial<PromSettings['prometheus']> = {}) => {
      const { prometheus } = store!.settings as PromSettings;
      const metrics = metricsOf({ kind: 'prometheus', prometheus: { ...prometheus, preset, ...over } });
      return metrics.readings({
        hosts: [
          host('h5', undefined, { addresses: ['10.0.0.5'] }),
          host('pve1', undefined),
          host('elsewhere', undefined, { addresses: ['10.0.0.50', '10x0.0.5'] }),
        ],
        guests: [
          guest('web', 'h5', undefined),
          guest('db', 'h5', undefined),
          guest('by-vcpu', 'h5', undefined),
          guest('moved', 'h5', undefined),
          guest('vm', 'pve1', undefined, { id: '100' }),
        ],
        periodMs: PERIOD_MS,
      });
    };
    const near = (value: number) => expect.closeTo(value, 6) as number;

    it('node-libvirt: by instance without its port; guests by uuid or name, by domain or vCPU', async () => {
      const { hosts, guests } = await read('node-libvirt');
      expect(Object.fromEntries(hosts)).toEqual({
        'id-h5': {
          'cpu.usage_active': { value: near(62.5), at: NEWEST },
          'mem.available': { value: near(3 * GIB), at: NEWEST },
        },
      });
      expect(guests.get('id-web')).toEqual({ 'cpu.usage_active': { value: near(75), at: NEWEST } });
      expect(guests.get('id-by-vcpu')).toEqual({ 'cpu.usage_active': { value: near(40), at: NEWEST } });
    });

    it('node-libvirt: a guest that came to its host just now is not taken for idle', async () => {
      const { guests } = await read('node-libvirt');
      const { value } = guests.get('id-moved')!['cpu.usage_active']!;
      expect(value).toBeGreaterThan(40);
      expect(value).toBeLessThan(51);
    });

    it.each([
      ['openstack-inovex', 'libvirt_domain_openstack_info'],
      ['openstack-tinkoff', 'libvirt_domain_info_meta'],
    ] as const)("%s: the server's id stands in %s, joined by target and domain", async (preset, _info) => {
      const { hosts, guests } = await read(preset);
      expect(hosts.get('id-h5')!['cpu.usage_active']!.value).toBeCloseTo(62.5, 6);
      expect(Object.fromEntries(guests)).toEqual({
        'id-web': { 'cpu.usage_active': { value: near(30), at: NEWEST } },
        'id-db': { 'cpu.usage_active': { value: near(50), at: NEWEST } },
      });
    });

    it('openstack-vexxhost: the time of vCPUs in nanoseconds, by uuid', async () => {
      const { hosts, guests } = await read('openstack-vexxhost');
      expect(hosts.get('id-h5')!['mem.available']!.value).toBe(3 * GIB);
      expect(Object.fromEntries(guests)).toEqual({ 'id-web': { 'cpu.usage_active': { value: near(40), at: NEWEST } } });
    });

    it('telegraf-libvirt: the time of vCPUs in nanoseconds, by the name of the domain; hosts as Telegraf names them', async () => {
      const { hosts, guests } = await read('telegraf-libvirt');
      expect(Object.fromEntries(hosts)).toEqual({
        'id-h5': {
          'cpu.usage_active': { value: near(55), at: NEWEST },
          'mem.available': { value: near(7 * GIB), at: NEWEST },
        },
      });
      expect(Object.fromEntries(guests)).toEqual({ 'id-web': { 'cpu.usage_active': { value: near(30), at: NEWEST } } });
    });

    it.each(Object.keys(PRESETS) as PresetName[])(
      '%s: its questions over an hour are ones that the store takes',
      async (preset) => {
        const { prometheus } = store!.settings as PromSettings;
        const metrics = metricsOf({ kind: 'prometheus', prometheus: { ...prometheus, preset } });
        const names = { hosts: [host('h5', undefined)], guests: [guest('web', 'h5', undefined)] };
        await expect(metrics.history!({ ...names, historyMs: 3_600_000 })).resolves.toHaveProperty('guests');
      },
    );

    it('pve: nodes and guests as Proxmox names them', async () => {
      const { hosts, guests } = await read('pve');
      expect(Object.fromEntries(hosts)).toEqual({
        'id-pve1': {
          'cpu.usage_active': { value: near(75), at: NEWEST },
          'mem.available': { value: near(4 * GIB), at: NEWEST },
        },
      });
      expect(Object.fromEntries(guests)).toEqual({
        '100': { 'cpu.usage_active': { value: near(12.5), at: NEWEST } },
      });
    });

    it('an own query takes the place of one of them, with or without a window', async () => {
      const own = async (hostCpu: string) =>
        (await read('pve', { queries: { hostCpu } })).hosts.get('id-pve1')!['cpu.usage_active']!.value;
      expect(await own('50 * avg_over_time(pve_cpu_usage_ratio{$hosts}[$period])')).toBeCloseTo(37.5, 6);
      expect(await own('20 * pve_cpu_usage_ratio{$hosts}')).toBeCloseTo(15, 6);
      expect(await own('pve_cpu_usage_ratio{id=~"node/.*"}')).toBeCloseTo(0.75, 6);
    });
  });
});

/** Label values of any kind; the line protocol can write neither line breaks nor a backslash before what it escapes. */
const anyName = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 12 }),
    fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }),
    fc.string({
      minLength: 1,
      maxLength: 8,
      unit: fc.constantFrom(...Array.from(`\\|"'/.*+?()[]{}^$#-: \t;,=\`~%&<>\n`)),
    }),
  )
  .filter((name) => !/\p{Surrogate}/u.test(name) && !name.includes('\0'));
const writable = (name: string) => !/[\n\r]|\\(?=[,= \\]|$)/.test(name) && name.trim() === name;
const NAMES = [...new Set(fc.sample(anyName, { numRuns: 300, seed: 20261121 }))].filter(
  (name) => hostDirectory([host('x', undefined, { id: name })]).find(name)?.id === name,
);

describe.each([
  { ...STORES[0]!, names: NAMES, start: (facts: Fact[]) => startVictoria(facts, 'import') },
  { ...STORES[1]!, names: NAMES },
  { ...STORES[2]!, names: NAMES.filter(writable) },
])('names of any kind in $name', ({ program, names, start }) => {
  describe.skipIf(!isInstalled(program))(`(${program} is installed)`, () => {
    let store: FilledStore | undefined;
    beforeAll(async () => {
      store = await start(names.map((name, index) => cpu({ host_id: name }, [index / 4])));
    });
    afterAll(() => store?.stop());

    it('are data, not syntax: whoever is asked for is found, and nobody else', async () => {
      expect(names.length).toBeGreaterThan(150);
      const asked = fc.uniqueArray(fc.oneof(fc.constantFrom(...names), anyName), { minLength: 1, maxLength: 40 });
      await fc.assert(
        fc.asyncProperty(asked, async (ids) => {
          const hosts = ids.map((id, index) => host(`name-of-${index}`, undefined, { id }));
          const found = await store!.metrics.readings({ hosts, guests: [], periodMs: PERIOD_MS });
          const values = [...found.hosts].map(([id, metrics]) => [id, metrics['cpu.usage_active']?.value]);
          const known = ids.filter((id) => names.includes(id)).map((id) => [id, names.indexOf(id) / 4]);
          // A name with a port stands for the name without one too.
          const exact = values.filter(([id]) => names.includes(id as string));
          expect(new Map(exact as [string, number][])).toEqual(new Map(known as [string, number][]));
        }),
        { numRuns: 60 },
      );
    });

    // This one asks in PromQL.
    if (program === 'influxd') return;
    it('make the store itself answer with these series only', async () => {
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...names), async (id) => {
          const hosts = [host('x', undefined, { id, name: id })];
          const scope = scopeOf({ hosts, guests: [] }, { hosts: ['host_id'], guests: ['vm_id'] });
          const windows = { periodMs: PERIOD_MS, scrapeIntervalMs: TEN };
          const query = meansQuery(PRESETS.telegraf.questions.hostCpu, scope, windows);
          const response = await fetch(`${store!.url}/api/v1/query`, {
            method: 'POST',
            body: new URLSearchParams({ query, time: String(ASKED_AT / 1000) }),
          });
          const { data } = (await response.json()) as { data: { result: { metric: Record<string, string> }[] } };
          const others = data.result.map(({ metric }) => metric.host_id!).filter((found) => found !== id);
          // A name with a port, or with a domain behind it, can be the same host.
          const alike = (found: string) => found.replace(/:\d+$/, '') === id || found.startsWith(`${id}.`);
          expect(others.filter((found) => !alike(found) && found !== `node/${id}`)).toEqual([]);
          expect(data.result.length).toBeGreaterThan(0);
        }),
        { numRuns: 60 },
      );
    });
  });
});
