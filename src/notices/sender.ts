import type { HttpClient } from '../fleet/http-client.js';
import { HttpCallError, createHttpClient } from '../fleet/http-client.js';
import { errorMessage } from '../common/error-message.js';
import type { Clock } from '../common/clock.js';
import { FORMATS } from './formats.js';
import type { Notice } from './notice.js';
import type { NoticeTarget } from './targets.js';

/** What came of one attempt. */
export type Attempt =
  | { kind: 'delivered'; notices: number }
  /** Worth another attempt; `waitMs`: not before. */
  | { kind: 'later'; notices: number; reason: string; waitMs?: number }
  /** It would be refused again. */
  | { kind: 'refused'; notices: number; reason: string };

/** Sends the first of the notices, as many as fit into a message, once. @throws the signal's reason when it is aborted. */
export type Sender = (notices: readonly Notice[], signal: AbortSignal) => Promise<Attempt>;

const MOST_ANSWER_BYTES = 65_536;
/** Statuses besides 5xx that may pass. */
const PASSING = [408, 425, 429];

/** Makes the sender of a target. `timeoutMs`: the longest that one request may take. */
export function createSender(
  target: NoticeTarget,
  { clock, random, timeoutMs }: { clock: Clock; random: () => number; timeoutMs: number },
): Sender {
  const { origin, pathname, searchParams } = new URL(target.url);
  const format = FORMATS[target.format];
  const given = Object.fromEntries(searchParams);
  const secrets = [pathname, target.secret ?? '', ...Object.values(given)].filter((text) => text.length > 3);
  const client: HttpClient = createHttpClient({
    system: `notices to ${target.name}`,
    baseUrl: origin,
    timeoutMs,
    maxBytes: MOST_ANSWER_BYTES,
    clock,
    random,
    secrets: () => secrets,
  });

  return async (waiting, signal) => {
    const { tells: notices, body, headers, query } = format.message(waiting, target.secret, clock.now());
    try {
      const answer = await client.once({
        what: 'send',
        method: 'POST',
        path: pathname,
        params: { ...given, ...query },
        // As bytes: what is signed is what is sent.
        body: Buffer.from(body),
        headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
        anyText: true,
        signal,
      });
      const said = format.answer?.(String(answer.body)) ?? { kind: 'taken' };
      return said.kind === 'taken' ? { kind: 'delivered', notices } : { ...said, notices };
    } catch (error) {
      signal.throwIfAborted();
      const reason = errorMessage(error);
      if (!(error instanceof HttpCallError)) return { kind: 'refused', notices, reason };
      const { status, retryAfter } = error;
      const mayPass = status === undefined || status >= 500 || PASSING.includes(status);
      if (!mayPass) return { kind: 'refused', notices, reason };
      const waitMs = waitOf(retryAfter, clock.now());
      return { kind: 'later', notices, reason, ...(waitMs !== undefined && { waitMs }) };
    }
  };
}

/** Retry-After: seconds or a date (RFC 9110, 10.2.3), as ms from now. */
function waitOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - now);
}
