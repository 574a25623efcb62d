import { describe, expect, it } from 'vitest';
import { expiredDays } from '../../src/journal/lowdb/expired-days.js';

const DAY = 86_400_000;
const start = Date.parse('2026-01-01T00:00:00Z');
const day = (n: number) => new Date(start + n * DAY).toISOString().slice(0, 10);
const days = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => day(from + index));
const at = (n: number, hours = 12) => start + n * DAY + hours * 3_600_000;

describe('the days that are past their retention', () => {
  it('are the days that ended longer ago than that, as the events themselves show', () => {
    expect(expiredDays(days(0, 99), { now: at(99), retentionMs: 90 * DAY }).days).toEqual(days(0, 8));
    expect(expiredDays(days(0, 99), { now: at(99), retentionMs: 3 * DAY }).days).toEqual(days(0, 95));
  });

  it('are two at most where only the clock says so', () => {
    const kept = days(0, 89);
    expect(expiredDays(kept, { now: at(190), retentionMs: 90 * DAY }).days).toEqual(days(0, 1));
    // Events of one day that the wrong clock wrote warrant no more.
    expect(expiredDays([...kept, day(190)], { now: at(190), retentionMs: 90 * DAY }).days).toEqual(days(0, 1));
  });

  it('are counted from no day that lies ahead of the clock', () => {
    const withFuture = [...days(0, 89), day(300), day(301), day(302)];
    expect(expiredDays(withFuture, { now: at(89), retentionMs: 80 * DAY }).days).toEqual(days(0, 8));
  });

  it('are none where nothing is old, or nothing is kept', () => {
    expect(expiredDays(days(0, 89), { now: at(89), retentionMs: 90 * DAY }).days).toEqual([]);
    expect(expiredDays([], { now: at(89), retentionMs: 90 * DAY })).toEqual({ days: [], warrantedBefore: -Infinity });
  });
});
