import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

interface Chapter {
  html: string;
  sections: { id: string }[];
}
const manual = new URL('../../src/manual/', import.meta.url);
const { chapterOf, READING_ORDER } = (await import(
  new URL('../../src/page/render-chapter.js', import.meta.url).href
)) as {
  chapterOf: (name: string, text: string, directory: string) => Chapter;
  READING_ORDER: string[];
};

const chapters = ['en', 'zh'].flatMap((language) => {
  const directory = new URL(`${language}/`, manual);
  return readdirSync(directory)
    .filter((file) => file.endsWith('.md'))
    .map((file) => {
      const text = readFileSync(new URL(file, directory), 'utf8');
      const name = file.slice(0, -'.md'.length);
      return { language, name, text, shown: chapterOf(name, text, directory.pathname) };
    });
});

it.each(chapters)('shows the links of $language/$name on the page, to sections that are there', (chapter) => {
  const written = [...chapter.text.matchAll(/\]\((?:[\w-]+\.md)?(#[^)]+)?\)/g)].length;
  const links = [...chapter.shown.html.matchAll(/<a href="(?:\/manual\/([\w-]+))?(?:#([^"]+))?"/g)];
  expect(links).toHaveLength(written);
  for (const [link, name = chapter.name, anchor] of links) {
    const led = chapters.find((each) => each.language === chapter.language && each.name === name);
    expect(led, link).toBeDefined();
    if (anchor !== undefined) expect(led?.shown.sections.map(({ id }) => id)).toContain(anchor);
  }
});

it.each(chapters)('has a place for $language/$name among the chapters', ({ name }) => {
  expect(READING_ORDER).toContain(name);
});
