import { mkdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { Registry, collectDefaultMetrics } from 'prom-client';
import { errorMessage } from '../common/error-message.js';
import type { Clock } from '../common/clock.js';
import type { Config } from '../config/read-config.js';
import type { Cloud, Metrics } from '../fleet/fleet.js';
import { watchFleetHealth } from '../fleet/fleet-health.js';
import type { AppOptions } from '../http/app.js';
import { createApp } from '../http/app.js';
import type { Backend } from '../http/ports.js';
import { closedDoors } from '../http/auth.js';
import { createServer } from '../http/server.js';
import type { Tls } from '../http/tls.js';
import { openTls } from '../http/tls.js';
import type { DirectoryLock } from '../journal/lowdb/directory-lock.js';
import { lockDirectory } from '../journal/lowdb/directory-lock.js';
import { openJournal } from '../journal/lowdb/open-journal.js';
import { retentionProblem } from '../intake/known.js';
import { createBusy } from '../intake/busy-flag.js';
import type { WatchLimits } from '../migration/watch.js';
import { DEFAULT_WATCH_LIMITS } from '../migration/watch.js';
import { createCloud, createFleet, isSimulatedHere, openStore } from './create-fleet.js';
import { SetupError } from '../config/setup-error.js';
import { startThreadedDecisions } from './threaded-decisions.js';
import type { RuleBook } from '../rules/book.js';
import { openRuleBook } from '../rules/book.js';
import type { Service } from './service.js';
import { createService } from './service.js';
import { DEFAULT_SNAPSHOT_RETENTION, openSnapshots } from '../decide/kept-snapshots.js';
import { dayLimit } from '../decide/migration-budgets.js';
import { openNoticeCursors } from '../notices/cursors.js';
import { createNotifier } from '../notices/notifier.js';
import { noticeMetrics } from './notice-metrics.js';
import { serviceMetrics } from './service-metrics.js';
import { DEFAULT_VERIFICATION } from '../verification/verifier.js';

export { SetupError } from '../config/setup-error.js';

/** A receiver that is listening. */
export interface Receiver {
  url: string;
  service: Service;
  ruleBook: RuleBook;
  /** Takes no more alerts, hands what runs over to the journal, and closes the port; once, however often it is called. */
  stop(): Promise<void>;
}

/** What {@link startReceiver} needs besides the configuration. */
export interface ReceiverOptions {
  config: Config;
  clock: Clock;
  log: Logger;
  /** A fleet made elsewhere, instead of the one that the configuration names. */
  fleet?: { cloud: Cloud; metrics: Metrics };
  /** Whether decisions are made in a thread of their own; a fleet that lives in this process stays in this one. */
  threads?: boolean;
  /** How often to look at a migration, where that is not the usual. */
  limits?: Partial<WatchLimits>;
}

const DAY_MS = 86_400_000;
const MOVE_ACTIONS = ['migrating', 'migrate_success', 'migrate_fail', 'migrate_error'] as const;
/** The longest that a request to whoever is told may take, ms. */
const NOTICE_TIMEOUT_MS = 10_000;
/** A shorter secret is told of at the start, characters. */
const SHORT_SECRET = 16;

/**
 * Wires the whole service and starts to listen.
 * @throws SetupError that names every file or variable that is wrong.
 */
export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const { config, clock, log, limits } = options;
  const { fleet, store, close } = await fleetFor(options);
  const { cloud, metrics } = fleet;
  const opened = await openRuleBook(config.rulesDir, { log });
  if (!opened.ok) {
    close();
    throw new SetupError(opened.problems);
  }
  const ruleBook = opened.book;
  const tls = await certificateOf(config, clock, log).catch((error: unknown) => {
    ruleBook.close();
    throw error;
  });
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Gauges whose names say that they were counters; what they add up stands in those without _total.
  for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`);

  let server: Server | undefined;
  let lock: DirectoryLock | undefined;
  let stopping = false;
  try {
    const tooShort = retentionProblem(config.retentionMs, ruleBook.rules());
    if (tooShort !== undefined) throw new SetupError([tooShort]);
    lock = await lockData(config.dataDir, clock).catch(asSetupError);
    if (lock.warning !== undefined) log.warn({}, lock.warning);
    const { journalFsync: sync, retentionMs } = config;
    const journal = await openJournal(config.dataDir, clock, { sync, retentionMs }).catch(asSetupError);
    if (journal.warning !== undefined) log.error({}, journal.warning);
    const problems = () => [
      ...(stopping ? ['going down'] : []),
      ...journal.problems(),
      ...ruleBook.problems(),
      ...(tls?.problems() ?? []),
    ];
    const metricsOf = serviceMetrics(registry, clock, () => ({
      rules: () => ruleBook.rules(),
      isBatchRunning: () => busy.holder() !== undefined,
      isPaused: () => service.operator.status().paused !== null,
      plansWaiting: () => service.operator.status().plans_waiting,
      fleetHealth: () => health.current(),
      problems,
      journalWriteErrors: () => journal.writeErrors(),
      budget: {
        ...config.budget,
        perDay: () => dayLimit(config.budget, journal.memory().guests)?.limit ?? config.budget.migrationsPerDay,
      },
    }));
    journal.onCommitted((rows) => metricsOf.events(rows));
    const begunLately = { action: MOVE_ACTIONS, since: clock.now() - DAY_MS };
    journal
      .events(begunLately)
      .then((rows) => metricsOf.past(rows))
      .catch((error: unknown) => {
        log.error({ err: error }, 'the moves of the last day could not be read: budgets are told too high in /metrics');
      });
    const notifier = createNotifier({
      targets: config.notices,
      ...(config.site.publicUrl !== undefined && { publicUrl: config.site.publicUrl }),
      cursors: await openNoticeCursors(config.dataDir, log),
      counts: noticeMetrics(registry, config.notices, () => notifier.waiting()),
      clock,
      random: Math.random,
      log,
      timeoutMs: Math.min(config.requestTimeoutMs, NOTICE_TIMEOUT_MS),
    });
    journal.onCommitted((rows) => notifier.take(rows));
    const noteRules = () =>
      journal.noteRules(ruleBook.files().map(({ $schema: _schema, ...spec }) => ({ name: spec.name, spec })));
    await noteRules();
    ruleBook.onChange(() => {
      metricsOf.events([]);
      const short = retentionProblem(config.retentionMs, ruleBook.rules());
      if (short !== undefined) log.error({}, short);
      noteRules().catch((error: unknown) => log.error({ err: error }, 'the new rules could not be recorded'));
    });

    const busy = createBusy();
    const service = createService({
      ...fleet,
      measures: metricsOf,
      looks: { lagging: true, dropped: config.droppedAlerts === 'look-again' },
      checksHostNames: true,
      rules: () => ruleBook.rules(),
      journal,
      busy,
      clock,
      // Of a UUID, whose randomness is drawn in advance: every webhook of a storm makes one.
      newBatchId: () => randomUUID().replaceAll('-', '').slice(0, 12),
      log,
      limits: {
        ...DEFAULT_WATCH_LIMITS,
        startGraceMs: config.migrationStartGraceMs,
        timeLimitMs: config.migrationTimeoutMs,
        ...limits,
      },
      concurrency: config.migrationConcurrency,
      requestTimeoutMs: config.requestTimeoutMs,
      snapshots: openSnapshots(config.dataDir, clock, {
        ...DEFAULT_SNAPSHOT_RETENTION,
        ageMs: config.snapshotRetentionMs,
      }),
      budget: config.budget,
      mode: config.mode,
      verification: { ...DEFAULT_VERIFICATION, tolerance: config.verifyTolerance },
    });
    metricsOf.events([]);
    await service.recover();
    const looking = new AbortController();
    const health = watchFleetHealth({
      cloud,
      ...(store && { store }),
      clock,
      log,
      timeoutMs: config.requestTimeoutMs,
      signal: looking.signal,
      onLook: (part, seconds) => metricsOf.looked(part, seconds),
    });

    const backend: Backend = {
      handleAlerts: (alerts, truncated) => service.handleAlerts(alerts, truncated),
      rules: () => ({ rules: [...ruleBook.files()], problems: ruleBook.problems() }),
      events: (filter) => journal.events(filter),
      batch: () => service.batch(),
      endedBatches: () => journal.endedBatches(),
      testAlert: (test) => service.testAlert(test),
      operator: service.operator,
      fleet: (detail) => service.fleet(detail),
      fleetHealth: () => health.current(),
      host: (id) => service.host(id),
      readiness: () => Promise.resolve(problems()),
      metrics: () => registry.metrics(),
    };
    const ending = new AbortController();
    const app = createApp({ ...doors(config), backend, registry, clock, log, ending: ending.signal });
    const listening = createServer(app, tls);
    server = listening;
    const url = await listen(listening, config);
    void notifier.begin(journal);
    journal.beginPruning().catch((error: unknown) => log.error({ err: error }, 'old events could not be removed'));
    const open = Object.values(config.secrets).every((list) => list.length === 0);
    log.info({ url, cloud: cloud.name, metrics: metrics.name, rules: ruleBook.rules().length }, `listening on ${url}`);
    const weak = Object.values(config.secrets)
      .flat()
      .filter((secret) => secret.length < SHORT_SECRET).length;
    if (weak > 0) log.warn({ secrets: weak }, `secrets shorter than ${SHORT_SECRET} characters can be guessed`);
    for (const sentence of closedDoors(doors(config).secrets)) log.warn({}, sentence);
    if (ruleBook.rules().length === 0) {
      log.warn({}, `no rule in ${config.rulesDir}: no alert leads to anything; automigrate rules create makes one`);
    }
    if (open) log.warn({}, `no secret is set: whoever reaches ${url} can send alerts`);
    void tellWarnings(cloud, log);

    const stop = async (): Promise<void> => {
      stopping = true;
      looking.abort(new Error('the service is stopping'));
      // Until it has stopped, alerts are still answered: with 503.
      await service.stop();
      await notifier.stop();
      close();
      ruleBook.close();
      tls?.close();
      // Whoever follows would hold his connection for ever.
      ending.abort();
      await closed(listening);
      lock?.release();
    };
    let stopped: Promise<void> | undefined;
    return { url, service, ruleBook, stop: () => (stopped ??= stop()) };
  } catch (error) {
    close();
    ruleBook.close();
    tls?.close();
    server?.close();
    lock?.release();
    throw error;
  }
}

/** Nothing waits for it: a cloud that cannot be asked now may well be there when the first alert comes. */
async function tellWarnings(cloud: Cloud, log: Logger): Promise<void> {
  try {
    for (const warning of (await cloud.warnings?.()) ?? [])
      log.warn({ cloud: cloud.name }, `${cloud.name}: ${warning}`);
  } catch (error) {
    log.warn({ cloud: cloud.name, err: error }, 'the cloud could not be asked how it is set up');
  }
}

/** What the receiver looks at, and where: see {@link ReceiverOptions.threads}. */
async function fleetFor({ config, clock, log, fleet, threads }: ReceiverOptions) {
  if (fleet || !threads || isSimulatedHere(config)) {
    const here = fleet ?? (await createFleet(config, clock));
    const store = (here.metrics as object) === here.cloud ? undefined : here.metrics;
    return { fleet: here, store, close: () => here.metrics.close?.() };
  }
  const { cloud } = await createCloud(config, clock);
  const limits = { timeMs: config.decisionTimeoutMs, memoryMib: config.decisionMemoryMib };
  const decisions = await startThreadedDecisions(config, limits, { clock, log });
  const { metrics: name, scrapeIntervalMs } = decisions.fleetOf;
  return {
    fleet: { cloud, metrics: { name, scrapeIntervalMs }, decisions },
    // Only to be asked whether it is there: a thread that is at work on a decision could not tell.
    store: openStore(config, clock),
    close: () => void decisions.close(),
  };
}

function asSetupError(error: unknown): never {
  throw new SetupError([errorMessage(error)]);
}

async function lockData(directory: string, clock: Clock): Promise<DirectoryLock> {
  await mkdir(directory, { recursive: true }).catch((error: unknown) => {
    throw new Error(`DATA_DIR: ${errorMessage(error)}`, { cause: error });
  });
  return lockDirectory(
    directory,
    `process ${process.pid} on ${hostname()} since ${new Date(clock.now()).toISOString()}`,
  );
}

/** What the configuration says of who may come in. */
function doors(
  config: Config,
): Pick<AppOptions, 'secrets' | 'messageKey' | 'trustProxy' | 'rateLimit' | 'site' | 'hsts'> {
  const { monitor, grafana, webhook, api } = config.secrets;
  const { grafanaSignatureHeader, grafanaTimestampHeader, monitorMessageKey } = config;
  return {
    secrets: {
      monitor,
      grafana,
      webhookTokens: webhook,
      apiTokens: api,
      grafanaSignatureHeader,
      ...(grafanaTimestampHeader !== undefined && { grafanaTimestampHeader }),
    },
    ...(monitorMessageKey !== undefined && { messageKey: monitorMessageKey }),
    ...(config.trustProxy !== undefined && { trustProxy: config.trustProxy }),
    rateLimit: config.rateLimit,
    site: config.site,
    ...(config.hsts !== undefined && { hsts: config.hsts }),
  };
}

async function certificateOf({ tls: files }: Config, clock: Clock, log: Logger): Promise<Tls | undefined> {
  if (!files) return undefined;
  const opened = await openTls({ files, log, clock });
  if (!opened.ok) throw new SetupError(opened.problems);
  return opened.tls;
}

function listen(server: Server, { host, port, tls }: Config): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const variable = error.code === 'EADDRINUSE' || error.code === 'EACCES' ? 'PORT' : 'HOST';
      reject(new SetupError([`${variable}: cannot listen on ${host} port ${port}: ${error.message}`]));
    });
    server.listen(port, host, () => {
      const { address, family, port: bound } = server.address() as AddressInfo;
      resolve(`http${tls ? 's' : ''}://${family === 'IPv6' ? `[${address}]` : address}:${bound}`);
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A connection that is kept alive must not hold up the end, nor one that has just had its last answer.
    const closing = setInterval(() => server.closeIdleConnections(), 50);
    server.close(() => {
      clearInterval(closing);
      resolve();
    });
    server.closeIdleConnections();
  });
}
