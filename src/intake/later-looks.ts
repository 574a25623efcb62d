import type { Clock } from '../common/clock.js';

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

const keyOf = (rule: string, words: readonly string[]) => JSON.stringify([rule, words]);

/** Remembers, for each rule and host, the newest alert that is to be looked at again. */
export interface LaterLooks {
  /** Adds hosts of an alert; the newest of a rule and host stands. */
  add(look: Omit<LaterLook, 'hosts'>, hosts: readonly string[][]): void;
  /** Forgets hosts of a rule: their alert is resolved, or was taken on. */
  forget(rule: string, hosts: readonly string[][]): void;
  /** What looks wait for has come: the end of a batch, an inventory. */
  release(because: LaterLook['because']): void;
}

/**
 * Looks again when the time has come.
 * @param take - takes looks on as if their alerts came now; hosts of one rule and sender together. Must not reject.
 * @param signal - ends the waiting.
 */
export function createLaterLooks(
  take: (looks: readonly LaterLook[]) => Promise<void>,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): LaterLooks {
  const waiting = new Map<string, LaterLook>();
  let isFollowing = false;
  let nearer: AbortController | undefined;

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
        if (looks.length > 0) await take(looks);
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
        if (hasRoom(look.because)) waiting.set(key, { ...look, hosts: [[...words]] });
      }
      if (look.dueAt < Infinity) void follow();
    },
    forget(rule, hosts) {
      for (const words of hosts) waiting.delete(keyOf(rule, words));
    },
    release(because) {
      for (const look of waiting.values()) if (look.because === because) look.dueAt = clock.monotonic();
      void follow();
    },
  };
}
