import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { faultOffset } from '../../src/common/json-text.js';

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
    ['[1.]', 1],
    ['[nul]', 1],
    ['{} x', 3],
    ['[}', 1],
    ['{"a":"b\nc"}', 5],
    ['{"a":"\\x"}', 5],
    ['["open', 1],
    ['[[[[', 4],
    ['{"a":[{"b":x}]}', 11],
  ])('%j at %i', (text, position) => {
    expect(faultOffset(text)).toBe(position);
  });

  test('is never inside the part that was fine: whatever is cut off JSON is missed at its end', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), (text, at) => {
        const cut = text.slice(0, at % text.length);
        if (isJson(cut)) return;
        // A word or a number that was cut in two is faulty from its beginning.
        expect(cut.slice(faultOffset(cut))).toMatch(/^("|[-\d.eEtfn]|$)/);
      }),
      { numRuns: 500 },
    );
  });

  test('is found in a large body too', () => {
    const size = 1024 * 1024;
    expect(faultOffset(`["${'a'.repeat(size)}`)).toBe(1);
    expect(faultOffset(`${'['.repeat(32)}${'1,'.repeat(size / 2)}`)).toBe(32 + size);
    expect(faultOffset(`"${'\\n'.repeat(size / 2)}" x`)).toBe(size + 3);
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
