import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { AlertProblem } from '../alerts/alert.js';
import { FleetError } from '../fleet/fleet.js';

/** Every refusal: its code, status, and what it says where nothing more exact is known. */
const PROBLEMS = {
  bad_request: { status: 400, message: 'the request cannot be read' },
  invalid_json: { status: 400, message: 'the body is not JSON' },
  invalid_body: { status: 400, message: 'the body is not what this sender sends' },
  invalid_query: { status: 400, message: 'the query is not what this route takes' },
  unauthorized: { status: 401, message: undefined },
  cross_site: { status: 403, message: 'pages of another site may not write here' },
  api_closed: {
    status: 403,
    message: 'the API is closed: secrets are set, but no API_TOKEN. Set one and start again',
  },
  not_found: { status: 404, message: 'there is nothing here' },
  method_not_allowed: { status: 405, message: 'this method has no meaning here' },
  replayed: { status: 409, message: 'this very body was taken before' },
  too_large: { status: 413, message: 'the body is too large' },
  unsupported_media_type: { status: 415, message: 'expected application/json in UTF-8' },
  misdirected: { status: 421, message: 'this is not the host that was asked; ALLOWED_HOSTS lists its names' },
  too_many_requests: { status: 429, message: 'too many requests' },
  internal: { status: 500, message: 'something went wrong; the log says what' },
  overloaded: { status: 503, message: 'too many bodies are being read; come again' },
  fleet_unavailable: { status: 502, message: 'the cloud or the metric store does not answer' },
} as const;
export type ProblemCode = keyof typeof PROBLEMS;

/** A request that gets no other answer than a refusal. */
export class HttpProblem extends Error {
  readonly code: ProblemCode;
  readonly status: number;
  /** The faulty fields, where there are any. */
  readonly problems: AlertProblem[] | undefined;
  readonly headers: Record<string, string>;

  constructor(
    code: ProblemCode,
    more: { message?: string; problems?: AlertProblem[]; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(more.message ?? PROBLEMS[code].message ?? '', more.cause === undefined ? {} : { cause: more.cause });
    this.name = 'HttpProblem';
    this.code = code;
    this.status = PROBLEMS[code].status;
    this.problems = more.problems;
    this.headers = more.headers ?? {};
  }

  /** What goes over the wire: faulty fields if there are any, else a sentence if there is one. */
  body(): { error: ProblemCode; message?: string; problems?: AlertProblem[] } {
    if (this.problems) return { error: this.code, problems: this.problems };
    return { error: this.code, ...(this.message === '' ? {} : { message: this.message }) };
  }
}

/** What a thrown value means to the client. Whatever nobody foresaw is `internal`, and tells nothing. */
export function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof FleetError) return new HttpProblem('fleet_unavailable', { message: error.message });
  const { status, type } = (error ?? {}) as { status?: unknown; type?: unknown };
  if (status === 413 || type === 'entity.too.large') return new HttpProblem('too_large');
  if (status === 415) return new HttpProblem('unsupported_media_type', { message: 'unknown content encoding' });
  if (typeof status === 'number' && status >= 400 && status < 500) return new HttpProblem('bad_request');
  return new HttpProblem('internal', { cause: error });
}

/** Answers 405 and tells which methods there are. */
export function onlyMethods(allow: string): RequestHandler {
  return () => {
    throw new HttpProblem('method_not_allowed', { headers: { Allow: allow } });
  };
}

/** Answers whatever no route has taken. */
export const notFound: RequestHandler = () => {
  throw new HttpProblem('not_found');
};

/** Turns every thrown value into its answer. The cause goes to the log, never to the client. */
export const answerProblems: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  const problem = toProblem(error);
  if (problem.code === 'internal') response.locals.fault = problem.cause;
  response.set(problem.headers).status(problem.status).json(problem.body());
};
