import { Script } from 'node:vm';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { world } from './world.js';

const inside = (html: string, tag: string): string => new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(html)?.[1] ?? '';
const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

describe('GET /', () => {
  test('is a page whose own script and style are all that may run', async () => {
    const response = await world()
      .http.get('/')
      .expect(200)
      .expect('Content-Type', /^text\/html/);
    const policy = response.headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`script-src ${hash(inside(response.text, 'script'))}`);
    expect(policy).toContain(`style-src ${hash(inside(response.text, 'style'))}`);
    expect(policy).not.toContain('unsafe');
    expect(response.headers['x-powered-by']).toBeUndefined();
  });

  test('loads nothing from elsewhere and never writes HTML', async () => {
    const { text } = await world().http.get('/');
    expect(text).not.toMatch(/https?:|innerHTML|outerHTML|insertAdjacent|document\.write|eval/);
  });

  test('has a script that can be read, and every element that the script asks for', async () => {
    const { text } = await world().http.get('/');
    const script = inside(text, 'script');
    expect(() => new Script(script)).not.toThrow();
    const wanted = [...script.matchAll(/byId\('([\w-]+)'\)|'([\w]+-note)'\)/g)].map(([, id, note]) => id ?? note ?? '');
    expect(wanted.length).toBeGreaterThan(8);
    for (const id of wanted) expect(text).toContain(`id="${id}"`);
  });

  test('other answers carry the same policy', async () => {
    for (const path of ['/api/batch', '/nowhere']) {
      const response = await world().http.get(path);
      expect(response.headers['content-security-policy']).toContain("default-src 'none'");
      expect(response.headers['x-content-type-options']).toBe('nosniff');
    }
  });
});
