import { existsSync } from 'node:fs';
import type { Answer, Evidence, PingAnswer } from '../cli/doctor/finding.js';
import type { Clock } from '../common/clock.js';
import { errorMessage } from '../common/error-message.js';
import type { Config } from '../config/read-config.js';
import { SetupError } from '../config/setup-error.js';
import type { Cloud, Metrics } from '../fleet/fleet.js';
import { withinTime } from '../fleet/within-time.js';
import { lockDirectory } from '../journal/lowdb/directory-lock.js';
import { loadRules } from '../rules/load.js';
import { createFleet } from './create-fleet.js';

/** The window over which readings are asked for, ms: the default of a rule's period. */
const PERIOD_MS = 300_000;

async function answerOf<T>(call: Promise<T> | undefined): Promise<Answer<T> | undefined> {
  if (!call) return undefined;
  try {
    return { ok: true, value: await call };
  } catch (error) {
    return { ok: false, text: errorMessage(error) };
  }
}

/** Asks cloud and store, rules and journal, each once, for what the doctor judges by. Changes nothing. */
export async function examine(config: Config, warnings: readonly string[], clock: Clock): Promise<Evidence> {
  const rules = await loadRules(config.rulesDir);
  const common = { config, warnings, rules, journal: await journalOf(config.dataDir) };
  let fleet: { cloud: Cloud; metrics: Metrics };
  try {
    fleet = await createFleet(config, clock);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    return { ...common, setup: error.problems, now: clock.now() };
  }
  try {
    return { ...common, setup: [], ...(await askBoth(fleet, config, clock)), now: clock.now() };
  } finally {
    fleet.metrics.close?.();
  }
}

async function askBoth({ cloud, metrics }: { cloud: Cloud; metrics: Metrics }, config: Config, clock: Clock) {
  const timeoutMs = config.requestTimeoutMs;
  const bounded = <T>(system: string, what: string, call: (signal: AbortSignal) => Promise<T>, ms = timeoutMs) =>
    withinTime({ system, what, timeoutMs: ms }, call);
  const ping = (system: Cloud | Metrics) =>
    answerOf(
      system.ping &&
        bounded(system.name, 'whether it is there', async (signal): Promise<PingAnswer> => {
          const pong = await system.ping?.(signal);
          return { ...pong, at: clock.now() };
        }),
    );
  const isOwn = (metrics as object) === cloud;
  const [cloudPing, storePing, inventory, said, names, alertingRules] = await Promise.all([
    ping(cloud),
    isOwn ? undefined : ping(metrics),
    answerOf(bounded(cloud.name, 'inventory', (signal) => cloud.inventory(signal), cloud.inventoryTimeoutMs)),
    answerOf(cloud.warnings && bounded(cloud.name, 'rights', async (signal) => (await cloud.warnings?.(signal)) ?? [])),
    answerOf(
      metrics.names &&
        bounded(metrics.name, 'names', (signal) => metrics.names?.(signal) ?? Promise.reject(new Error(''))),
    ),
    answerOf(
      metrics.alertingRules &&
        bounded(metrics.name, 'alerting rules', async (signal) => (await metrics.alertingRules?.(signal)) ?? []),
    ),
  ]);
  const readings =
    inventory?.ok && storePing?.ok !== false
      ? await answerOf(
          bounded(metrics.name, 'readings', (signal) =>
            metrics.readings({ ...inventory.value, periodMs: PERIOD_MS }, signal),
          ),
        )
      : undefined;
  return {
    cloud: {
      name: cloud.name,
      ...(cloudPing && { ping: cloudPing }),
      inventory: inventory ?? { ok: false as const, text: `${cloud.name}: no inventory` },
      warnings: said ?? { ok: true as const, value: [] },
    },
    store: {
      name: metrics.name,
      ...(metrics.namedBy && { namedBy: metrics.namedBy }),
      scrapeIntervalMs: metrics.scrapeIntervalMs,
      periodMs: PERIOD_MS,
      ...(storePing && { ping: storePing }),
      ...(readings && { readings }),
      ...(names && { names }),
      ...(alertingRules && { alertingRules }),
    },
  };
}

async function journalOf(directory: string): Promise<Evidence['journal']> {
  if (!existsSync(directory)) return 'absent';
  try {
    const lock = await lockDirectory(directory, 'automigrate doctor');
    lock.release();
    return 'free';
  } catch (error) {
    const text = errorMessage(error);
    const [, heldBy] = /in use by another automigrate: (.*)/.exec(text) ?? [];
    return heldBy === undefined ? { problem: text } : { heldBy };
  }
}
