import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

const design = read('src/manual/en/design.md');
const sections = [...design.matchAll(/^#{2,3} (.+)$/gm)].map(([, title]) => title!);
const walk = /^## The walk of an alert\n([^]*?)^## /m.exec(design)![1]!;
const stations = walk.split(/\n(?=\d+\. |\*\*|Each )/).filter((text) => text.includes('`src/'));

const filesOf = (text: string) => [...text.matchAll(/`(src\/[\w./-]+\.(?:ts|md))`/g)].map(([, path]) => path!);
const functionsOf = (text: string) => [...text.matchAll(/`(\w+)\(\)`/g)].map(([, name]) => name!);
const namedFunctions = stations.flatMap((text) => functionsOf(text).map((name) => [name, filesOf(text)] as const));

/** Sections that comments cite: `src/manual/en/design.md, "Arithmetic"`. */
const cited = ['src', 'test'].flatMap((folder) =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|md)$/.test(path))
    .flatMap((path) =>
      [...read(`${folder}/${path}`).matchAll(/src\/manual\/en\/design\.md`?, "([^"]+)"/g)].map(
        ([, section]) => [`${folder}/${path}`, section!] as const,
      ),
    ),
);

describe('the design in the manual', () => {
  it('leads an alert from the door to the journal', () => {
    const passed = filesOf(walk);
    expect(passed[0]).toBe('src/http/webhooks.ts');
    expect(passed).toContain('src/journal/journal.ts');
    expect(namedFunctions.length).toBeGreaterThan(20);
  });

  it.each([...new Set(filesOf(design))])('names the file %s, which exists', (path) => {
    expect(existsSync(new URL(path, root))).toBe(true);
  });

  it.each(namedFunctions)('names the function %s beside the file that exports it', (name, files) => {
    const isExported = new RegExp(`^export (?:async )?function ${name}\\b`, 'm');
    expect(files.filter((path) => isExported.test(read(path)))).not.toEqual([]);
  });

  it.each(cited)('has the section that %s cites: %s', (_path, section) => {
    expect(sections).toContain(section);
  });

  it('is cited by the code that follows it', () => {
    expect(cited.map(([path]) => path)).toContain('src/balancer/model/arithmetic.ts');
  });
});
