import { expect, test } from 'vitest';
import { chapterOf } from '../../src/page/render-chapter.js';

const render = (text: string) => chapterOf('c', text, 'src/manual/en');

test.each([
  ['<script>alert(1)</script>', /<script/],
  ['a <img src=x onerror=alert(1)> b', /<img/],
  ['[x](javascript:alert(1))', /javascript:/],
  ['[x](data:text/html,hi)', /href/],
  ['![x](https://elsewhere.example/x.png)', /<img|elsewhere/],
  ['![x](../../../package.json)', /<img/],
  ['```\n</code><script>\n```', /<script/],
])('%s in a chapter leads nowhere', (text, never) => {
  expect(render(text).html).not.toMatch(never);
});

test('links lead to other chapters of the page, and out of it only by name', () => {
  const { html } = render(
    '[a](design.md#the-walk-of-an-alert) [b](../zh/design.md) [c](https://example.org/) [d](../../LICENSE)',
  );
  expect(html).toContain('<a href="/manual/design#the-walk-of-an-alert">a</a>');
  expect(html).toContain('<a href="/manual/design">b</a>');
  expect(html).toContain('<a href="https://example.org/" rel="noreferrer noopener" target="_blank">c</a>');
  expect(html).toMatch(/c<\/a> d/);
});

test('sections are found by their words, and headings of one name are told apart', () => {
  const { title, sections } = render('# One `two`\n\nfirst\n\n## Same\n\nalpha\n\n## Same\n\nbeta\n');
  expect(title).toBe('One two');
  expect(sections).toEqual([
    { id: 'one-two', title: 'One two', text: 'first' },
    { id: 'same', title: 'Same', text: 'alpha' },
    { id: 'same-2', title: 'Same', text: 'beta' },
  ]);
});
