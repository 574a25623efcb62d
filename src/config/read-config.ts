import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';
import { errorMessage } from '../common/error-message.js';
import { libvirtSettings, libvirtVariables } from './libvirt.js';
import { STORE_NAMES, STORE_SECRETS, storeSettings, storeVariables } from './metrics.js';
import type { CloudSettings } from './clouds.js';
import { CLOUD_SECRETS, cloudSettings, cloudVariables, metricsFor } from './clouds.js';
import type { LibvirtSettings } from '../fleet/clouds/libvirt/create-libvirt.js';
import type { MetricStore } from '../fleet/metrics/create-metrics.js';
import { NOTICE_SECRETS, noticeTargets, noticeVariables } from './notices.js';
import type { NoticeTarget } from '../notices/targets.js';
import { type TlsPaths, proxies, siteOf, siteVariables, tlsPaths } from './doors.js';
import type { OwnSite } from '../http/own-site.js';
import { shown } from '../rules/problems.js';
import { parseBytes, parseDuration } from '../common/units.js';

/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export const CLOUD_NAMES = ['simulated', 'cloudpods', 'openstack', 'proxmox', 'libvirt'] as const;
export const METRICS_NAMES = ['simulated', 'proxmox', 'libvirt', ...STORE_NAMES] as const;

// Longer timers fire at once.
const LONGEST_MS = 24 * 86_400_000;

/** Secrets are lists, so that a new one can be taken up before the old one is given up. */
const SECRETS = ['MONITOR_SECRET', 'GRAFANA_SECRET', 'WEBHOOK_TOKEN', 'API_TOKEN'] as const;

const choice = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.enum(names, `expected one of ${names.join(', ')}`);

const wholeNumber = (expected: string, from: number, to: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, { error: expected, abort: true })
    .transform(Number)
    .refine((value) => value >= from && value <= to, expected);

const duration = z
  .string()
  .refine((value) => {
    const ms = parseDuration(value) ?? 0;
    return ms >= 1 && ms <= LONGEST_MS;
  }, 'expected a duration such as "30s" or "1h30m", at most 24d')
  .transform((value) => parseDuration(value) ?? Number.NaN);

const retention = z
  .string()
  .transform((value) => (value === 'forever' ? Infinity : (parseDuration(value) ?? Number.NaN)))
  .refine((ms) => ms >= 2 * 86_400_000, 'expected a duration of at least "2d", or "forever"');

const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'expected the name of an HTTP header');

