import { Worker } from 'node:worker_threads';
import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { Config } from '../config/read-config.js';
import { SetupError } from '../config/setup-error.js';
import type { Decisions } from '../decide/decisions.js';
import { DecisionError, uncarried } from '../decide/decisions.js';
import type { Calls, FromThread, ThreadData, ToThread } from './decision-messages.js';

/** Decisions in a thread of their own. */
export interface ThreadedDecisions extends Decisions {
  /** What the thread looks at. */
  readonly fleetOf: { cloud: string; metrics: string; scrapeIntervalMs: number };
  close(): Promise<void>;
}

/** What a decision may take; passing it ends the thread, and the next call begins a new one. */
export interface DecisionLimits {
  timeMs: number;
  memoryMib: number;
}

interface Waiting {
  resolve: (output: never) => void;
  reject: (error: Error) => void;
}

/** One thread, from its start to its end. */
interface Thread {
  worker: Worker;
  ready: Promise<ThreadedDecisions['fleetOf']>;
  waiting: Map<number, Waiting>;
}

/**
 * Starts the thread.
 * @throws SetupError that names what of the configuration is wrong.
 */
export async function startThreadedDecisions(
  config: Config,
  limits: DecisionLimits,
  { clock, log }: { clock: Clock; log: Log },
): Promise<ThreadedDecisions> {
  let lastId = 0;
  let isClosed = false;
  let thread = startThread(config, limits, log);
  const fleetOf = await thread.ready;

  const current = (): Thread => {
    if (!alive.has(thread) && !isClosed) {
      log.warn({}, 'the thread of the decisions is started again');
      thread = startThread(config, limits, log);
      // Whoever calls is told by the call; this keeps the start itself from being an unhandled rejection.
      thread.ready.catch(() => undefined);
    }
    return thread;
  };

  async function call<Name extends keyof Calls>(
    name: Name,
    input: Calls[Name]['in'],
    signal?: AbortSignal,
  ): Promise<Calls[Name]['out']> {
    signal?.throwIfAborted();
    const { worker, waiting, ready } = current();
    await ready;
    const id = (lastId += 1);
    const ended = new AbortController();
    const abort = () => {
      send(worker, { kind: 'abort', id });
      waiting.get(id)?.reject(signal?.reason as Error);
    };
    try {
      return await new Promise<Calls[Name]['out']>((resolve, reject) => {
        waiting.set(id, { resolve: resolve, reject });
        signal?.addEventListener('abort', abort, { once: true });
        send(worker, { kind: 'call', id, name, input } as ToThread);
        clock.sleep(limits.timeMs, ended.signal).then(
          () => {
            reject(new DecisionError(`${name}: no answer within ${limits.timeMs / 1000} s (DECISION_TIMEOUT)`));
            void worker.terminate();
          },
          () => undefined,
        );
      });
    } finally {
      waiting.delete(id);
      signal?.removeEventListener('abort', abort);
      ended.abort();
    }
  }

  return {
    fleetOf,
    decide: (request, signal) => call('decide', request, signal),
    confirm: () => send(thread.worker, { kind: 'confirm' }),
    lookAtHosts: (query, signal) => call('lookAtHosts', query, signal),
    hosts: (signal) => call('hosts', null, signal),
    movingGuests: (atMostOldMs, signal) => call('movingGuests', atMostOldMs, signal),
    fleet: (detail) => call('fleet', detail),
    host: (id) => call('host', id),
    async close() {
      isClosed = true;
      send(thread.worker, { kind: 'close' });
      await thread.worker.terminate();
    },
  };
}

/** Threads that have not ended. */
const alive = new WeakSet<Thread>();

function send(worker: Worker, message: ToThread): void {
  worker.postMessage(message);
}

function startThread(config: Config, { memoryMib }: DecisionLimits, log: Log): Thread {
  const data: ThreadData = { config };
  const worker = new Worker(new URL('./decision-thread.js', import.meta.url), {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: memoryMib },
  });
  const waiting = new Map<number, Waiting>();
  const ready = new Promise<ThreadedDecisions['fleetOf']>((resolve, reject) => {
    const fail = (error: Error) => {
      alive.delete(thread);
      reject(error);
      for (const each of waiting.values()) each.reject(error);
      waiting.clear();
    };
    worker.on('message', (message: FromThread) => {
      switch (message.kind) {
        case 'ready':
          resolve(message);
          return;
        case 'refused':
          fail(new SetupError(message.problems));
          return;
        case 'answer':
          waiting.get(message.id)?.resolve(message.output as never);
          return;
        case 'error':
          waiting.get(message.id)?.reject(uncarried(message.error));
          return;
        case 'log':
          log[message.level](message.fields, message.message);
      }
    });
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      const why = isMemory ? `it takes more than ${memoryMib} MiB of memory (DECISION_MEMORY)` : error.message;
      fail(new DecisionError(why, { cause: error }));
    });
    worker.on('exit', () => fail(new DecisionError('the thread of the decisions has ended')));
  });
  const thread: Thread = { worker, ready, waiting };
  alive.add(thread);
  return thread;
}
