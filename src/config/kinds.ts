import { z } from 'zod';
import { parseBytes, parseDuration } from '../common/units.js';

/** How a value is written in a configuration file where it is no plain text. */
export interface Written {
  /** A `list` is one of values separated by commas, `words` one of values separated by spaces. */
  yaml?: 'number' | 'list' | 'words';
  /** It is never shown, and can stand in a file of its own: `<name>_FILE`. */
  secret?: true;
}

/** Notes beside a kind of value what {@link Written} says. */
export const written = <Kind extends z.ZodType>(kind: Kind, how: Written): Kind => kind.meta({ ...how });

// Longer timers fire at once.
const LONGEST_MS = 24 * 86_400_000;

/** One of some words. */
export const choice = <const Names extends readonly [string, ...string[]]>(names: Names) =>
  z.enum(names, `expected one of ${names.join(', ')}`);

/** `true` or `false`. */
export const truth = choice(['true', 'false']);

/** Several values separated by commas. */
export const list = <Kind extends z.ZodType>(kind: Kind): Kind => written(kind, { yaml: 'list' });

/** A whole number within bounds. */
export const wholeNumber = (from: number, to: number, expected = `expected a whole number from ${from} to ${to}`) =>
  written(
    z
      .string()
      .regex(/^\d{1,15}$/, { error: expected, abort: true })
      .transform(Number)
      .refine((value) => value >= from && value <= to, expected),
    { yaml: 'number' },
  );

/** A duration of more than nothing, in ms. */
export const duration = z
  .string()
  .refine((value) => {
    const ms = parseDuration(value) ?? 0;
    return ms >= 1 && ms <= LONGEST_MS;
  }, 'expected a duration such as "30s" or "1h30m", at most 24d')
  .transform((value) => parseDuration(value) ?? Number.NaN);

/** An amount of memory, at least so many bytes; in bytes. */
export const memory = (leastBytes: number, expected: string) =>
  z
    .string()
    .refine((value) => (parseBytes(value) ?? 0) >= leastBytes, expected)
    .transform((value) => parseBytes(value) ?? Number.NaN);

/** The name of an HTTP header. */
export const headerName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'expected the name of an HTTP header');

/** Secrets are lists, so that a new one can be taken up before the old one is given up. */
export const secrets = written(
  z
    .string()
    .transform((value) =>
      value
        .split(/[,\r\n]/)
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .refine((list) => list.length > 0, 'expected one or more secrets, separated by commas'),
  { yaml: 'list', secret: true },
)
  .optional()
  .transform((list) => list ?? []);

/** One secret. */
export const secret = written(z.string(), { secret: true });
