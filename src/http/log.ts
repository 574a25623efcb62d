import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Response } from 'express';
import type { Logger } from 'pino';
import { pinoHttp } from 'pino-http';
import type { HttpLogger } from 'pino-http';

/** Asked so often that a line each would bury the others. */
const QUIET = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * One line per request: what was asked, what was answered, and the batch it led to. No header and no query is ever
 * written: credentials stand there.
 */
export function requestLog(log: Logger): HttpLogger {
  return pinoHttp({
    logger: log,
    genReqId: () => randomUUID(),
    serializers: {
      req: (request: { id: unknown; method: string; url: string; raw: { ip?: string } }) => ({
        id: request.id,
        method: request.method,
        path: pathOf(request.url),
        from: request.raw.ip,
      }),
      res: (response: { statusCode: number }) => ({ status: response.statusCode }),
    },
    customLogLevel: (request, response, error) => {
      if (error !== undefined || response.statusCode >= 500) return 'error';
      if ((response as Response).locals.repeated === true) return 'debug';
      if (response.statusCode >= 400) return 'warn';
      return QUIET.has(pathOf(urlOf(request))) ? 'debug' : 'info';
    },
    customSuccessMessage: (request, response) => sentence(request, response),
    customErrorMessage: (request, response) => sentence(request, response),
    customProps: (_request, response) => ((response as Response).locals.log as object | undefined) ?? {},
  });
}

function sentence(request: IncomingMessage, response: ServerResponse): string {
  return `${request.method ?? ''} ${pathOf(urlOf(request))} ${response.statusCode}`;
}

/** Routers cut the part that they are mounted at off `url`. */
function urlOf(request: IncomingMessage): string {
  return 'originalUrl' in request ? String(request.originalUrl) : (request.url ?? '');
}

function pathOf(url: string): string {
  return (url.split('?')[0] ?? '').slice(0, 200);
}
