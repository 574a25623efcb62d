import type { Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { addressOf } from './address.js';

/** Asked so often that a line each would bury the others. */
const QUIET = new Set(['/healthz', '/readyz', '/metrics']);
/** Of the API, whose page asks without end. */
const READS = new Set(['GET', 'HEAD']);
/** So many webhooks a second that come to nothing have a line of their own; the journal and the counters have them all. */
const LINES_OF_NOTHING = 10;

export interface RequestLogOptions {
  log: Logger;
  /** ms since the epoch. */
  now: () => number;
}

/**
 * One line per request: what was asked, what was answered, and the batch it led to. No header and no query is ever
 * written: credentials stand there. It is no more than this because every webhook of a storm goes through it.
 */
export function requestLog({ log, now }: RequestLogOptions): RequestHandler {
  const isOneOfMany = manyASecond(now);
  return (request, response, next) => {
    const begun = performance.now();
    // A connection that has been closed has no address any more.
    const from = addressOf(request, response);
    // Whatever becomes of an answer, sent or cut off, its connection lets go of it once.
    response.once('close', () => {
      const level = levelOf(request, response, isOneOfMany);
      if (!log.isLevelEnabled(level)) return;
      const path = pathOf(request.originalUrl);
      const { statusCode: status, locals } = response;
      const fields = {
        req: { method: request.method, path, from },
        res: { status },
        ms: Math.round(performance.now() - begun),
        ...(locals.log as object | undefined),
        ...(locals.why === undefined ? {} : { why: locals.why as string }),
        ...(locals.fault === undefined ? {} : { err: locals.fault as unknown }),
        ...(response.writableFinished ? {} : { aborted: true }),
      };
      log[level](fields, `${request.method} ${path} ${status}`);
    });
    next();
  };
}

function levelOf({ method, originalUrl }: Request, response: Response, isOneOfMany: () => boolean) {
  const { statusCode: status, locals } = response;
  if (status >= 500) return 'error';
  if (locals.repeated === true) return 'debug';
  if (status >= 400) return 'warn';
  if (QUIET.has(pathOf(originalUrl)) || (READS.has(method) && originalUrl.startsWith('/api'))) return 'debug';
  const { outcome } = (locals.log ?? {}) as { outcome?: string };
  return (outcome === 'dropped' || outcome === 'ignored') && isOneOfMany() ? 'debug' : 'info';
}

/** Counts its calls, and says whether this second has had more than enough of them. */
function manyASecond(now: () => number): () => boolean {
  let second = 0;
  let count = 0;
  return () => {
    const current = Math.floor(now() / 1000);
    count = current === second ? count + 1 : 1;
    second = current;
    return count > LINES_OF_NOTHING;
  };
}

function pathOf(url: string): string {
  return (url.split('?', 1)[0] ?? '').slice(0, 200);
}
