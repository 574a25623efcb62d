import express from 'express';
import type { NextFunction, Request, RequestHandler } from 'express';
import { outOfBounds } from './bounds.js';
import { HttpProblem } from './errors.js';
import { readJson } from './json.js';

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
    .map((parameter) => /^\s*charset\s*=\s*"?([^"\s]*)"?\s*$/.exec(parameter)?.[1])
    .find(Boolean);
  const isJson = /^\s*application\/([\w.!#$&^-]+\+)?json\s*$/.test(type);
  if (!isJson || !['utf-8', 'utf8', 'us-ascii', undefined].includes(charset)) {
    throw new HttpProblem('unsupported_media_type');
  }
  next();
};

/**
 * Reads the body as bytes: signatures are made over them. A compressed body is inflated, and the limit holds for both.
 * @param limit - bytes.
 */
export function rawBody(limit: number): RequestHandler {
  const readAny: RequestHandler = express.raw({ type: () => true, limit, inflate: true });
  return (request, response, next) => {
    if (isPlain(request, limit)) readPlain(request, next);
    else readAny(request, response, next);
  };
}

/** Whether the body comes as it is, with a length within the limit: Node's parser gives out no more bytes than that. */
function isPlain({ headers }: Request, limit: number): boolean {
  const length = headers['content-length'];
  const isEncoded = headers['content-encoding'] !== undefined || headers['transfer-encoding'] !== undefined;
  return !isEncoded && length !== undefined && Number(length) <= limit;
}

/** Every webhook of a storm comes this way, and needs none of what the parser of any body has to look after. */
function readPlain(request: Request, next: NextFunction): void {
  let chunks: Buffer[] = [];
  let done = false;
  request.on('data', (chunk: Buffer) => void chunks.push(chunk));
  request.on('end', () => {
    done = true;
    request.body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
    // The listeners outlive the body: a request that waits for its refusal holds none.
    chunks = [];
    next();
  });
  request.on('error', () => {
    if (done) return;
    done = true;
    chunks = [];
    next(new HttpProblem('bad_request'));
  });
}

/** The bytes that {@link rawBody} has read. */
export function bytesOf(request: Request): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
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
  const json = readJson(text);
  if (!json.ok) throw new HttpProblem('invalid_json', { message: describe(text, json.position) });
  if (typeof json.value !== 'object' || json.value === null || Array.isArray(json.value)) {
    throw new HttpProblem('invalid_body', { problems: [{ field: 'body', message: 'expected an object' }] });
  }
  return json.value as Record<string, unknown>;
}

function describe(text: string, position: number): string {
  if (text.trim() === '') return 'the body is empty';
  const end = position >= text.length ? 'it ends too early' : 'unexpected character';
  return `the body is not JSON: ${end} at position ${position}`;
}
