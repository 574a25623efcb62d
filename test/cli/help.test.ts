import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import stringWidth from 'string-width';
import { beforeAll, describe, expect, it } from 'vitest';
import { bare, inPipe, seen } from '../support/command-line.js';
import { ensureBuilt } from '../support/program.js';

beforeAll(() => ensureBuilt(), 120_000);

describe('automigrate help', () => {
  it('lists commands and chapters', async () => {
    const { out, status } = await inPipe(['help']);
    expect(status).toBe(0);
    expect(out).toMatch(/^Usage: automigrate/);
    expect(out).toMatch(/Chapters of the manual \(automigrate help TOPIC\):\n(.*\n)*? {2}design +\S/);
  });

  it('explains a command', async () => {
    expect((await inPipe(['help', 'rules', 'set'])).out).toMatch(/^Usage: automigrate rules set/);
  });

  it('prints a chapter as it is in a pipe, and within the terminal at one', async () => {
    expect((await inPipe(['help', 'design'])).out).toMatch(/^# .+\n/);
    const { out } = await seen(['help', 'design'], 80);
    const [first = ''] = out.split('\n');
    expect(first.startsWith('\u001b[1m')).toBe(true);
    expect(first).not.toContain('#');
    let isCode = false;
    for (const line of bare(out).split('\n')) {
      if (line.startsWith('```')) isCode = !isCode;
      // Tables and code would say something else in other lines.
      if (!isCode && !line.includes('|')) expect(stringWidth(line), line).toBeLessThanOrEqual(80);
    }
  });

  it('prints code as it is written, within lists too', async () => {
    const text = readFileSync(new URL('../../src/manual/zh/cloud-libvirt.md', import.meta.url), 'utf8');
    const code = [...text.matchAll(/^( *)```[^]*?^\1```$/gm)].map(([block]) => block);
    expect(code.some((block) => block.startsWith(' '))).toBe(true);
    const { out } = await seen(['help', 'cloud-libvirt'], 80, { LANG: 'zh_CN.UTF-8' });
    for (const block of code) expect(bare(out)).toContain(block);
  });

  it('names the chapters where there is none of that name', async () => {
    expect(await inPipe(['help', 'nonsense'])).toEqual({
      status: 2,
      out: '',
      err: expect.stringMatching(/^there is no command and no chapter "nonsense"; chapters: .*design/),
    });
  });

  it('has its chapters in the package', () => {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' });
    const [{ files }] = JSON.parse(packed) as [{ files: { path: string }[] }];
    expect(files.map(({ path }) => path)).toContain('dist/manual/en/design.md');
  });
});
