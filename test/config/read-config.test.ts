import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CLOUD_NAMES, METRICS_NAMES } from '../../src/config/fleet-settings.js';
import type { Environment } from '../../src/config/given.js';
import { readConfig } from '../../src/config/read-config.js';
import { isLoopback } from '../../src/config/service-settings.js';
import { VARIABLES } from '../../src/config/variables.js';

const config = (env: Environment, readFile?: (path: string) => string) => {
  const read = readConfig(env, readFile);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  return read.config;
};
const problems = (env: Environment, readFile?: (path: string) => string) => {
  const read = readConfig(env, readFile);
  return read.ok ? [] : read.problems;
};

const DEFAULTS = {
  host: '127.0.0.1',
  port: 9095,
  rulesDir: 'rules',
  dataDir: 'data',
  logLevel: 'info',
  cloud: 'simulated',
  metrics: 'simulated',
  clouds: {},
  secrets: { monitor: [], grafana: [], webhook: [], api: [] },
  grafanaSignatureHeader: 'X-Grafana-Alerting-Signature',
  allowUnauthenticated: false,
  site: { names: [] },
  notices: [],
  rateLimit: 3000,
  migrationTimeoutMs: 1_800_000,
  migrationConcurrency: 1,
  migrationStartGraceMs: 30_000,
  budget: { migrations: 100, memoryMib: 1024 * 1024, migrationsPerDay: 500, guestsPerDay: 10 },
  mode: 'auto',
  verifyTolerance: 10,
  snapshotRetentionMs: 14 * 86_400_000,
  requestTimeoutMs: 30_000,
  decisionTimeoutMs: 600_000,
  decisionMemoryMib: 2048,
  droppedAlerts: 'forget',
  inventoryTimeoutMs: 300_000,
  retentionMs: 90 * 86_400_000,
  journalFsync: true,
  shutdownTimeoutMs: 10_000,
};

it('an empty environment gives the defaults, and so do empty variables', () => {
  expect(config({})).toEqual(DEFAULTS);
  expect(config(Object.fromEntries(VARIABLES.map(({ name }) => [name, ' '])))).toEqual(DEFAULTS);
});

it('every variable is read', () => {
  const env = {
    HOST: '::1',
    PORT: '0',
    RULES_DIR: '/etc/automigrate/rules',
    DATA_DIR: '/var/lib/automigrate',
    LOG_LEVEL: 'debug',
    CLOUD: 'simulated',
    METRICS: 'simulated',
    SIMULATION: 'scenario.json',
    MONITOR_SECRET: 'm',
    MONITOR_MESSAGE_KEY: 'text',
    GRAFANA_SECRET: 'g1, g2',
    GRAFANA_SIGNATURE_HEADER: 'X-Signature',
    GRAFANA_TIMESTAMP_HEADER: 'X-Time',
    WEBHOOK_TOKEN: 'w,',
    API_TOKEN: 'a',
    ALLOW_UNAUTHENTICATED: 'true',
    TLS_CERT: 'cert.pem',
    TLS_KEY: 'key.pem',
    TLS_CLIENT_CA: 'ca.pem',
    PUBLIC_URL: 'https://automigrate.example.com',
    ALLOWED_HOSTS: 'Automigrate, automigrate.default.svc',
    HSTS: '180d',
    TRUST_PROXY: 'loopback, 10.0.0.0/8',
    RATE_LIMIT: '50',
    MIGRATION_TIMEOUT: '1h30m',
    MIGRATION_CONCURRENCY: '4',
    MIGRATION_START_GRACE: '5s',
    MIGRATIONS_PER_HOUR: '20',
    MEMORY_PER_HOUR: '64GiB',
    MIGRATIONS_PER_DAY: '60',
    GUESTS_PER_DAY: '0',
    MODE: 'recommend',
    VERIFY_TOLERANCE: '5',
    SNAPSHOT_RETENTION: '2d',
    REQUEST_TIMEOUT: '500ms',
    DECISION_TIMEOUT: '2m',
    DECISION_MEMORY: '512MiB',
    DROPPED_ALERTS: 'look-again',
    INVENTORY_TIMEOUT: '20m',
    RETENTION: 'forever',
    JOURNAL_FSYNC: 'false',
    SHUTDOWN_TIMEOUT: '3s',
  };
  expect(config(env)).toEqual({
    host: '::1',
    port: 0,
    rulesDir: '/etc/automigrate/rules',
    dataDir: '/var/lib/automigrate',
    logLevel: 'debug',
    cloud: 'simulated',
    metrics: 'simulated',
    simulation: 'scenario.json',
    clouds: {},
    secrets: { monitor: ['m'], grafana: ['g1', 'g2'], webhook: ['w'], api: ['a'] },
    monitorMessageKey: 'text',
    grafanaSignatureHeader: 'X-Signature',
    grafanaTimestampHeader: 'X-Time',
    allowUnauthenticated: true,
    tls: { cert: 'cert.pem', key: 'key.pem', clientCa: 'ca.pem' },
    notices: [],
    site: { names: ['automigrate', 'automigrate.default.svc'], publicUrl: 'https://automigrate.example.com' },
    hsts: 180 * 86_400,
    trustProxy: 'loopback,10.0.0.0/8',
    rateLimit: 50,
    migrationTimeoutMs: 5_400_000,
    migrationConcurrency: 4,
    migrationStartGraceMs: 5000,
    budget: { migrations: 20, memoryMib: 65_536, migrationsPerDay: 60 },
    mode: 'recommend',
    verifyTolerance: 5,
    snapshotRetentionMs: 172_800_000,
    requestTimeoutMs: 500,
    decisionTimeoutMs: 120_000,
    decisionMemoryMib: 512,
    droppedAlerts: 'look-again',
    inventoryTimeoutMs: 1_200_000,
    retentionMs: Infinity,
    journalFsync: false,
    shutdownTimeoutMs: 3000,
  });
});

