import type { z } from 'zod';
import { fieldPath } from '../fleet/snapshot-file.js';

const SHOWN = 80;

/** Shows a value in a message: as JSON, cut where it gets long. */
export function shown(value: unknown): string {
  const json = value === undefined ? 'nothing' : JSON.stringify(value);
  return json.length > SHOWN ? `${json.slice(0, SHOWN)}…` : json;
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? Reflect.get(at, key) : undefined),
    value,
  );
}

/** For {@link z.ZodType.safeParse}: the words for what a schema itself has no words for. */
export function expectation(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined;
  return `expected ${/^[aeio]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`;
}

/**
 * Turns what zod found into one sentence a key: the key's path, what was expected, and what stood there.
 * @param error - of a schema whose own messages begin with "expected …".
 * @param input - the value that was checked.
 */
export function describeIssues(error: z.ZodError, input: unknown): string[] {
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => `${fieldPath([...issue.path, key])}: ${issue.message}`);
    }
    const value = valueAt(input, issue.path);
    const field = fieldPath(issue.path);
    return [
      value === undefined
        ? `${field}: is missing; ${issue.message}`
        : `${field}: ${issue.message}, got ${shown(value)}`,
    ];
  });
}
