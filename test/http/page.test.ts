import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { pathToFileURL } from 'node:url';
import type { Handler } from 'express';
import express from 'express';
import request from 'supertest';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answerProblems } from '../../src/http/errors.js';
import { openPage } from '../../src/http/page.js';
import { world } from './world.js';

const inside = (html: string, tag: string): string[] =>
  [...html.matchAll(new RegExp(`<${tag}(?: [^>]*)?>([^]*?)</${tag}>`, 'g'))].map(([, text = '']) => text);
const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

describe('the page', () => {
  test.each(['/', '/manual', '/manual/design', '/openapi'])(
    '%s is one file whose own script and style are all that may run',
    async (path) => {
      const { text, headers } = await world()
        .http.get(path)
        .expect(200)
        .expect('Content-Type', /^text\/html/);
      const [scripts, styles] = [inside(text, 'script'), inside(text, 'style')];
      expect([scripts.length, styles.length]).toEqual([1, 1]);
      const policy = headers['content-security-policy'];
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain(`script-src ${hash(scripts[0] ?? '')};`);
      expect(policy).toContain(`style-src ${hash(styles[0] ?? '')};`);
      expect(policy).toContain("connect-src 'self'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(headers['x-powered-by']).toBeUndefined();
    },
  );

  test('loads nothing: no address of another origin, no file beside it', async () => {
    const { text } = await world().http.get('/');
    const [script = ''] = inside(text, 'script');
    const markup = text.replace(script, '');
    expect(markup).not.toMatch(/src=|https?:|@import|url\((?!data:)/);
    // Names of XML namespaces are no addresses that anything is asked of.
    const addresses = [...script.matchAll(/https?:\/\/[^"'`\s)]+/g)].map(([found]) => found);
    expect(addresses.filter((address) => !address.startsWith('http://www.w3.org/'))).toEqual([]);
    expect(script).not.toMatch(/\beval\(|new Function\(|document\.write/);
  });

  test('goes out packed as the browser likes it, and not again to whoever has it', async () => {
    const { http } = world();
    for (const encoding of ['br', 'gzip']) {
      const { headers } = await http.get('/').set('Accept-Encoding', encoding).expect('Content-Encoding', encoding);
      expect(headers.vary).toBe('Accept-Encoding');
    }
    const plain = await http.get('/').set('Accept-Encoding', 'identity').expect(200);
    expect(plain.headers['content-encoding']).toBeUndefined();
    expect(plain.headers['cache-control']).toBe('no-cache');
    await http.get('/').set('If-None-Match', String(plain.headers.etag)).expect(304);
  });

  test('its script stays under 120 KiB packed', async () => {
    const { headers } = await world().http.get('/').set('Accept-Encoding', 'gzip');
    expect(Number(headers['content-length'])).toBeLessThan(120 * 1024);
  });

  test('other answers carry the same policy', async () => {
    for (const path of ['/api/batch', '/nowhere']) {
      const response = await world().http.get(path);
      expect(response.headers['content-security-policy']).toContain("default-src 'none'");
      expect(response.headers['x-content-type-options']).toBe('nosniff');
    }
  });

  test('where it was not built, says so', async () => {
    const empty = await mkdtemp(`${tmpdir()}/page-`);
    onTestFinished(() => rm(empty, { recursive: true }));
    const { html, policy } = openPage(pathToFileURL(`${empty}/`));
    expect(policy['script-src']).toEqual(["'none'"]);
    const app = express()
      .get('/', html as Handler)
      .use(answerProblems);
    expect((await request(app).get('/').expect(404)).body).toEqual({
      error: 'not_found',
      message: 'the page was not built: npm run build',
    });
  });
});

test('GET /manual.json: the chapters, of this very version', async () => {
  const { body } = await world().http.get('/manual.json').expect(200);
  const { version, chapters } = body as { version: string; chapters: { en: { name: string; html: string }[] } };
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  const design = chapters.en.find(({ name }) => name === 'design');
  expect(design?.html).toContain('<h1 id="design">Design</h1>');
  expect(design?.html).not.toMatch(/<script|<iframe|javascript:| on\w+=/i);
});