it.each([
  ['HOST', 'a b', 'expected an IP address or a host name'],
  ['HOST', '999.1.1.1', 'expected an IP address or a host name'],
  ['PORT', 'abc', 'expected a whole number from 0 to 65535'],
  ['PORT', '65536', 'expected a whole number from 0 to 65535'],
  ['PORT', '-1', 'expected a whole number from 0 to 65535'],
  ['PORT', '80.5', 'expected a whole number from 0 to 65535'],
  ['LOG_LEVEL', 'verbose', 'expected one of fatal, error, warn, info, debug, trace, silent'],
  ['PROMETHEUS_URL', 'store:9090', 'expected an http or https address without user, password and query'],
  ['PROMETHEUS_URL', 'http://me:secret@store', 'expected an http or https address without user, password and query'],
  [
    'PROMETHEUS_PRESET',
    'munin',
    'expected one of telegraf, node-libvirt, openstack-inovex, openstack-tinkoff, openstack-vexxhost, telegraf-libvirt, pve',
  ],
  ['PROMETHEUS_HOST_LABEL', 'host,in"stance', 'expected names of labels, separated by commas'],
  ['PROMETHEUS_TENANT', 'a\nb', 'expected one line of ASCII'],
  ['INFLUXDB_HOST_CPU', 'cpu', 'expected MEASUREMENT.FIELD'],
  ['INFLUXDB_SCRAPE_INTERVAL', '10', 'expected a duration such as "30s" or "1h30m", at most 24d'],
  ['CLOUD', 'fog', `expected one of ${CLOUD_NAMES.join(', ')}`],
  ['METRICS', 'abacus', `expected one of ${METRICS_NAMES.join(', ')}`],
  ['MONITOR_MESSAGE_KEY', 'x'.repeat(17), 'expected at most 16 characters'],
  ['GRAFANA_SIGNATURE_HEADER', 'X Y', 'expected the name of an HTTP header'],
  ['GRAFANA_TIMESTAMP_HEADER', 'X:Y', 'expected the name of an HTTP header'],
  ['ALLOW_UNAUTHENTICATED', 'yes', 'expected one of true, false'],
  ['MIGRATION_TIMEOUT', '30', 'expected a duration such as "30s" or "1h30m", at most 24d'],
  ['MIGRATION_TIMEOUT', '25d', 'expected a duration such as "30s" or "1h30m", at most 24d'],
  ['INVENTORY_TIMEOUT', 'long', 'expected a duration such as "30s" or "1h30m", at most 24d'],
  ['REQUEST_TIMEOUT', '0s', 'expected a duration such as "30s" or "1h30m", at most 24d'],
  ['MIGRATION_CONCURRENCY', '0', 'expected a whole number from 1 to 1000'],
])('%s=%s is refused by name', (name, value, expected) => {
  expect(problems({ [name]: value })).toEqual([`${name}: ${expected}, got ${JSON.stringify(value)}`]);
});

