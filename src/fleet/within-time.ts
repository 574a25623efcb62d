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
  const stopped = rejection(signal);
  try {
    return await Promise.race([call(signal), stopped.promise]);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (expiry.signal.aborted) {
      throw new NoAnswerError(system, `${what}: no answer within ${timeoutMs} ms`, { cause: error });
    }
    if (error instanceof FleetError) throw error;
    throw new FleetError(system, `${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    // A timer or listener that is left would keep the whole answer in memory.
    clearTimeout(timer);
    stopped.forget();
  }
}

/** Never resolves; rejects when the signal is aborted. */
function rejection(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  let onAbort = (): void => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) };
}
