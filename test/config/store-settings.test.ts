import { describe, expect, it } from 'vitest';
import type { Environment } from '../../src/config/given.js';
import { readConfig } from '../../src/config/read-config.js';

const files: Record<string, string> = { '/run/password': ' a,b \n', '/etc/ca.pem': 'PEM' };
const readFile = (path: string) => {
  const text = files[path];
  if (text === undefined) throw new Error(`ENOENT: ${path}`);
  return text;
};
const store = (env: Environment) => {
  const read = readConfig(env, readFile);
  return read.ok ? read.config.metricStore : read.problems;
};

describe('METRICS=prometheus', () => {
  const METRICS = 'prometheus';
  const PROMETHEUS_URL = 'https://mimir.example/prometheus';

  it('needs an address only', () => {
    expect(store({ METRICS, PROMETHEUS_URL })).toEqual({
      kind: 'prometheus',
      prometheus: { url: PROMETHEUS_URL, preset: 'telegraf', scrapeIntervalMs: 60_000, queries: {} },
    });
    expect(store({ METRICS })).toEqual(['PROMETHEUS_URL: expected an address, since METRICS is prometheus']);
  });

  it('reads every variable; a password from a file is kept as it is but for the line end', () => {
    const env = {
      METRICS,
      PROMETHEUS_URL,
      PROMETHEUS_PRESET: 'node-libvirt',
      PROMETHEUS_USERNAME: 'reader',
      PROMETHEUS_PASSWORD_FILE: '/run/password',
      PROMETHEUS_CA: '/etc/ca.pem',
      PROMETHEUS_TENANT: 'dc1',
      PROMETHEUS_SCRAPE_INTERVAL: '15s',
      PROMETHEUS_QUERY_HOST_CPU: 'a',
      PROMETHEUS_QUERY_HOST_MEMORY: 'b',
      PROMETHEUS_QUERY_GUEST_CPU: 'c',
      PROMETHEUS_HOST_LABEL: 'host, instance',
      PROMETHEUS_GUEST_LABEL: 'uuid',
    };
    expect(store(env)).toEqual({
      kind: 'prometheus',
      prometheus: {
        url: PROMETHEUS_URL,
        preset: 'node-libvirt',
        username: 'reader',
        password: ' a,b ',
        ca: 'PEM',
        tenant: 'dc1',
        scrapeIntervalMs: 15_000,
        queries: { hostCpu: 'a', hostMemory: 'b', guestCpu: 'c' },
        hostLabels: ['host', 'instance'],
        guestLabels: ['uuid'],
      },
    });
  });

  it('tells what does not go together', () => {
    const env = { METRICS, PROMETHEUS_URL, PROMETHEUS_TOKEN: 'hidden', PROMETHEUS_USERNAME: 'u', PROMETHEUS_CA: '/no' };
    expect(store(env)).toEqual([
      'PROMETHEUS_CA: expected a file that can be read, got "/no": ENOENT: /no',
      'PROMETHEUS_TOKEN and PROMETHEUS_USERNAME: expected only one of them',
    ]);
    expect(store({ METRICS, PROMETHEUS_URL, PROMETHEUS_PASSWORD: 'hidden' })).toEqual([
      'PROMETHEUS_USERNAME: expected the user that PROMETHEUS_PASSWORD is of',
    ]);
  });
});

describe('METRICS=influxdb', () => {
  const METRICS = 'influxdb';
  const INFLUXDB_URL = 'http://influx:8086';

  it('needs an address only, and asks for what Telegraf writes', () => {
    expect(store({ METRICS, INFLUXDB_URL })).toEqual({
      kind: 'influxdb',
      influxdb: {
        url: INFLUXDB_URL,
        database: 'telegraf',
        scrapeIntervalMs: 60_000,
        fields: {
          hostCpu: { measurement: 'cpu', field: 'usage_active' },
          hostMemory: { measurement: 'mem', field: 'available' },
          guestCpu: { measurement: 'vm_cpu', field: 'usage_active' },
        },
        hostTags: ['host_id'],
        guestTags: ['vm_id'],
      },
    });
    expect(store({ METRICS })).toEqual(['INFLUXDB_URL: expected an address, since METRICS is influxdb']);
  });

  it('takes ratios for percentages where a variable says so', () => {
    const env = { METRICS, INFLUXDB_URL, INFLUXDB_HOST_CPU: 'cpustat.cpu', INFLUXDB_HOST_CPU_UNIT: 'ratio' };
    expect(store(env)).toMatchObject({
      influxdb: {
        fields: { hostCpu: { factor: 100 }, guestCpu: expect.not.objectContaining({ factor: 100 }) as object },
      },
    });
    expect(store({ ...env, INFLUXDB_HOST_CPU_UNIT: 'permille' })).toEqual([
      'INFLUXDB_HOST_CPU_UNIT: expected percent or ratio, got "permille"',
    ]);
  });

  it('takes other names; only the last dot parts measurement and field', () => {
    const env = {
      METRICS,
      INFLUXDB_URL,
      INFLUXDB_HOST_CPU: 'a.b.c',
      INFLUXDB_HOST_TAG: 'host',
      INFLUXDB_DATABASE: 'x',
    };
    expect(store(env)).toMatchObject({
      influxdb: { database: 'x', hostTags: ['host'], fields: { hostCpu: { measurement: 'a.b', field: 'c' } } },
    });
  });
});

it('a store that is not chosen is not asked for', () => {
  expect(store({ PROMETHEUS_URL: 'http://store' })).toBeUndefined();
});