describe('libvirt', () => {
  const libvirt = { CLOUD: 'libvirt', LIBVIRT_URIS: 'qemu+ssh://a/system' };

  it('is set up by its URIs, and measures itself', () => {
    expect(config(libvirt)).toMatchObject({
      cloud: 'libvirt',
      metrics: 'libvirt',
      libvirt: {
        hosts: [{ name: 'a', uri: 'qemu+ssh://a/system', destUri: 'qemu+ssh://a/system' }],
        sharedPaths: [],
        sampleIntervalMs: 15_000,
        autoConverge: true,
      },
    });
    expect(config(libvirt).libvirt).not.toHaveProperty('postcopyAfterMs');
    const env = {
      LIBVIRT_SHARED_PATHS: '/srv/images, /dev/mapper',
      LIBVIRT_BANDWIDTH_MIB: '32',
      LIBVIRT_SAMPLE_INTERVAL: '5s',
      LIBVIRT_AUTO_CONVERGE: 'false',
      LIBVIRT_POSTCOPY_AFTER: '2m',
    };
    expect(config({ ...libvirt, ...env }).libvirt).toMatchObject({
      sharedPaths: ['/srv/images', '/dev/mapper'],
      bandwidthMiB: 32,
      sampleIntervalMs: 5000,
      autoConverge: false,
      postcopyAfterMs: 120_000,
    });
  });

  it.each([
    [{ LIBVIRT_URIS: '' }, 'LIBVIRT_URIS: expected a URI for each host, since CLOUD is libvirt'],
    [
      { LIBVIRT_URIS: 'qemu:///system' },
      'LIBVIRT_URIS: qemu:///system: expected NAME=URI, since this URI holds no host name, got "qemu:///system"',
    ],
    [{ LIBVIRT_SHARED_PATHS: 'images' }, 'LIBVIRT_SHARED_PATHS: expected paths that begin with /, got "images"'],
    [{ LIBVIRT_BANDWIDTH_MIB: '0' }, 'LIBVIRT_BANDWIDTH_MIB: expected a whole number from 1 to 999999, got "0"'],
    [{ LIBVIRT_AUTO_CONVERGE: 'yes' }, 'LIBVIRT_AUTO_CONVERGE: expected one of true, false, got "yes"'],
    [
      { LIBVIRT_POSTCOPY_AFTER: '30m' },
      'LIBVIRT_POSTCOPY_AFTER: expected less than MIGRATION_TIMEOUT, at which a migration is cancelled',
    ],
    [{ METRICS: 'simulated' }, 'METRICS: simulated only has the readings of CLOUD=simulated, not of CLOUD=libvirt'],
  ])('is refused with %j', (over, problem) => {
    expect(problems({ ...libvirt, ...over })).toEqual([problem]);
  });
});

it('every problem is told at once', () => {
  expect(problems({ PORT: 'x', LOG_LEVEL: 'y', API_TOKEN: ',' })).toHaveLength(3);
});

describe('secrets', () => {
  const files: Record<string, string> = { '/run/token': 'one\ntwo\n', '/run/empty': '\n' };
  const readFile = (path: string) => {
    const text = files[path];
    if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
    return text;
  };

  it('come from files too, with the line end left off', () => {
    expect(config({ WEBHOOK_TOKEN_FILE: '/run/token' }, readFile).secrets.webhook).toEqual(['one', 'two']);
  });

  it('are read from the disk by default', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'automigrate-config-'));
    onTestFinished(() => rm(dir, { recursive: true }));
    await writeFile(join(dir, 'secret'), 'kept\n');
    expect(config({ MONITOR_SECRET_FILE: join(dir, 'secret') }).secrets.monitor).toEqual(['kept']);
  });

  it('name the file that cannot be read, is empty, or stands beside the variable itself', () => {
    expect(problems({ API_TOKEN_FILE: '/run/none' }, readFile)).toEqual([
      `API_TOKEN_FILE: expected a file that can be read, got "/run/none": ENOENT: no such file or directory, open '/run/none'`,
    ]);
    expect(problems({ API_TOKEN_FILE: '/run/empty' }, readFile)).toEqual([
      'API_TOKEN_FILE: expected one or more secrets, separated by commas',
    ]);
    expect(problems({ API_TOKEN: 'hidden', API_TOKEN_FILE: '/run/token' }, readFile)).toEqual([
      'API_TOKEN and API_TOKEN_FILE: expected only one of them',
    ]);
  });

  it('never stand in a problem', () => {
    const env = {
      MONITOR_SECRET: ',',
      API_TOKEN: 'hidden',
      WEBHOOK_TOKEN: 'hidden',
      WEBHOOK_TOKEN_FILE: '/x',
      PORT: 'x',
    };
    expect(problems(env, readFile).join()).not.toContain('hidden');
  });
});

describe('without any secret', () => {
  it.each(['127.0.0.1', '127.8.0.1', '::1', 'localhost'])('it may listen on %s', (host) => {
    expect(isLoopback(host)).toBe(true);
    expect(config({ HOST: host }).host).toBe(host);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.example.com'])('it may not listen on %s', (HOST) => {
    expect(problems({ HOST })).toEqual([
      `HOST: expected a loopback address without any secret, got "${HOST}"; set one of MONITOR_SECRET, GRAFANA_SECRET, WEBHOOK_TOKEN, API_TOKEN, or ALLOW_UNAUTHENTICATED=true`,
    ]);
    expect(problems({ HOST, ALLOW_UNAUTHENTICATED: 'false' })).toHaveLength(1);
    expect(config({ HOST, ALLOW_UNAUTHENTICATED: 'true' }).host).toBe(HOST);
    expect(config({ HOST, WEBHOOK_TOKEN: 'w' }).host).toBe(HOST);
  });
});

