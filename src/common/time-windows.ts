import { Cron } from 'croner';

/** When a rule may act. */
export interface Windows {
  timeZone: string;
  /** Cron patterns of five fields; none means any time. */
  allow: readonly string[];
  deny: readonly string[];
}

const MINUTE_MS = 60_000;
const EXPECTED = 'expected a cron pattern of five fields (minute hour day month weekday) such as "* 8-17 * * 1-5"';

/** What is wrong with a cron pattern; undefined if nothing is. */
export function cronProblem(pattern: string): string | undefined {
  // Nicknames stand for single minutes, and "?" for the minute in which the pattern is read: neither is a window.
  if (/[@?]/.test(pattern)) return EXPECTED;
  try {
    new Cron(pattern, { mode: '5-part', paused: true });
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^CronPattern: /, '') : String(error);
    return `${EXPECTED} (${why})`;
  }
}

/** Whether a time zone of this name is known here. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether a moment lies in a rule's windows. What counts is what a clock on the wall of the time zone shows: an hour that
 * comes twice is in twice, one that is left out is never in.
 * @param now - ms since the epoch.
 * @returns undefined inside; outside a sentence that says why.
 */
export function outsideWindows({ timeZone, allow, deny }: Windows, now: number): string | undefined {
  // A pattern without seconds stands for the second 0; the whole minute is meant.
  const minute = new Date(Math.floor(now / MINUTE_MS) * MINUTE_MS);
  const fits = (pattern: string) =>
    new Cron(pattern, { mode: '5-part', timezone: timeZone, paused: true }).match(minute);
  const denied = deny.find(fits);
  const at = () => `${minute.toLocaleString('sv', { timeZone, dateStyle: 'short', timeStyle: 'short' })} ${timeZone}`;
  if (denied !== undefined) return `${at()} is denied by "${denied}"`;
  if (allow.length === 0 || allow.some(fits)) return undefined;
  return `${at()} is in none of the allowed windows (${allow.map((pattern) => `"${pattern}"`).join(', ')})`;
}