const secrets = z
  .string()
  .transform((value) =>
    value
      .split(/[,\r\n]/)
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .refine((list) => list.length > 0, 'expected one or more secrets, separated by commas')
  .optional()
  .transform((list) => list ?? []);

/** Whether a server that listens there can only be reached from its own machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function isHost(host: string): boolean {
  return isIP(host) !== 0 || (/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(host) && !/^[\d.]+$/.test(host));
}

const variables = z.object({
  HOST: z
    .string()
    .refine(isHost, 'expected an IP address or a host name')
    .prefault('127.0.0.1')
    .describe('Address to listen on; any other than loopback needs a secret'),
  PORT: wholeNumber('expected a whole number from 0 to 65535', 0, 65_535)
    .prefault('9095')
    .describe('Port to listen on; 0 takes any that is free'),
  RULES_DIR: z.string().prefault('rules').describe('Directory of the rule files'),
  DATA_DIR: z.string().prefault('data').describe('Directory of the journal'),
  LOG_LEVEL: choice(LOG_LEVELS)
    .prefault('info')
    .describe(`Least level that is logged: ${LOG_LEVELS.join(', ')}`),
  CLOUD: choice(CLOUD_NAMES)
    .prefault('simulated')
    .describe(`Cloud of the fleet: ${CLOUD_NAMES.join(', ')}`),
  METRICS: choice(METRICS_NAMES)
    .optional()
    .describe(`Where the readings come from, by default the cloud itself if it has any: ${METRICS_NAMES.join(', ')}`),
  SIMULATION: z
    .string()
    .optional()
    .describe(
      'Scenario file of the simulated cloud, or the address of a process that simulates it; by default embedded',
    ),
  ...libvirtVariables(duration),
  ...storeVariables(duration),
  ...cloudVariables,
  MONITOR_SECRET: secrets.describe("Keys of the monitor service's signature"),
  MONITOR_MESSAGE_KEY: z
    .string()
    .max(16, 'expected at most 16 characters')
    .optional()
    .describe("Key under which the monitor service's robot sends its text, where it is not Msg"),
  GRAFANA_SECRET: secrets.describe("Keys of Grafana's signature"),
  GRAFANA_SIGNATURE_HEADER: headerName
    .prefault('X-Grafana-Alerting-Signature')
    .describe("Header that carries Grafana's signature"),
  GRAFANA_TIMESTAMP_HEADER: headerName
    .optional()
    .describe('Header that carries the time of the signature, if Grafana is set to sign it too'),
  WEBHOOK_TOKEN: secrets.describe('Bearer tokens, or basic passwords, of the webhooks'),
  API_TOKEN: secrets.describe('Bearer tokens of everything under /api'),
  ALLOW_UNAUTHENTICATED: choice(['true', 'false'])
    .prefault('false')
    .describe('true lets it listen anywhere without any secret'),
  TLS_CERT: z.string().optional().describe('Certificate of the server, a PEM file; it then speaks HTTPS only'),
  TLS_KEY: z.string().optional().describe('Private key of TLS_CERT, a PEM file'),
  TLS_CLIENT_CA: z.string().optional().describe('Authorities whose clients alone may come in, a PEM file'),
  ...siteVariables,
  ...noticeVariables,
  TRUST_PROXY: proxies.optional().describe('Reverse proxies whose X-Forwarded-For is believed: addresses, or hops'),
  RATE_LIMIT: wholeNumber('expected a whole number from 0 to 1000000', 0, 1_000_000)
    .prefault('3000')
    .describe('Requests that one address may make in a second; 0 for any number'),
  MIGRATION_TIMEOUT: duration.prefault('30m').describe('How long one migration may take'),
  MIGRATION_CONCURRENCY: wholeNumber('expected a whole number from 1 to 1000', 1, 1000)
    .prefault('1')
    .describe('How many guests one host may give away or take in at once'),
  MIGRATION_START_GRACE: duration
    .prefault('30s')
    .describe('How long a cloud may take to begin a migration that it was asked for'),
  MIGRATIONS_PER_HOUR: wholeNumber('expected a whole number from 1 to 1000000', 1, 1_000_000)
    .prefault('100')
    .describe('How many migrations all rules together may start within any hour'),
  MEMORY_PER_HOUR: z
    .string()
    .refine((value) => (parseBytes(value) ?? 0) > 0, 'expected an amount of memory such as "512GiB"')
    .transform((value) => parseBytes(value) ?? Number.NaN)
    .prefault('1TiB')
    .describe('How much memory of guests all rules together may move within any hour'),
  VERIFY_TOLERANCE: wholeNumber('expected a whole number from 1 to 100', 1, 100)
    .prefault('10')
    .describe("What a prediction may be off by: points of CPU %, or % of the host's memory"),
  SNAPSHOT_RETENTION: duration
    .prefault('14d')
    .describe('How long what a batch was planned on is kept for a replay, at most the last 200'),
  REQUEST_TIMEOUT: duration.prefault('30s').describe('How long a cloud or metric store may take to answer'),
  INVENTORY_TIMEOUT: duration
    .prefault('5m')
    .describe(
      'How long the whole list of hosts and guests may take where it comes page by page (openstack, cloudpods)',
    ),
  DECISION_TIMEOUT: duration
    .prefault('10m')
    .describe('How long one decision may take, everything that it asks included; then it ends in decision_fail'),
  DECISION_MEMORY: z
    .string()
    .refine((value) => (parseBytes(value) ?? 0) >= 128 * 1024 ** 2, 'expected at least "128MiB"')
    .transform((value) => Math.floor((parseBytes(value) ?? Number.NaN) / 1024 ** 2))
    .prefault('2GiB')
    .describe('How much memory the thread of the decisions may take'),
  DROPPED_ALERTS: choice(['forget', 'look-again'])
    .prefault('forget')
    .describe(
      'What becomes of the newest alert of each rule and host that was dropped while a batch moved guests: forget or look-again',
    ),
  RETENTION: retention
    .prefault('90d')
    .describe('How long events are kept: 2d and twice the longest cooldown at least, or forever'),
  JOURNAL_FSYNC: choice(['true', 'false'])
    .prefault('true')
    .describe('Whether the journal waits for the disk; false is faster and does not outlive the loss of power'),
  SHUTDOWN_TIMEOUT: duration.prefault('10s').describe('How long going down may take'),
});

/** Everything that the environment says, checked and with defaults filled in. Durations in ms. */
export interface Config {
  host: string;
  port: number;
  rulesDir: string;
  dataDir: string;
  logLevel: (typeof LOG_LEVELS)[number];
  cloud: (typeof CLOUD_NAMES)[number];
  metrics: (typeof METRICS_NAMES)[number];
  /** Present where `metrics` is a store beside the cloud. */
  metricStore?: MetricStore;
  /** Path of the scenario, or the address of a process that simulates; absent for the embedded one. */
  simulation?: string;
  /** How to reach the cloud that was chosen. */
  clouds: CloudSettings;
  /** Present with `CLOUD=libvirt`. */
  libvirt?: LibvirtSettings;
  /** Every list may be empty: then that check is not made. */
  secrets: { monitor: string[]; grafana: string[]; webhook: string[]; api: string[] };
  monitorMessageKey?: string;
  grafanaSignatureHeader: string;
  /** Absent if only the body is signed. */
  grafanaTimestampHeader?: string;
  allowUnauthenticated: boolean;
  /** Paths of PEM files; absent for plain HTTP. */
  tls?: TlsPaths;
  /** Under what names it may be called. */
  site: OwnSite;
  /** Who outside is told of what happens. */
  notices: NoticeTarget[];
  /** How long browsers may only come by HTTPS, s; absent: not said. */
  hsts?: number;
  /** Hops, or addresses separated by commas. */
  trustProxy?: number | string;
  /** Requests of one address in a second; 0 for any number. */
  rateLimit: number;
  migrationTimeoutMs: number;
  migrationConcurrency: number;
  migrationStartGraceMs: number;
  /** What all rules together may start within an hour. */
  budget: { migrations: number; memoryMib: number };
  /** Points of CPU %, or % of a host's memory. */
  verifyTolerance: number;
  snapshotRetentionMs: number;
  requestTimeoutMs: number;
  decisionTimeoutMs: number;
  decisionMemoryMib: number;
  droppedAlerts: 'forget' | 'look-again';
  inventoryTimeoutMs: number;
  /** Infinity: for ever. */
  retentionMs: number;
  journalFsync: boolean;
  shutdownTimeoutMs: number;
}

/** A configuration, or one line for every variable that is wrong. No line holds a secret. */
export type ReadConfig = { ok: true; config: Config } | { ok: false; problems: string[] };

/** One variable of the environment, for help texts and tables. */
export interface Variable {
  name: string;
  default?: string;
  meaning: string;
}

/** All variables in order. Each secret has a second one, `<name>_FILE`. */
export const VARIABLES: readonly Variable[] = Object.entries(
  z.toJSONSchema(variables, { io: 'input' }).properties ?? {},
).flatMap(([name, schema]) => {
  if (typeof schema === 'boolean') return [];
  const meaning = schema.description ?? '';
  if (isSecret(name)) {
    const isList = SECRETS.some((secret) => secret === name);
    return [
      { name, meaning: isList ? `${meaning}; several separated by commas` : meaning },
      { name: `${name}_FILE`, meaning: `File that holds ${name}` },
    ];
  }
  return [{ name, meaning, ...(typeof schema.default === 'string' && { default: schema.default }) }];
});

function isList(name: string): boolean {
  return SECRETS.some((secret) => secret === name);
}

function isSecret(name: string): boolean {
  return isList(name) || [...STORE_SECRETS, ...CLOUD_SECRETS, ...NOTICE_SECRETS].some((secret) => secret === name);
}

function nonEmpty(value: string | undefined): string | undefined {
  const text = value?.trim();
  return text === '' ? undefined : text;
}

/** The directories alone, for commands that need no more of the environment than these. */
export function directories(env: Environment): { rulesDir: string; dataDir: string } {
  return { rulesDir: nonEmpty(env.RULES_DIR) ?? 'rules', dataDir: nonEmpty(env.DATA_DIR) ?? 'data' };
}

/** The variables as given: empty ones left out, secrets fetched from their files. */
function given(env: Environment, readFile: (path: string) => string) {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (const name of Object.keys(variables.shape)) {
    const value = nonEmpty(env[name]);
    if (value !== undefined) values[name] = value;
  }
  for (const name of [...SECRETS, ...STORE_SECRETS, ...CLOUD_SECRETS, ...NOTICE_SECRETS]) {
    const path = nonEmpty(env[`${name}_FILE`]);
    if (path === undefined) continue;
    if (values[name] !== undefined) {
      problems.push(`${name} and ${name}_FILE: expected only one of them`);
      continue;
    }
    try {
      const text = readFile(path);
      values[name] = isList(name) ? text : text.replace(/\r?\n$/, '');
    } catch (error) {
      const reason = errorMessage(error);
      problems.push(`${name}_FILE: expected a file that can be read, got ${shown(path)}: ${reason}`);
    }
  }
  return { values, problems };
}

/**
 * Reads the configuration.
 * @param env - the environment; empty variables count as absent.
 * @param readFile - reads the files of `*_FILE` variables; throws if it cannot.
 */
export function readConfig(
  env: Environment = process.env,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): ReadConfig {
  const { values, problems } = given(env, readFile);
  const result = variables.safeParse(values);
  if (!result.success) {
    for (const { path, message } of result.error.issues) {
      const name = String(path[0]);
      const source = values[name] !== undefined && nonEmpty(env[name]) === undefined ? `${name}_FILE` : name;
      problems.push(isSecret(name) ? `${source}: ${message}` : `${name}: ${message}, got ${shown(values[name])}`);
    }
  }
  if (!result.success || problems.length > 0) return { ok: false, problems };
  const read = result.data;
  const keys = {
    monitor: read.MONITOR_SECRET,
    grafana: read.GRAFANA_SECRET,
    webhook: read.WEBHOOK_TOKEN,
    api: read.API_TOKEN,
  };
  const clouds = cloudSettings(read.CLOUD, read, readFile);
  const metrics = metricsFor(read.CLOUD, read.METRICS, METRICS_NAMES);
  if (!metrics.ok || clouds.problems.length > 0) {
    return { ok: false, problems: [...clouds.problems, ...(metrics.ok ? [] : [metrics.problem])] };
  }
  const allowUnauthenticated = read.ALLOW_UNAUTHENTICATED === 'true';
  if (!isLoopback(read.HOST) && !allowUnauthenticated && Object.values(keys).every((list) => list.length === 0)) {
    const remedy = `set one of ${SECRETS.join(', ')}, or ALLOW_UNAUTHENTICATED=true`;
    return {
      ok: false,
      problems: [`HOST: expected a loopback address without any secret, got ${shown(read.HOST)}; ${remedy}`],
    };
  }
  const tls = tlsPaths(read);
  if (tls.problems.length > 0) return { ok: false, problems: tls.problems };
  const notices = noticeTargets(read);
  if (notices.problems.length > 0) return { ok: false, problems: notices.problems };
  const beside = STORE_NAMES.find((name) => name === metrics.metrics);
  const stored = beside && storeSettings(beside, read, readFile);
  if (stored && !stored.ok) return stored;
  const cloud = read.CLOUD === 'libvirt' ? libvirtSettings(read) : undefined;
  if (cloud && !cloud.ok) return cloud;
  const config: Config = {
    host: read.HOST,
    port: read.PORT,
    rulesDir: read.RULES_DIR,
    dataDir: read.DATA_DIR,
    logLevel: read.LOG_LEVEL,
    cloud: read.CLOUD,
    metrics: metrics.metrics,
    ...(stored && { metricStore: stored.store }),
    ...(read.SIMULATION !== undefined && { simulation: read.SIMULATION }),
    clouds: clouds.settings,
    ...(cloud && { libvirt: cloud.libvirt }),
    secrets: keys,
    site: siteOf(read),
    notices: notices.targets,
    ...(read.HSTS !== undefined && { hsts: read.HSTS }),
    ...(read.MONITOR_MESSAGE_KEY !== undefined && { monitorMessageKey: read.MONITOR_MESSAGE_KEY }),
    grafanaSignatureHeader: read.GRAFANA_SIGNATURE_HEADER,
    ...(read.GRAFANA_TIMESTAMP_HEADER !== undefined && { grafanaTimestampHeader: read.GRAFANA_TIMESTAMP_HEADER }),
    allowUnauthenticated,
    ...(tls.files !== undefined && { tls: tls.files }),
    ...(read.TRUST_PROXY !== undefined && { trustProxy: read.TRUST_PROXY }),
    rateLimit: read.RATE_LIMIT,
    migrationTimeoutMs: read.MIGRATION_TIMEOUT,
    migrationConcurrency: read.MIGRATION_CONCURRENCY,
    migrationStartGraceMs: read.MIGRATION_START_GRACE,
    budget: { migrations: read.MIGRATIONS_PER_HOUR, memoryMib: read.MEMORY_PER_HOUR / 1024 ** 2 },
    verifyTolerance: read.VERIFY_TOLERANCE,
    snapshotRetentionMs: read.SNAPSHOT_RETENTION,
    requestTimeoutMs: read.REQUEST_TIMEOUT,
    decisionTimeoutMs: read.DECISION_TIMEOUT,
    decisionMemoryMib: read.DECISION_MEMORY,
    droppedAlerts: read.DROPPED_ALERTS,
    inventoryTimeoutMs: read.INVENTORY_TIMEOUT,
    retentionMs: read.RETENTION,
    journalFsync: read.JOURNAL_FSYNC === 'true',
    shutdownTimeoutMs: read.SHUTDOWN_TIMEOUT,
  };
  return { ok: true, config };
}
