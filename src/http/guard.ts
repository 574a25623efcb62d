import type { Request, RequestHandler, Response } from 'express';
import { MemoryStore } from 'express-rate-limit';
import type { Options } from 'express-rate-limit';
import type { Logger } from 'pino';
import type { Sender } from '../alerts/alert.js';
import type { Clock } from '../common/clock.js';
import { addressOf, clientOf } from './address.js';
import { HttpProblem } from './errors.js';
import type { HttpMetrics } from './http-metrics.js';
import { FailureThrottle } from './throttle.js';

/** Requests that one client may make in a second, unless RATE_LIMIT says otherwise. */
export const DEFAULT_RATE_LIMIT = 3000;

export interface GuardOptions {
  clock: Pick<Clock, 'now' | 'sleep'>;
  log: Pick<Logger, 'warn'>;
  metrics: HttpMetrics;
}

/** Slows down whoever knocks without a valid credential. */
export interface Guard {
  /**
   * Counts a failed attempt and waits as long as it has to.
   * @param door - where it knocked.
   * @param why - which check failed, for the log.
   * @param challenge - the value of `WWW-Authenticate`.
   * @throws HttpProblem `unauthorized`, or `too_many_requests` where too many of its like wait already.
   */
  refuse(request: Request, response: Response, door: Sender | 'api', why: string, challenge: string): Promise<never>;
}

/** @returns one guard for all doors: whoever has failed at one is slow at the others too. */
export function createGuard({ clock, log, metrics }: GuardOptions): Guard {
  const throttle = new FailureThrottle({ now: () => clock.now() });
  return {
    async refuse(request, response, door, why, challenge) {
      metrics.authFailure(door);
      // A request that waits holds no body.
      request.body = undefined;
      const client = clientOf(request);
      const { verdict, count } = throttle.failed(client);
      // The first has its request's line; then one line for ever more of them: whoever guesses must not fill the log.
      if (count > 1 && Number.isInteger(Math.log2(count)))
        log.warn({ from: client, door, why, failures: count }, 'no valid credential');
      response.locals.repeated = count > 1;
      response.locals.why = why;
      if (verdict.act === 'turn_away') {
        metrics.turnedAway('failures');
        throw new HttpProblem('too_many_requests', {
          message: 'too many attempts without a valid credential',
          headers: { 'Retry-After': String(verdict.retryAfter), Connection: 'close' },
        });
      }
      if (verdict.act === 'delay') {
        const gone = new AbortController();
        const leave = (): void => gone.abort();
        response.once('close', leave);
        // A client that has gone is not waited for.
        await clock.sleep(verdict.ms, gone.signal).catch(() => undefined);
        response.off('close', leave);
        verdict.done();
      }
      throw new HttpProblem('unauthorized', { headers: { 'WWW-Authenticate': challenge } });
    },
  };
}

/**
 * Answers 429 to a client that asks too often, before a byte of its body is read.
 * @param perSecond - requests that one client may make in a second; 0 for any number.
 */
export function limitRate(perSecond: number, { log, metrics }: Pick<GuardOptions, 'log' | 'metrics'>): RequestHandler {
  if (perSecond === 0) return (_request, _response, next) => next();
  // The library's own handler goes through a dozen promises a request, for options that are not used here.
  const store = new MemoryStore();
  store.init({ windowMs: 1000 } as Options);

  const count = async (client: string, response: Response): Promise<HttpProblem | undefined> => {
    const { totalHits } = await store.increment(client);
    if (totalHits <= perSecond) return undefined;
    metrics.turnedAway('rate');
    // Once a second and client, not once a request.
    if (totalHits === perSecond + 1) log.warn({ from: client, perSecond }, 'more requests than RATE_LIMIT');
    response.locals.repeated = true;
    return new HttpProblem('too_many_requests', { headers: { 'Retry-After': '1' } });
  };
  return (request, response, next) => {
    const { path } = request;
    // Whoever looks whether the process lives must not be told to come again.
    if (path === '/healthz' || path === '/readyz') next();
    else void count(clientOf({ ip: addressOf(request, response) }), response).then(next, next);
  };
}
