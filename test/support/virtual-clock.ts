import type { Clock } from '../../src/common/clock.js';

interface Sleeper {
  wakeAt: number;
  order: number;
  wake: () => void;
}

/** A clock whose time passes only by sleeping: whenever the program has nothing else to do, it jumps to the next waking. */
export interface VirtualClock extends Clock {
  /** Lets time pass without anybody sleeping, ms. */
  advance(ms: number): void;
  /** Sets the machine's clock forward or back, ms; no time passes by that. */
  set(ms: number): void;
}

export function createVirtualClock(start = Date.parse('2026-11-21T05:00:00Z')): VirtualClock {
  let passed = 0;
  /** What the clock shows when no time has passed. */
  let origin = start;
  let order = 0;
  let sleepers: Sleeper[] = [];
  let pumping = false;

  const pump = () => {
    if (pumping || sleepers.length === 0) return;
    pumping = true;
    setImmediate(() => {
      pumping = false;
      sleepers.sort((a, b) => a.wakeAt - b.wakeAt || a.order - b.order);
      const next = sleepers.shift();
      if (next) {
        passed = Math.max(passed, next.wakeAt);
        next.wake();
      }
      pump();
    });
  };

  return {
    now: () => origin + passed,
    monotonic: () => passed,
    advance: (ms) => {
      passed += ms;
    },
    set: (ms) => {
      origin += ms;
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason as Error);
          return;
        }
        const abort = () => {
          sleepers = sleepers.filter((other) => other !== sleeper);
          reject(signal?.reason as Error);
        };
        const wake = () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        };
        const sleeper: Sleeper = { wakeAt: passed + ms, order: (order += 1), wake };
        signal?.addEventListener('abort', abort, { once: true });
        sleepers.push(sleeper);
        pump();
      }),
  };
}

/** A clock that holds back whoever sleeps long until it is told to let go: others go on meanwhile. */
export interface HeldClock extends VirtualClock {
  letGo(): void;
}

/** @param longMs - sleeps of at least so long are held back. */
export function holdLongSleeps(clock: VirtualClock, longMs: number): HeldClock {
  let letGo: () => void = () => undefined;
  const open = new Promise<void>((resolve) => (letGo = resolve));
  return {
    ...clock,
    letGo: () => letGo(),
    sleep: async (ms, signal) => {
      if (ms < longMs) return clock.sleep(ms, signal);
      const wakeAt = clock.now() + ms;
      const aborted = new Promise<never>((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
      await Promise.race([open, aborted]);
      return clock.sleep(Math.max(0, wakeAt - clock.now()), signal);
    },
  };
}
