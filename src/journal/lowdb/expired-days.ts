/** Days that the clock alone says are past their retention and that go at once. */
const MOST_BY_CLOCK = 2;

/** The end of a day such as `2026-11-21`, ms since the epoch. */
export function endOfDay(day: string): number {
  return Date.parse(`${day}T23:59:59.999Z`);
}

/**
 * The days of events that are past their retention. A clock that is ahead must not cost the whole archive, so the events
 * themselves have to warrant what is removed: what is old as seen from the newest day but one (the newest may be the only
 * one that a wrong clock has written). The clock alone removes the oldest two.
 * @param days - days that have events, in any order, also several times.
 * @param now - ms since the epoch.
 * @returns the days, and the moment before which things are old as the events see it, ms since the epoch; `-Infinity` where
 * there are too few events to tell.
 */
export function expiredDays(
  days: readonly string[],
  { now, retentionMs }: { now: number; retentionMs: number },
): { days: string[]; warrantedBefore: number } {
  const sorted = [...new Set(days)].sort();
  const witness = sorted.filter((day) => Date.parse(day) <= now).at(-2);
  const warrantedBefore = witness === undefined ? -Infinity : Math.min(now, endOfDay(witness)) - retentionMs;
  const old = sorted.filter((day) => endOfDay(day) < now - retentionMs);
  const warranted = old.filter((day) => endOfDay(day) < warrantedBefore);
  return { days: old.slice(0, warranted.length + MOST_BY_CLOCK), warrantedBefore };
}
