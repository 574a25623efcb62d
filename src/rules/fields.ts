import { z } from 'zod';
import { parseDuration } from '../common/units.js';

/** An object that names its unknown keys and the keys there are. */
export function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `unknown key; expected one of ${Object.keys(shape).join(', ')}` : undefined,
  });
}

/** A text that says something. */
export const text = (expected: string) => z.string(expected).regex(/\S/, expected);

/** A list of hosts or guests, by id or name; empty by default. */
export const references = (description: string, examples: string[]) =>
  z
    .array(text('expected an id or a name'), 'expected a list of ids or names')
    .default([])
    .meta({ description, examples: [examples] });

const EXPECTED_DURATION = 'expected a duration above 0 such as "2m" or "1h30m"';

/** A duration above 0, as a text such as `2m`. */
export const duration = () =>
  z
    .string(EXPECTED_DURATION)
    .refine((value) => (parseDuration(value) ?? 0) > 0, EXPECTED_DURATION)
    .meta({ pattern: '^(\\d+(\\.\\d+)?(ms|s|m|h|d))+$' });

/** A switch that is off unless set. */
export const yesOrNo = (description: string) => z.boolean('expected true or false').optional().meta({ description });
