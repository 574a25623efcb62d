import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Request, RequestHandler, Response } from 'express';
import { HttpProblem } from './errors.js';

/** Where `npm run build` puts the page: seen from dist/http as from src/http. */
const BUILT = new URL('../../dist/page/', import.meta.url);

/** A file of the page, read once: as it is and packed. */
interface BuiltFile {
  type: string;
  etag: string;
  plain: Buffer;
  gzip: Buffer;
  br: Buffer;
}

/** The page: its files, and what a browser may do with them. */
export interface Page {
  /** The content security policy of every answer: only the page's own script and style run, and nothing is loaded. */
  policy: Record<string, string[]>;
  /** Answers with the page. */
  html: RequestHandler;
  /** Answers with the manual's chapters. */
  manual: RequestHandler;
}

/**
 * Reads the page. It holds no data: that comes from `/api`, with the API token if there is one.
 * @param directory - with a slash at its end; where nothing was built, its paths answer 404 and say so.
 */
export function openPage(directory: URL = BUILT): Page {
  const html = builtFile(new URL('index.html', directory), 'html');
  const manual = builtFile(new URL('manual.json', directory), 'json');
  return { policy: policyOf(html?.plain.toString('utf8') ?? ''), html: sending(html), manual: sending(manual) };
}

function builtFile(path: URL, type: string): BuiltFile | undefined {
  try {
    const [plain, gzip, br] = ['', '.gz', '.br'].map((ending) => readFileSync(new URL(path.href + ending)));
    if (!plain || !gzip || !br) return undefined;
    const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
    return { type, etag, plain, gzip, br };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function sending(file: BuiltFile | undefined): RequestHandler {
  return (request: Request, response: Response) => {
    if (!file) throw new HttpProblem('not_found', { message: 'the page was not built: npm run build' });
    // Whoever has this very version is told so, and nobody is left with an old one.
    response.set({ 'Cache-Control': 'no-cache', ETag: file.etag, Vary: 'Accept-Encoding' });
    if (request.get('if-none-match') === file.etag) {
      response.status(304).end();
      return;
    }
    const packed = request.acceptsEncodings('br', 'gzip');
    const encoding = packed === 'br' || packed === 'gzip' ? packed : undefined;
    if (encoding) response.set('Content-Encoding', encoding);
    response.type(file.type).send(encoding ? file[encoding] : file.plain);
  };
}

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

function policyOf(html: string): Record<string, string[]> {
  const hashes = (tag: string): string[] => {
    const found = [...html.matchAll(new RegExp(`<${tag}(?: [^>]*)?>([^]*?)</${tag}>`, 'g'))];
    return found.length > 0 ? found.map(([, inside = '']) => hash(inside)) : ["'none'"];
  };
  return {
    'default-src': ["'none'"],
    'script-src': hashes('script'),
    'style-src': hashes('style'),
    'connect-src': ["'self'"],
    'img-src': ['data:'],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'none'"],
  };
}
