import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, it } from 'vitest';
import { cut, paragraph } from '../../src/cli/fit.js';

it('leaves a line that fits, and one that nothing limits', () => {
  expect(cut('one two', 7)).toBe('one two');
  expect(cut('one two three', undefined)).toBe('one two three');
});

it('cuts between words and says that there is more', () => {
  expect(cut('guest aisenzhe goes from a15', 20)).toBe('guest aisenzhe …');
  expect(cut('guest aisenzhe goes from a15', 21)).toBe('guest aisenzhe goes …');
  expect(cut('cpu-test-vm moves', 9)).toBe('…');
});

it('cuts between wide characters, which are written without blanks', () => {
  expect(cut('宿主机的负载', 8)).toBe('宿主机 …');
});

it('is never wider than it may be, and never ends inside a word', () => {
  const text = fc.array(fc.constantFrom('a15', '宿主机', 'aisenzhe', '👩‍💻', 'é', '->'), { maxLength: 12 });
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 40 }), (words, width) => {
      const line = cut(words.join(' '), width);
      expect(stringWidth(line)).toBeLessThanOrEqual(width);
      const kept = line.replace(/ ?…$/, '');
      for (const word of kept.split(' ')) {
        if (word !== '' && !word.includes('宿')) expect(words).toContain(word);
      }
      expect(words.join(' ').startsWith(kept)).toBe(true);
    }),
  );
});

it('makes a paragraph of a long text, indented', () => {
  expect(paragraph('one two three four', 12, '- ', 2)).toBe('- one two\n  three four');
  expect(paragraph('one two three four', undefined, '- ')).toBe('- one two three four');
});
