import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import { SetupError } from '../config/setup-error.js';
import type { Decisions } from '../decide/decisions.js';
import { carried, createDecisions } from '../decide/decisions.js';
import { DEFAULT_SNAPSHOT_RETENTION, openSnapshots } from '../decide/kept-snapshots.js';
import { planByRule } from '../decide/plan-moves.js';
import { createSightings } from '../decide/sightings.js';
import { createFleet } from './create-fleet.js';
import type { Calls, FromThread, ThreadData, ToThread } from './decision-messages.js';

/** The thread of the decisions: its own cloud and store, so that nothing of a large fleet passes through the one that answers. */

const port = parentPort;
if (!port) throw new Error('this file is run as a thread');
const say = (message: FromThread): void => port.postMessage(message);

const at =
  (level: 'info' | 'warn' | 'error') =>
  (fields: object, message: string): void => {
    // An error is carried as it can be: what hangs on it may not be plain data.
    const plain = Object.fromEntries(
      Object.entries(fields).map(([key, value]) => [key, value instanceof Error ? carried(value) : (value as unknown)]),
    );
    say({ kind: 'log', level, fields: plain, message });
  };
const log: Log = { info: at('info'), warn: at('warn'), error: at('error') };

const running = new Map<number, AbortController>();

function answer(decisions: Decisions, call: Extract<ToThread, { kind: 'call' }>, signal: AbortSignal) {
  switch (call.name) {
    case 'decide':
      return decisions.decide(call.input, signal);
    case 'lookAtHosts':
      return decisions.lookAtHosts(call.input, signal);
    case 'hosts':
      return decisions.hosts(signal);
    case 'movingGuests':
      return decisions.movingGuests(call.input, signal);
    case 'fleet':
      return decisions.fleet(call.input);
    case 'host':
      return decisions.host(call.input);
  }
}

async function serve(decisions: Decisions, call: Extract<ToThread, { kind: 'call' }>): Promise<void> {
  const abort = new AbortController();
  running.set(call.id, abort);
  try {
    const output: Calls[keyof Calls]['out'] = await answer(decisions, call, abort.signal);
    say({ kind: 'answer', id: call.id, output });
  } catch (error) {
    say({ kind: 'error', id: call.id, error: carried(error) });
  } finally {
    running.delete(call.id);
  }
}

const { config } = workerData as ThreadData;
try {
  const { cloud, metrics } = await createFleet(config, systemClock);
  const retention = { ...DEFAULT_SNAPSHOT_RETENTION, ageMs: config.snapshotRetentionMs };
  const snapshots = openSnapshots(config.dataDir, systemClock, retention);
  const decisions = createDecisions({
    cloud,
    metrics,
    clock: systemClock,
    log,
    sightings: createSightings(cloud.ephemeral ? undefined : snapshots),
    snapshots,
    planner: planByRule,
    timeoutMs: config.requestTimeoutMs,
  });
  port.on('message', (message: ToThread) => {
    switch (message.kind) {
      case 'call':
        void serve(decisions, message);
        return;
      case 'abort':
        running.get(message.id)?.abort(new Error('no longer wanted'));
        return;
      case 'confirm':
        decisions.confirm();
        return;
      case 'close':
        metrics.close?.();
        port.close();
    }
  });
  say({ kind: 'ready', cloud: cloud.name, metrics: metrics.name, scrapeIntervalMs: metrics.scrapeIntervalMs });
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say({ kind: 'refused', problems: [...error.problems] });
}
