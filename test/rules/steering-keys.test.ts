import { describe, expect, it } from 'vitest';
import { parseRule } from '../../src/rules/load.js';

const parse = (over: Record<string, unknown>) =>
  parseRule(JSON.stringify({ name: 'r', metric: 'cpu.usage_active', threshold: 60, ...over }), 'r.json');

describe('the keys that say how far a rule may go', () => {
  it('have safe defaults', () => {
    expect(parse({})).toMatchObject({
      rule: {
        keepTogether: [],
        keepApart: [],
        pinned: {},
        ignore: { guests: [], hosts: [], tags: [] },
        windows: { timeZone: 'UTC', allow: [], deny: [] },
        limits: {},
        foreignPause: '15m',
      },
    });
  });

  it.each([
    [{ mode: 'manual' }, 'mode: expected "auto" or "recommend", got "manual"'],
    [{ keepApart: [['one']] }, /^keepApart\[0\].*expected.*at least two guests/],
    [{ keepTogether: [{ tags: 'x' }] }, /^keepTogether\[0\]/],
    [{ pinned: { g: [] } }, 'pinned.g: expected at least one host, got []'],
    [{ ignore: { guest: ['g'] } }, /^ignore\.guest: unknown key; expected one of guests, hosts, tags/],
    [{ windows: { timeZone: 'Mars' } }, /^windows\.timeZone: expected the name of a time zone/],
    [{ windows: { allow: ['* *'] } }, /^windows\.allow\[0\]: expected a cron pattern of five fields/],
    [{ limits: { migrationsPerHour: 0 } }, 'limits.migrationsPerHour: expected a whole number above 0, got 0'],
    [{ limits: { memoryPerHour: 'much' } }, /^limits\.memoryPerHour: expected an amount of memory/],
    [{ foreignPause: '0s' }, /^foreignPause: expected a duration above 0/],
  ])('refuse %j by name', (over, words) => {
    const parsed = parse(over);
    expect(parsed.ok).toBe(false);
    if (parsed.ok) return;
    expect(parsed.problems).toHaveLength(1);
    if (typeof words === 'string') expect(parsed.problems[0]).toBe(words);
    else expect(parsed.problems[0]).toMatch(words);
  });
});
