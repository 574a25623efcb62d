import { readFileSync } from 'node:fs';
import type { LibvirtSettings } from '../fleet/clouds/libvirt/create-libvirt.js';
import type { MetricStore } from '../fleet/metrics/create-metrics.js';
import type { OwnSite } from '../http/own-site.js';
import type { NoticeTarget } from '../notices/targets.js';
import { shown } from '../rules/problems.js';
import type { CloudSettings } from './clouds.js';
import { cloudSettings } from './clouds.js';
import type { TlsPaths } from './doors.js';
import { DOOR_SECRETS, siteOf, tlsPaths } from './doors.js';
import type { CLOUD_NAMES } from './fleet-settings.js';
import { METRICS_NAMES, metricsFor } from './fleet-settings.js';
import type { Environment, Given, ReadFile, Source } from './given.js';
import { placeOf, readGiven } from './given.js';
import { libvirtSettings } from './libvirt-settings.js';
import { STORE_NAMES, storeSettings } from './store-settings.js';
import { nearMisses } from './near-miss.js';
import { noticeTargets } from './notices.js';
import type { LOG_LEVELS } from './service-settings.js';
import { isLoopback } from './service-settings.js';
import { SetupError } from './setup-error.js';
import type { Values } from './variables.js';
import { SETTINGS, settingOf, variables } from './variables.js';

/** Everything that environment and configuration file say, checked and with defaults filled in. Durations in ms. */
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
  /** What all rules together may start within an hour, and a day. */
  budget: { migrations: number; memoryMib: number; migrationsPerDay: number; guestsPerDay?: number };
  /** How far all rules may go. */
  mode: 'auto' | 'recommend';
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

/** A configuration, or one line for everything that is wrong, and warnings of what is odd. No line holds a secret. */
export type ReadConfig =
  { ok: true; config: Config; warnings: string[] } | { ok: false; problems: string[]; warnings: string[] };

const fromDisk: ReadFile = (path) => readFileSync(path, 'utf8');

/**
 * The directories alone, for commands that need no more of the configuration than these.
 * @throws SetupError if there is a configuration file that cannot be used.
 */
export function directories(env: Environment): { rulesDir: string; dataDir: string } {
  const names = ['RULES_DIR', 'DATA_DIR'] as const;
  const { values, problems } = readGiven(env, fromDisk, names);
  if (problems.length > 0) throw new SetupError(problems);
  const [rulesDir = '', dataDir = ''] = names.map((name) => values.get(name)?.value ?? settingOf(name)?.default);
  return { rulesDir, dataDir };
}

/** The values, or one problem for each that is wrong. */
function checked({ values, problems }: Given): { ok: true; read: Values } | { ok: false; problems: string[] } {
  const written = Object.fromEntries([...values].map(([name, { value }]) => [name, value]));
  const result = variables.safeParse(written);
  const wrong = (result.error?.issues ?? []).map(({ path, message }) => {
    const name = String(path[0]);
    const given = values.get(name);
    const place = given ? placeOf(given.source) : name;
    return settingOf(name)?.secret ? `${place}: ${message}` : `${place}: ${message}, got ${shown(given?.value)}`;
  });
  if (result.success && problems.length === 0) return { ok: true, read: result.data };
  return { ok: false, problems: [...problems, ...wrong] };
}

/**
 * Reads the configuration.
 * @param env - the environment, which may name a configuration file; empty variables count as absent.
 * @param readFile - reads the files that are named; throws if it cannot.
 */
export function readConfig(env: Environment = process.env, readFile: ReadFile = fromDisk): ReadConfig {
  const warnings = nearMisses(env);
  const refused = (problems: string[]): ReadConfig => ({ ok: false, problems, warnings });
  const given = checked(readGiven(env, readFile));
  if (!given.ok) return refused(given.problems);
  const { read } = given;
  const keys = {
    monitor: read.MONITOR_SECRET,
    grafana: read.GRAFANA_SECRET,
    webhook: read.WEBHOOK_TOKEN,
    api: read.API_TOKEN,
  };
  const clouds = cloudSettings(read.CLOUD, read, readFile);
  const metrics = metricsFor(read.CLOUD, read.METRICS, METRICS_NAMES);
  if (!metrics.ok || clouds.problems.length > 0) {
    return refused([...clouds.problems, ...(metrics.ok ? [] : [metrics.problem])]);
  }
  const allowUnauthenticated = read.ALLOW_UNAUTHENTICATED === 'true';
  if (!isLoopback(read.HOST) && !allowUnauthenticated && Object.values(keys).every((list) => list.length === 0)) {
    const remedy = `set one of ${DOOR_SECRETS.join(', ')}, or ALLOW_UNAUTHENTICATED=true`;
    return refused([`HOST: expected a loopback address without any secret, got ${shown(read.HOST)}; ${remedy}`]);
  }
  const tls = tlsPaths(read);
  if (tls.problems.length > 0) return refused(tls.problems);
  const notices = noticeTargets(read);
  if (notices.problems.length > 0) return refused(notices.problems);
  const beside = STORE_NAMES.find((name) => name === metrics.metrics);
  const stored = beside && storeSettings(beside, read, readFile);
  if (stored && !stored.ok) return refused(stored.problems);
  const cloud = read.CLOUD === 'libvirt' ? libvirtSettings(read) : undefined;
  if (cloud && !cloud.ok) return refused(cloud.problems);
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
    budget: {
      migrations: read.MIGRATIONS_PER_HOUR,
      memoryMib: read.MEMORY_PER_HOUR / 1024 ** 2,
      migrationsPerDay: read.MIGRATIONS_PER_DAY,
      ...(read.GUESTS_PER_DAY > 0 && { guestsPerDay: read.GUESTS_PER_DAY }),
    },
    mode: read.MODE,
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
  return { ok: true, config, warnings };
}

/** A setting that has a value, as it was written. */
export interface SettingInForce {
  name: string;
  /** Of a secret only stars. */
  value: string;
  source: Source;
}

/** Every setting that has a value, in the order of the table. What is wrong with them is {@link readConfig}'s to say. */
export function settingsInForce(env: Environment, readFile: ReadFile = fromDisk): SettingInForce[] {
  const { values } = readGiven(env, readFile);
  return SETTINGS.flatMap(({ name, secret, default: standard }): SettingInForce[] => {
    const given = values.get(name);
    if (given) return [{ name, value: secret ? '********' : given.value, source: given.source }];
    return standard === undefined ? [] : [{ name, value: standard, source: { from: 'default' } }];
  });
}
