/**
 * Builds the page into dist/page: one HTML file that holds its script and style, and the manual as JSON, each also packed.
 * Prints how large the script is, and fails where it outgrows its limit.
 */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { chapterOf, READING_ORDER } from './render-chapter.js';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const out = join(root, 'dist/page');
/** Bytes of the compressed script. */
const LIMIT = 120 * 1024;

const bundle = async (entry) => {
  const { outputFiles } = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: ['es2022', 'chrome120', 'firefox121', 'safari17'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
    outdir: out,
  });
  return outputFiles[0].text;
};

const [script, style, template, packageFile] = await Promise.all([
  bundle('main.tsx'),
  bundle('style.css'),
  readFile(join(here, 'index.html'), 'utf8'),
  readFile(join(root, 'package.json'), 'utf8'),
]);

// Nothing within may end the element that it stands in.
const html = template
  .replace('/* style */', () => style.replaceAll('</style', '<\\/style'))
  .replace('/* script */', () => script.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--'));

const chaptersOf = async (language) => {
  const directory = join(root, 'src/manual', language);
  const names = await readdir(directory).catch(() => []);
  const chapters = await Promise.all(
    names
      .filter((name) => name.endsWith('.md'))
      .map(async (name) => chapterOf(name.slice(0, -3), await readFile(join(directory, name), 'utf8'), directory)),
  );
  return chapters.sort((a, b) => order(a.name) - order(b.name) || (a.name < b.name ? -1 : 1));
};
/** Chapters that have no place of their own follow by name. */
const order = (name) => (READING_ORDER.includes(name) ? READING_ORDER.indexOf(name) : READING_ORDER.length);

const manual = {
  version: JSON.parse(packageFile).version,
  chapters: { en: await chaptersOf('en'), zh: await chaptersOf('zh') },
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const write = async (name, text) => {
  await writeFile(join(out, name), text);
  await writeFile(join(out, `${name}.gz`), gzipSync(text, { level: 9 }));
  await writeFile(
    join(out, `${name}.br`),
    brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: Buffer.byteLength(text) } }),
  );
};
await write('index.html', html);
await write('manual.json', JSON.stringify(manual));

const packed = gzipSync(script, { level: 9 }).length;
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`;
process.stdout.write(`page: script ${kib(packed)} of ${kib(LIMIT)} compressed (${kib(script.length)} plain)\n`);
if (packed > LIMIT) {
  process.stderr.write('page: the script is too large\n');
  process.exitCode = 1;
}
