import { describe, expect, it } from 'vitest';
import { FailureThrottle } from '../../src/http/throttle.js';
import type { ThrottleOptions, Verdict } from '../../src/http/throttle.js';

function build(options: Partial<ThrottleOptions> = {}) {
  let now = 1_000_000;
  const throttle = new FailureThrottle({ now: () => now, ...options });
  const fail = (client = '192.0.2.1'): Verdict => throttle.failed(client).verdict;
  /** The verdict, after which the client has waited as long as it had to. */
  const failAndWait = (client?: string): string | number => {
    const verdict = fail(client);
    if (verdict.act !== 'delay') return verdict.act;
    verdict.done();
    return verdict.ms;
  };
  return { throttle, fail, failAndWait, pass: (ms: number) => (now += ms) };
}

const times = <T>(count: number, act: () => T): T[] => Array.from({ length: count }, act);

describe('failed attempts', () => {
  it('cost nothing at first, then wait ever longer, up to a bound', () => {
    const { failAndWait } = build({ free: 3, firstDelayMs: 250, longestDelayMs: 8000 });
    expect(times(11, () => failAndWait())).toEqual([
      'refuse',
      'refuse',
      'refuse',
      250,
      500,
      1000,
      2000,
      4000,
      8000,
      8000,
      8000,
    ]);
    expect(times(2000, () => failAndWait()).every((ms) => ms === 8000)).toBe(true);
  });

  it('of one client are no burden to another', () => {
    const { failAndWait } = build({ free: 1 });
    times(10, () => failAndWait('192.0.2.1'));
    expect(failAndWait('192.0.2.2')).toBe('refuse');
  });

  it('are forgotten after a while without any, also when the clock jumps back', () => {
    const { failAndWait, pass } = build({ free: 1, memoryMs: 60_000 });
    times(5, () => failAndWait());
    pass(60_000);
    expect(failAndWait()).toBe(4000);
    pass(60_001);
    expect(failAndWait()).toBe('refuse');
    times(5, () => failAndWait());
    pass(-3_600_000);
    expect(failAndWait()).toBe('refuse');
  });

  it('of one client wait two at a time; further ones are turned away and told when to come again', () => {
    const { fail } = build({ free: 0, firstDelayMs: 250, waitingPerClient: 2 });
    const [first, second, third] = times(3, () => fail());
    expect([first?.act, second?.act]).toEqual(['delay', 'delay']);
    expect(third).toEqual({ act: 'turn_away', retryAfter: 1 });
    if (first?.act === 'delay') first.done();
    expect(fail().act).toBe('delay');
    expect(fail()).toEqual({ act: 'turn_away', retryAfter: 4 });
  });

  it('of all clients wait so many at a time', () => {
    const { fail } = build({ free: 0, waiting: 3 });
    const acts = Array.from({ length: 5 }, (_, index) => fail(`192.0.2.${index}`).act);
    expect(acts).toEqual(['delay', 'delay', 'delay', 'turn_away', 'turn_away']);
  });

  it('are remembered for so many clients, those that failed last', () => {
    const { throttle, failAndWait } = build({ free: 1, clients: 100 });
    times(2, () => failAndWait('old'));
    times(2, () => failAndWait('kept'));
    for (let index = 0; index < 99; index += 1) failAndWait(`198.51.100.${index}`);
    expect(throttle.size).toBe(100);
    expect(failAndWait('kept')).toBe(500);
    expect(failAndWait('old')).toBe('refuse');
    for (let index = 0; index < 5000; index += 1) failAndWait(`2001:db8:${index}::/64`);
    expect(throttle.size).toBe(100);
  });
});
