import type { z } from 'zod';
import { FleetError } from '../fleet.js';
import type { HttpAnswer } from '../http-client.js';
import { HttpCallError } from '../http-client.js';
import { fieldPath } from '../snapshot-file.js';

/**
 * The body of an answer, if it is what it should be.
 * @param what - the call, as in its errors.
 * @throws FleetError that names system, call and the first field that is wrong.
 */
export function checked<Schema extends z.ZodType>(
  system: string,
  what: string,
  schema: Schema,
  { body }: Pick<HttpAnswer, 'body'>,
): z.output<Schema> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const field = first && first.path.length > 0 ? `${fieldPath(first.path)}: ` : '';
  throw new FleetError(system, `${what}: the answer is not what it should be: ${field}${first?.message ?? ''}`);
}

/** Words that clouds wrap around or beside the reason of a refusal. */
const REASON_KEYS = ['details', 'message', 'reason', 'title'];

/**
 * Why a cloud did not take a request, in its own words; undefined if the error does not say that nothing was done. That is
 * so for 4xx: the request was understood and refused. A 5xx or a lost answer leaves open whether it took.
 * @param error - what the call has thrown.
 */
export function refusalIn(error: unknown): string | undefined {
  if (!(error instanceof HttpCallError) || error.status === undefined) return undefined;
  // 408 is said by whoever waited in between, not by the one that may have acted.
  if (error.status < 400 || error.status >= 500 || error.status === 408) return undefined;
  return `HTTP ${error.status}: ${reasonIn(error.body) ?? error.message}`;
}

/** The reason in the body of an error, whether flat (`{details}`) or wrapped (`{badRequest:{message}}`). */
function reasonIn(body: string): string | undefined {
  try {
    return reasonOf(JSON.parse(body), 3);
  } catch {
    return undefined;
  }
}

function reasonOf(value: unknown, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null || depth === 0) return undefined;
  const entries = new Map<string, unknown>(Object.entries(value));
  for (const key of REASON_KEYS) {
    const words = entries.get(key);
    if (typeof words === 'string' && words.trim() !== '') return words.replaceAll(/\s+/g, ' ').trim();
  }
  for (const inner of entries.values()) {
    const found = reasonOf(inner, depth - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Whether an error says that the thing asked about is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof HttpCallError && error.status === 404;
}
