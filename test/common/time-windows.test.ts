import { describe, expect, it } from 'vitest';
import { cronProblem, isTimeZone, outsideWindows } from '../../src/common/time-windows.js';

const at = (iso: string) => Date.parse(iso);
const windows = (over: Partial<Parameters<typeof outsideWindows>[0]> = {}) => ({
  timeZone: 'UTC',
  allow: [],
  deny: [],
  ...over,
});

describe('windows', () => {
  it('without any, every moment is inside', () => {
    expect(outsideWindows(windows(), at('2026-11-21T05:06:07Z'))).toBeUndefined();
  });

  it('a pattern means whole minutes, in its time zone', () => {
    const office = windows({ timeZone: 'Europe/Berlin', allow: ['* 8-17 * * 1-5'] });
    expect(outsideWindows(office, at('2026-11-23T07:00:00Z'))).toBeUndefined();
    expect(outsideWindows(office, at('2026-11-23T16:59:59.999Z'))).toBeUndefined();
    expect(outsideWindows(office, at('2026-11-23T06:59:59.999Z'))).toBe(
      '2026-11-23 07:59 Europe/Berlin is in none of the allowed windows ("* 8-17 * * 1-5")',
    );
    expect(outsideWindows(office, at('2026-11-23T17:00:00Z'))).toContain('18:00');
    expect(outsideWindows(office, at('2026-11-22T10:00:00Z'))).toContain('2026-11-22 11:00');
  });

  it('deny wins over allow', () => {
    const both = windows({ allow: ['* 8-17 * * *'], deny: ['30-59 12 * * *'] });
    expect(outsideWindows(both, at('2026-11-23T12:29:00Z'))).toBeUndefined();
    expect(outsideWindows(both, at('2026-11-23T12:30:00Z'))).toBe('2026-11-23 12:30 UTC is denied by "30-59 12 * * *"');
  });

  it('goes by the clock on the wall when the clocks change', () => {
    const two = windows({ timeZone: 'Europe/Berlin', allow: ['* 2 * * *'] });
    // The hour from two to three comes twice in autumn …
    expect(outsideWindows(two, at('2026-10-25T00:30:00Z'))).toBeUndefined();
    expect(outsideWindows(two, at('2026-10-25T01:30:00Z'))).toBeUndefined();
    expect(outsideWindows(two, at('2026-10-25T02:30:00Z'))).toContain('03:30');
    // … and not at all in spring.
    expect(outsideWindows(two, at('2026-03-29T00:59:00Z'))).toContain('01:59');
    expect(outsideWindows(two, at('2026-03-29T01:00:00Z'))).toContain('03:00');
  });

  it('refuses what is no window', () => {
    for (const pattern of ['* 8-17 * * 1-5', '*/15 * * * *', '0-29 22,23 1 jan mon']) {
      expect(cronProblem(pattern)).toBeUndefined();
    }
    for (const pattern of ['', '* * *', '* * * * * *', '61 * * * *', '* 25 * * *', '@daily', '? * * * *', 'x']) {
      expect(cronProblem(pattern)).toMatch(/^expected a cron pattern of five fields/);
    }
    expect(isTimeZone('Asia/Shanghai')).toBe(true);
    expect(isTimeZone('Mars/Olympus')).toBe(false);
  });
});
