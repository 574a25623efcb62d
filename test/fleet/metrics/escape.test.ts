import fc from 'fast-check';
import { expect, it } from 'vitest';
import { anyOf, influxRegex, promqlString } from '../../../src/fleet/metrics/escape.js';

it('ordinary names stay readable', () => {
  expect(anyOf(['test-66-onecloud02', '10.0.0.7', 'fe80::1', '主机'])).toBe(
    String.raw`test-66-onecloud02|10\.0\.0\.7|fe80::1|主机`,
  );
});

it('signs of any language become numbers', () => {
  expect(anyOf(['a|b"', `a'b`, 'c\\d\n', '/x'])).toBe(String.raw`a\x{7c}b\x{22}|a\x{27}b|c\x{5c}d\x{a}|\x{2f}x`);
});

it('no name can end a string or an expression, or add to it', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (names) => {
      const pattern = anyOf(names);
      expect(pattern).toMatch(/^(?:[\p{L}\p{N}_:|-]|\\\.|\\x\{[0-9a-f]+\})*$/u);
      expect(pattern.split('|')).toHaveLength(Math.max(1, names.length));
      expect(influxRegex(pattern).slice(1, -1)).not.toContain('/');
      expect(
        promqlString(pattern)
          .slice(1, -1)
          .replaceAll(String.raw`\\`, ''),
      ).not.toMatch(/["\n]/);
    }),
  );
});
