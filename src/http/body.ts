import express from 'express';
import type { Request, RequestHandler, Response } from 'express';
import { faultOffset } from '../common/json-text.js';
import { outOfBounds } from './bounds.js';
import { HttpProblem } from './errors.js';

/** 1 MiB: far more than any sender's body. */
export const BODY_LIMIT = 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Lets through JSON in UTF-8 only, before a byte of the body is read. */
export const requireJson: RequestHandler = (request, _response, next) => {
  // What the three senders write, word for word.
  if (request.headers['content-type'] === 'application/json') {
    next();
    return;
  }
  const [type = '', ...parameters] = (request.get('content-type') ?? '').toLowerCase().split(';');
  const charset = parameters
    .map((parameter) => parameter.split('=').map((word) => word.trim()))
    .find(([name]) => name === 'charset')?.[1]
    ?.replace(/^"(.*)"$/, '$1');
  const isJson = /^application\/([\w.!#$&^-]+\+)?json$/.test(type.trim());
  if (!isJson || !['utf-8', 'utf8', 'us-ascii', undefined].includes(charset)) {
    throw new HttpProblem('unsupported_media_type');
  }
  next();
};

/** All bodies that are being read may hold so much together, bytes. */
export const BODIES_LIMIT = 64 * 1024 * 1024;

/** Reads bodies as bytes, since signatures are made over them, and keeps all of them together within a bound. */
export class BodyReader {
  /** Bytes of one body. A compressed one is inflated, and the limit holds for both. */
  readonly #limit: number;
  /** Bytes of all. */
  readonly #bound: number;
  readonly #readEncoded: RequestHandler;
  #held = 0;

  constructor(limit: number, bound = BODIES_LIMIT) {
    this.#limit = limit;
    this.#bound = bound;
    this.#readEncoded = express.raw({ type: () => true, limit, inflate: true });
  }

  /**
   * Reads a body and lets go of it.
   * @param use - its bytes are held until it returns.
   * @throws HttpProblem `too_large`, `bad_request`, or `overloaded` where all bodies together hold too much.
   */
  async read<Result>(request: Request, response: Response, use: (bytes: Buffer) => Result): Promise<Result> {
    let held = 0;
    const hold = (bytes: number): void => {
      if (this.#held + bytes > this.#bound) {
        throw new HttpProblem('overloaded', { headers: { 'Retry-After': '1', Connection: 'close' } });
      }
      held += bytes;
      this.#held += bytes;
    };
    try {
      return use(
        await (isPlain(request, this.#limit) ? readPlain(request, hold) : this.#inflate(request, response, hold)),
      );
    } finally {
      this.#held -= held;
    }
  }

  /** How large it will be shows at its end: it counts as the largest that it may be. */
  async #inflate(request: Request, response: Response, hold: (bytes: number) => void): Promise<Buffer> {
    hold(this.#limit);
    await new Promise<void>((resolve, reject) => {
      void this.#readEncoded(request, response, (error?: unknown) => {
        if (error === undefined) resolve();
        else reject(error instanceof Error ? error : new HttpProblem('bad_request', { cause: error }));
      });
    });
    const bytes: unknown = request.body;
    request.body = undefined;
    return Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0);
  }
}

/** Whether the body comes as it is, with a length within the limit: Node's parser gives out no more bytes than that. */
function isPlain({ headers }: Request, limit: number): boolean {
  const length = headers['content-length'];
  const isEncoded = headers['content-encoding'] !== undefined || headers['transfer-encoding'] !== undefined;
  return !isEncoded && length !== undefined && Number(length) <= limit;
}

/** Every webhook of a storm comes this way, and needs none of what the parser of any body has to look after. */
function readPlain(request: Request, hold: (bytes: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    const fail = (error: Error): void => {
      // The listeners outlive the body: what comes later is thrown away.
      chunks = [];
      reject(error);
    };
    request.on('data', (chunk: Buffer) => {
      try {
        hold(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        request.removeAllListeners('data').resume();
        fail(error as Error);
      }
    });
    request.on('end', () => {
      const [only] = chunks;
      resolve(only && chunks.length === 1 ? only : Buffer.concat(chunks));
      chunks = [];
    });
    request.on('error', () => fail(new HttpProblem('bad_request')));
    // Every request closes; an error is made, with its stack, only for one that closes too early.
    request.on('close', () => {
      if (!request.complete) fail(new HttpProblem('bad_request'));
    });
  });
}

/**
 * Parses a body that must be a JSON object.
 * @throws HttpProblem `invalid_json` with the position, or `invalid_body`; also for one that is too deep or holds too much.
 */
export function parseObject(bytes: Buffer): Record<string, unknown> {
  const excess = outOfBounds(bytes);
  if (excess !== undefined) throw new HttpProblem('invalid_body', { problems: [{ field: 'body', message: excess }] });
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new HttpProblem('invalid_json', { message: 'the body is not UTF-8' });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpProblem('invalid_json', { message: describe(text) });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new HttpProblem('invalid_body', { problems: [{ field: 'body', message: 'expected an object' }] });
  }
  return value as Record<string, unknown>;
}

function describe(text: string): string {
  if (text.trim() === '') return 'the body is empty';
  const position = faultOffset(text);
  const end = position >= text.length ? 'it ends too early' : 'unexpected character';
  return `the body is not JSON: ${end} at position ${position}`;
}
