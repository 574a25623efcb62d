import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readJson } from '../../src/http/json.js';

describe('the place where a text stops being JSON', () => {
  test.each([
    ['', 0],
    ['   ', 3],
    ['x', 0],
    ['{', 1],
    ['{"a"', 4],
    ['{"a":', 5],
    ['{"a":1', 6],
    ['{"a":1,', 7],
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['{a:1}', 1],
    ["{'a':1}", 1],
    ['[1,2', 4],
    ['[1,]', 3],
    ['[1 2]', 3],
    ['[01]', 2],
    ['[1.]', 2],
    ['[nul]', 1],
    ['{} x', 3],
    ['[}', 1],
    ['{"a":"b\nc"}', 5],
    ['{"a":"\\x"}', 5],
    ['["open', 1],
    ['[[[[', 4],
    ['{"a":[{"b":x}]}', 11],
  ])('%j at %i', (text, position) => {
    expect(readJson(text)).toEqual({ ok: false, position });
  });

  test('is never inside the part that was fine: whatever is cut off JSON is missed at its end', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, at) => {
        const cut = text.slice(0, at % text.length);
        const read = readJson(cut);
        if (read.ok) return;
        // A word that was cut in two is faulty from its beginning, a number from where it stops being one.
        expect(cut.slice(read.position)).toMatch(/^("|[-\d.eEtfn]|$)/);
      }),
      { numRuns: 500 },
    );
  });

  test('is found in a large body too', () => {
    const size = 1024 * 1024;
    expect(readJson(`["${'a'.repeat(size)}`)).toEqual({ ok: false, position: 1 });
    expect(readJson('['.repeat(size))).toEqual({ ok: false, position: size });
    expect(readJson(`"${'\\n'.repeat(size / 2)}" x`)).toEqual({ ok: false, position: size + 3 });
  });
});

test('what is JSON is its value', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(readJson(text)).toEqual({ ok: true, value: JSON.parse(text) as unknown });
    }),
  );
});
