import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_DEPTH, MAX_VALUES, outOfBounds } from '../../src/http/bounds.js';
import { world } from './world.js';

const check = (text: string) => outOfBounds(Buffer.from(text));

describe('the bounds of a body', () => {
  test('depth', () => {
    expect(check('['.repeat(MAX_DEPTH) + ']'.repeat(MAX_DEPTH))).toBeUndefined();
    expect(check('['.repeat(MAX_DEPTH + 1))).toBe(`it nests deeper than ${MAX_DEPTH}, at byte ${MAX_DEPTH}`);
    expect(check('{"a":'.repeat(MAX_DEPTH + 1))).toMatch(/^it nests deeper/);
    expect(check('[[],[]]'.repeat(1000))).toBeUndefined();
  });

  test('values', () => {
    expect(check(`[${'1,'.repeat(MAX_VALUES - 1)}1]`)).toBeUndefined();
    expect(check(`[${'1,'.repeat(MAX_VALUES)}1]`)).toBe(`it holds more than ${MAX_VALUES} values`);
    expect(check(`[${'{},'.repeat(MAX_VALUES / 2)}1]`)).toBe(`it holds more than ${MAX_VALUES} values`);
  });

  test('what stands in a string is text', () => {
    expect(check(JSON.stringify({ a: '[{,'.repeat(MAX_VALUES), 'b\\"[': '\\"[[[[' }))).toBeUndefined();
    expect(check(`{"a":"\\\\",${'"b":['.repeat(MAX_DEPTH)}`)).toMatch(/^it nests deeper/);
  });

  test('any JSON within them passes, any deeper does not', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(40), (value, wraps) => {
        let wrapped: unknown = value;
        for (let count = 0; count < wraps; count += 1) wrapped = count % 2 ? [wrapped] : { a: wrapped };
        const text = JSON.stringify(wrapped);
        expect(check(text) === undefined).toBe(depthOf(JSON.parse(text)) <= MAX_DEPTH);
      }),
      { numRuns: 300 },
    );
  });

  test('a body beyond them is a 400 that tells what is too much', async () => {
    const app = world();
    const send = (body: string) =>
      app.http.post('/webhooks/alertmanager').set('Content-Type', 'application/json').send(body);
    const deep = await send(`{"alerts":${'['.repeat(400_000)}${']'.repeat(400_000)}}`).expect(400);
    expect(deep.body).toEqual({
      error: 'invalid_body',
      problems: [{ field: 'body', message: `it nests deeper than ${MAX_DEPTH}, at byte ${MAX_DEPTH + 9}` }],
    });
    await send(
      `{${Array.from({ length: MAX_VALUES + 1 }, (_, index) => `"${index.toString(36)}":1`).join(',')}}`,
    ).expect(400);
    expect(app.backend.received).toEqual([]);
  });
});
