import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { type Token, type Tokens, marked } from 'marked';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const manual = 'src/manual';
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');
const chapters = (language: string) =>
  readdirSync(new URL(`${manual}/${language}`, root))
    .filter((name) => name.endsWith('.md'))
    .sort();

/** All tokens of a text, those within lists, tables and paragraphs too. */
function tokensOf(text: string): Token[] {
  const all: Token[] = [];
  void marked.walkTokens(marked.lexer(text), (token) => {
    all.push(token);
  });
  return all;
}
const ofType = <T extends Tokens.Generic>(text: string, type: T['type']) =>
  tokensOf(text).filter((token): token is T => token.type === type);

const headings = (text: string) => ofType<Tokens.Heading>(text, 'heading').map(({ depth }) => '#'.repeat(depth));
const codeBlocks = (text: string) =>
  ofType<Tokens.Code>(text, 'code').map(({ text: code, lang }) => `${lang}\n${code}`);
/** What is the same in every language of a cell: all of it where it is code, the code in it elsewhere. */
const codeOf = (cell: string) => (cell.match(/`[^`]+`/g) ?? []).join(' ');
const firstColumns = (text: string) =>
  ofType<Tokens.Table>(text, 'table').map(({ rows }) => rows.map(([first]) => codeOf(first?.text ?? '')));

/** The anchors that GitHub gives to the headings of a text. */
function anchors(text: string): string[] {
  const taken = new Map<string, number>();
  return ofType<Tokens.Heading>(text, 'heading').map(({ text: title }) => {
    const anchor = title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    const before = taken.get(anchor) ?? 0;
    taken.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}

/** Links and pictures that lead to something of this repository. */
const linksOf = (text: string) =>
  tokensOf(text)
    .filter((token): token is Tokens.Link | Tokens.Image => token.type === 'link' || token.type === 'image')
    .map(({ href }) => href)
    .filter((href) => !/^[a-z]+:/.test(href));

function leadsNowhere(from: string, href: string): boolean {
  const { pathname, hash } = new URL(href, new URL(from, root));
  const file = new URL(`file://${pathname}`);
  if (!existsSync(file)) return true;
  return hash !== '' && !anchors(readFileSync(file, 'utf8')).includes(decodeURIComponent(hash.slice(1)));
}

describe('the manual in two languages', () => {
  it('has the same chapters in both', () => {
    expect(chapters('zh')).toEqual(chapters('en'));
  });

  it.each(chapters('zh').filter((name) => chapters('en').includes(name)))('says the same in both of %s', (name) => {
    const [en, zh] = [read(`${manual}/en/${name}`), read(`${manual}/zh/${name}`)];
    expect(headings(zh)).toEqual(headings(en));
    expect(codeBlocks(zh)).toEqual(codeBlocks(en));
    expect(firstColumns(zh)).toEqual(firstColumns(en));
  });

  it.each(chapters('zh'))('is in Chinese in %s', (name) => {
    const prose = ofType<Tokens.Paragraph>(read(`${manual}/zh/${name}`), 'paragraph');
    const english = prose.filter(({ text }) => !/\p{Script=Han}/u.test(text) && /[a-z]{3} [a-z]{3}/.test(text));
    expect(english.map(({ text }) => text)).toEqual([]);
  });

  it.each([...['en', 'zh'].flatMap((language) => chapters(language).map((name) => `${manual}/${language}/${name}`))])(
    'has links that lead somewhere in %s',
    (path) => {
      expect(linksOf(read(path)).filter((href) => leadsNowhere(path, href))).toEqual([]);
    },
  );

  it('keeps the reader of Chinese in Chinese', () => {
    const astray = chapters('zh').flatMap((name) =>
      linksOf(read(`${manual}/zh/${name}`)).filter((href) => href.includes('/en/')),
    );
    expect(astray).toEqual([]);
  });

  it('has links that lead somewhere in README.zh.md', () => {
    const links = linksOf(read('README.zh.md'));
    expect(links.filter((href) => leadsNowhere('README.zh.md', href))).toEqual([]);
    const listed = links
      .filter((href) => href.startsWith(`${manual}/zh/`))
      .map((href) => href.slice(`${manual}/zh/`.length));
    expect(chapters('zh').filter((name) => !name.startsWith('cloud-') && !listed.includes(name))).toEqual([]);
  });

  it('marks words in a way that Markdown takes, beside Chinese punctuation too', () => {
    const marks = [...chapters('zh').map((name) => `${manual}/zh/${name}`), 'README.zh.md'].flatMap((path) =>
      ofType<Tokens.Text>(read(path), 'text').filter(({ text, tokens }) => !tokens && text.includes('**')),
    );
    expect(marks.map(({ text }) => text)).toEqual([]);
  });
});
