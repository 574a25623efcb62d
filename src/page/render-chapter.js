import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { Marked } from 'marked';

/** The chapters as a newcomer reads them. */
export const READING_ORDER = [
  'concepts',
  'senders',
  'rules',
  'clouds',
  'cloud-simulated',
  'cloud-cloudpods',
  'cloud-openstack',
  'cloud-proxmox',
  'cloud-libvirt',
  'metric-stores',
  'decisions',
  'operating',
  'walkthrough',
  'monitoring',
  'notices',
  'troubleshooting',
  'reliability',
  'security',
  'upgrading',
  'environment',
  'http-api',
  'benchmarks',
  'design',
  'working',
];

const escape = (text) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
const plain = (text) => text.replace(/[`*_[\]]/g, '').replace(/\(https?:[^)]*\)/g, '');
const slug = (text) =>
  plain(text)
    .toLowerCase()
    .replace(/[^\p{L}\p{N} -]/gu, '')
    .trim()
    .replace(/ +/g, '-');

/** Pictures of a chapter stand in it, for the page loads nothing. Bytes. */
const LARGEST_PICTURE = 200 * 1024;
const PICTURES = { png: 'image/png', webp: 'image/webp', svg: 'image/svg+xml' };

/** Where a link of a chapter leads on the page; undefined: nowhere, it is told as text. */
function target(href) {
  if (/^https?:\/\//.test(href) || href.startsWith('#')) return href;
  const [, chapter, anchor = ''] = /^(?:\.\.\/(?:en|zh)\/)?([\w-]+)\.md(#[\p{L}\p{N}_-]*)?$/u.exec(href) ?? [];
  return chapter === undefined ? undefined : `/manual/${chapter}${anchor}`;
}

/** A picture beside the chapter, as data; undefined where there is none, or it is too large. */
function picture(href, directory) {
  const type = PICTURES[href.split('.').at(-1)];
  const path = normalize(join(directory, href));
  if (type === undefined || /^[a-z]+:/.test(href) || !path.startsWith(normalize(join(directory, '..'))))
    return undefined;
  const bytes = readFileSync(path);
  return bytes.length > LARGEST_PICTURE ? undefined : `data:${type};base64,${bytes.toString('base64')}`;
}

/**
 * Makes a chapter of the manual from its file. HTML in it is shown as it is written, never taken as such; only http links, other
 * chapters and pictures beside the file lead anywhere.
 * @param {string} name - of the file, without `.md`
 * @param {string} text - Markdown
 * @param {string} directory - where the file is
 */
export function chapterOf(name, text, directory) {
  const sections = [];
  const marked = new Marked({
    renderer: {
      html: ({ text: html }) => escape(html),
      heading({ tokens, depth, text: title }) {
        let id = slug(title);
        for (let count = 2; sections.some((each) => each.id === id); count += 1) id = `${slug(title)}-${count}`;
        sections.push({ id, title: plain(title), text: '' });
        return `<h${depth} id="${escape(id)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const to = target(href);
        const words = this.parser.parseInline(tokens);
        if (to === undefined) return words;
        const outside = to.startsWith('http') ? ' rel="noreferrer noopener" target="_blank"' : '';
        return `<a href="${escape(to)}"${outside}>${words}</a>`;
      },
      image({ href, text: alt }) {
        const data = picture(href, directory);
        return data === undefined ? escape(alt) : `<img src="${data}" alt="${escape(alt)}">`;
      },
      code: ({ text: code }) => `<pre tabindex="0"><code>${escape(code)}</code></pre>\n`,
    },
  });
  const html = marked.parse(text);
  for (const token of marked.lexer(text)) {
    if (token.type === 'heading') {
      const at = sections.find((each) => each.title === plain(token.text) && each.isRead !== true);
      if (at) at.isRead = true;
      continue;
    }
    const section = sections.findLast((each) => each.isRead);
    if (section) section.text = `${section.text} ${plain(token.raw)}`.replace(/\s+/g, ' ').trim();
  }
  return {
    name,
    title: sections[0]?.title ?? name,
    html,
    sections: sections.map(({ id, title, text: words }) => ({ id, title, text: words })),
  };
}