it('every variable has a meaning, and its default in the table is the one in force', () => {
  expect(VARIABLES.filter(({ meaning }) => meaning === '')).toEqual([]);
  expect(VARIABLES.find(({ name }) => name === 'GRAFANA_SECRET_FILE')).toBeDefined();
  const env = Object.fromEntries(VARIABLES.map((variable) => [variable.name, variable.default]));
  expect(config(env)).toEqual(DEFAULTS);
});

describe('the doors', () => {
  it('know their own names', () => {
    expect(config({ HOST: 'A15.example.com', API_TOKEN: 'x' }).site.names).toEqual(['a15.example.com']);
    expect(config({ HOST: '0.0.0.0', API_TOKEN: 'x', ALLOWED_HOSTS: 'a15, b' }).site.names).toEqual(['a15', 'b']);
  });

  it.each([
    ['ALLOWED_HOSTS', 'a:9095'],
    ['ALLOWED_HOSTS', 'http://a'],
    ['ALLOWED_HOSTS', '*'],
    ['PUBLIC_URL', 'automigrate.example.com'],
    ['PUBLIC_URL', 'ftp://automigrate.example.com'],
    ['HSTS', 'true'],
    ['HSTS', '100ms'],
    ['HSTS', '1000d'],
  ])('do not know %s=%s', (name, value) => {
    expect(problems({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name}: expected `))]);
  });

  it.each([
    [{ TLS_CERT: 'c' }, 'TLS_KEY: is missing; expected a PEM file, as TLS_CERT is set'],
    [{ TLS_KEY: 'k' }, 'TLS_CERT: is missing; expected a PEM file, as TLS_KEY is set'],
    [{ TLS_CLIENT_CA: 'a', TLS_CERT: 'c' }, 'TLS_KEY: is missing; expected a PEM file, as TLS_CERT is set'],
  ])('of TLS need certificate and key: %j', (env, problem) => {
    expect(problems(env)).toEqual([problem]);
  });

  it.each(['1', '9', '192.0.2.1', '192.0.2.0/24', '2001:db8::/32', 'loopback', 'loopback, uniquelocal,10.0.0.1'])(
    'believe the proxies %s',
    (value) => {
      expect(() => config({ TRUST_PROXY: value })).not.toThrow();
    },
  );

  it.each(['0', '10', 'true', '*', '0.0.0.0/0', '::/0', '10.0.0.0/33', 'proxy.example', '1,2', 'loopback,', '/8'])(
    'do not believe %s',
    (value) => {
      expect(problems({ TRUST_PROXY: value })).toEqual([expect.stringMatching(/^TRUST_PROXY: expected /)]);
    },
  );

  it('take a rate in whole numbers', () => {
    expect(config({ RATE_LIMIT: '0' }).rateLimit).toBe(0);
    for (const value of ['-1', '1.5', 'many']) {
      expect(problems({ RATE_LIMIT: value })).toEqual([expect.stringMatching(/^RATE_LIMIT: expected /)]);
    }
  });
});

describe('notices', () => {
  it('are told to each address of NOTIFY_URL, those in JSON signed with NOTIFY_SECRET', () => {
    const env = {
      NOTIFY_URL: 'http://a.example/x slack+http://b.example/y#rules=prod-*',
      NOTIFY_SECRET: 'a secret of sixteen',
    };
    expect(config(env).notices).toEqual([
      { name: '1-json', format: 'json', url: 'http://a.example/x', secret: 'a secret of sixteen' },
      { name: '2-slack', format: 'slack', url: 'http://b.example/y', rules: ['prod-*'] },
    ]);
  });

  it('are not told where an address cannot be understood, and no line repeats it', () => {
    const read = readConfig({ NOTIFY_URL: 'http://a.example/T0KEN#rule=x' });
    expect(read).toMatchObject({
      ok: false,
      problems: [expect.stringMatching(/^NOTIFY_URL: address 1: a\.example: /)],
    });
    expect(JSON.stringify(read)).not.toContain('T0KEN');
  });

  it('need an address for a secret to sign for', () => {
    expect(readConfig({ NOTIFY_SECRET: 'a secret of sixteen' })).toMatchObject({
      ok: false,
      problems: [expect.stringMatching(/^NOTIFY_URL: is missing/)],
    });
  });
});
