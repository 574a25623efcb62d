import { errorMessage } from '../common/error-message.js';
import { FleetError } from './fleet.js';

/** A system that had not answered when its time was up. */
export class NoAnswerError extends FleetError {}

/** What {@link withinTime} needs. */
export interface WithinTimeOptions {
  /** The system that is asked, and what for: they stand in the error. */
  system: string;
  what: string;
  /** The longest that it may take to answer, ms. */
  timeoutMs: number;
  signal?: AbortSignal;
}

/**
 * Asks a system, and waits no longer than it may take, even for a call that does not heed its signal.
 * @throws NoAnswerError when the time is up; FleetError for whatever else goes wrong; the signal's reason when it is aborted.
 */
export async function withinTime<T>(options: WithinTimeOptions, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { system, what, timeoutMs } = options;
  const expiry = new AbortController();
  const timer = setTimeout(() => expiry.abort(), timeoutMs);
  const signal = options.signal ? AbortSignal.any([options.signal, expiry.signal]) : expiry.signal;
  try {
    return await abortable(call(signal), signal);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (expiry.signal.aborted) {
      throw new NoAnswerError(system, `${what}: no answer within ${timeoutMs} ms`, { cause: error });
    }
    if (error instanceof FleetError) throw error;
    throw new FleetError(system, `${what}: ${errorMessage(error)}`, {
      cause: error,
    });
  } finally {
    // A timer that is left would keep the whole answer in memory.
    clearTimeout(timer);
  }
}

/**
 * Waits for something that may not heed the signal, or that others wait for too, until the signal says otherwise.
 * @throws the signal's reason when it is aborted.
 */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    // A listener that is left would keep the whole answer in memory.
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
