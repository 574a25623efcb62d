import { constants } from 'node:os';
import type { Logger } from 'pino';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** A fault that nobody took up leaves the process in a state that nobody knows: it is logged and ends it, with status 1. */
export function endOnFault(log: Logger): void {
  const end = (error: unknown, kind: string) => {
    log.fatal({ err: error }, `${kind}: ending; what is under way stands in the journal`);
    process.exit(1);
  };
  process.on('uncaughtException', (error) => end(error, 'a fault that nobody took up'));
  process.on('unhandledRejection', (error) => end(error, 'a rejection that nobody took up'));
}

/** What {@link endOnSignal} needs. */
export interface EndOptions {
  log: Logger;
  /** Finishes or hands over what is under way. */
  stop: () => Promise<void>;
  /** The longest that stopping may take, ms. */
  timeoutMs: number;
}

/**
 * Waits for SIGTERM or SIGINT, then stops. A second signal ends the process at once.
 * @returns the exit status: 0 if it stopped in time, 1 if not.
 */
export async function endOnSignal({ log, stop, timeoutMs }: EndOptions): Promise<number> {
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    for (const name of SIGNALS) process.once(name, resolve);
  });
  log.info({ signal }, 'going down; what is under way stands in the journal');
  for (const name of SIGNALS) {
    process.removeAllListeners(name);
    process.once(name, () => {
      log.warn({ signal: name }, 'a second signal: ending at once');
      process.exit(128 + constants.signals[name]);
    });
  }
  const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), timeoutMs).unref());
  try {
    if ((await Promise.race([stop(), late])) !== 'late') return 0;
    log.warn({ timeoutMs }, 'not everything ended in time; the next start takes it up');
  } catch (error) {
    log.error({ err: error }, 'stopping failed; the next start takes up what was under way');
  }
  return 1;
}
