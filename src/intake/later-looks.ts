import type { Clock } from '../common/clock.js';
import type { Log } from '../common/log.js';
import type { Journal } from '../journal/journal.js';
import type { KeptLook } from '../journal/memory.js';

/** Alerts of one rule that are to be looked at again later. */
export interface LaterLook {
  rule: string;
  sender: string;
  /** For each host the words that name it, best first. */
  hosts: string[][];
  /** The mean may only have lagged behind its alert, a batch was running, or no inventory knew the host yet. */
  because: 'lagging' | 'dropped' | 'unknown_host';
  /** ms of the clock's own time; Infinity: when {@link LaterLooks.release} says so. */
  dueAt: number;
}

/** Pairs of rule and host that are remembered; further ones wait for their next alert. */
const MOST_LOOKS = 1000;
/** As {@link MOST_LOOKS}, for hosts that no inventory knows: those that nobody will ever know must not crowd out the others. */
const MOST_UNKNOWN = 100;

/** They are written to the journal at most this often, ms: every alert of a storm may change them. */
const WRITE_PAUSE_MS = 1000;

const keyOf = (rule: string, words: readonly string[]) => JSON.stringify([rule, words]);

/** Remembers, for each rule and host, the newest alert that is to be looked at again. */
export interface LaterLooks {
  /** Adds hosts of an alert; the newest of a rule and host stands. */
  add(look: Omit<LaterLook, 'hosts'>, hosts: readonly string[][]): void;
  /** Forgets hosts of a rule: their alert is resolved, or was taken on. */
  forget(rule: string, hosts: readonly string[][]): void;
  /** Forgets all that wait for one thing. */
  forgetAll(because: LaterLook['because']): void;
  /** What looks wait for has come: the end of a batch, an inventory. */
  release(because: LaterLook['because']): void;
  /** Takes up what a former process has left in the journal; call it once, before alerts are let in. */
  takeUp(): void;
  /** Writes what has not been written yet; call it when the signal has been aborted. */
  stop(): Promise<void>;
}

/**
 * Looks again when the time has come. What is to be looked at stands in the journal, for a restart; not so the alerts of hosts that
 * no inventory knows, for most of them are noise.
 * @param take - takes looks on as if their alerts came now; hosts of one rule and sender together. Must not reject.
 * @param signal - ends the waiting.
 */
export function createLaterLooks(
  take: (looks: readonly LaterLook[]) => Promise<void>,
  { journal, clock, log, signal }: { journal: Journal; clock: Clock; log: Log; signal: AbortSignal },
): LaterLooks {
  const waiting = new Map<string, LaterLook & { since: number }>();
  let isChanged = false;
  let isWriting = false;
  let isFollowing = false;
  let nearer: AbortController | undefined;

  const toKeep = (): KeptLook[] =>
    [...waiting.values()].flatMap(({ rule, sender, hosts: [host = []], because, dueAt, since }): KeptLook[] => {
      if (because === 'unknown_host') return [];
      const due = dueAt < Infinity && { due_at: clock.now() + dueAt - clock.monotonic() };
      return [{ rule, sender, host, because, since, ...due }];
    });

  const write = async (): Promise<void> => {
    isChanged = false;
    if (toKeep().length === 0 && journal.memory().laterLooks.length === 0) return;
    try {
      await journal.commit({ memory: (memory) => ({ ...memory, laterLooks: toKeep() }) });
    } catch (error) {
      // They are looked at all the same, if the process lives.
      log.warn({ err: error }, 'what is to be looked at again could not be recorded');
    }
  };

  const hasChanged = () => isChanged;
  const changed = async (): Promise<void> => {
    isChanged = true;
    if (isWriting) return;
    isWriting = true;
    try {
      do {
        await write();
        await clock.sleep(WRITE_PAUSE_MS, signal);
      } while (hasChanged());
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      isWriting = false;
    }
  };

  const due = (): LaterLook[] => {
    const found: LaterLook[] = [];
    for (const [key, look] of waiting) {
      if (look.dueAt > clock.monotonic()) continue;
      waiting.delete(key);
      const same = found.find(
        ({ rule, sender, because }) => rule === look.rule && sender === look.sender && because === look.because,
      );
      if (same) same.hosts.push(...look.hosts);
      else found.push({ ...look, hosts: [...look.hosts] });
    }
    return found;
  };

  /** Sleeps until the next look is due, or until there is a nearer one. */
  const untilNext = async (next: number): Promise<void> => {
    const left = next - clock.monotonic();
    if (left <= 0) return;
    nearer = new AbortController();
    await clock.sleep(left, AbortSignal.any([signal, nearer.signal])).catch(() => signal.throwIfAborted());
  };

  const follow = async (): Promise<void> => {
    nearer?.abort();
    if (isFollowing) return;
    isFollowing = true;
    try {
      for (;;) {
        const next = Math.min(...[...waiting.values()].map(({ dueAt }) => dueAt));
        if (next === Infinity) return;
        await untilNext(next);
        const looks = due();
        if (looks.length === 0) continue;
        await take(looks);
        void changed();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      isFollowing = false;
    }
  };

  const hasRoom = (because: LaterLook['because']): boolean => {
    if (waiting.size >= MOST_LOOKS) return false;
    if (because !== 'unknown_host') return true;
    return [...waiting.values()].filter((look) => look.because === because).length < MOST_UNKNOWN;
  };

  return {
    add(look, hosts) {
      for (const words of hosts) {
        const key = keyOf(look.rule, words);
        waiting.delete(key);
        if (hasRoom(look.because)) waiting.set(key, { ...look, hosts: [[...words]], since: clock.now() });
      }
      void changed();
      if (look.dueAt < Infinity) void follow();
    },
    forget(rule, hosts) {
      const had = waiting.size;
      for (const words of hosts) waiting.delete(keyOf(rule, words));
      if (waiting.size < had) void changed();
    },
    forgetAll(because) {
      for (const [key, look] of waiting) if (look.because === because) waiting.delete(key);
      void changed();
    },
    release(because) {
      for (const look of waiting.values()) if (look.because === because) look.dueAt = clock.monotonic();
      void follow();
    },
    takeUp() {
      for (const { rule, sender, host, because, since, due_at: dueAt } of journal.memory().laterLooks) {
        // One that a clock which was ahead has put off waits as long as it was to wait at all.
        const left = dueAt === undefined ? Infinity : Math.max(0, Math.min(dueAt - clock.now(), dueAt - since));
        const look = { rule, sender, because, hosts: [[...host]], dueAt: clock.monotonic() + left, since: clock.now() };
        waiting.set(keyOf(rule, host), look);
      }
      void follow();
    },
    async stop() {
      if (isChanged) await write();
    },
  };
}
