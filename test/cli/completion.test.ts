import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run } from './run.js';

const execute = promisify(execFile);

/** What bash would offer behind these words. */
async function offered(...words: string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'automigrate-completion-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const script = join(folder, 'completion.bash');
  await writeFile(script, (await run('completion bash')).out);
  const list = ['automigrate', ...words].map((word) => JSON.stringify(word)).join(' ');
  const line = `source ${script}; COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _automigrate; echo "\${COMPREPLY[@]}"`;
  return (await execute('bash', ['-c', line])).stdout.trim().split(' ');
}

describe('automigrate completion', () => {
  it('offers commands, then subcommands, then options, in bash', async () => {
    expect(await offered('ru')).toEqual(['rules']);
    expect(await offered('rules', 'ex')).toEqual(['export']);
    expect(await offered('rules', 'export', '--for', 'prometheus', '--sc')).toEqual(['--scrape-interval']);
    expect(await offered('--data-dir', 'x', 'events', '--js')).toEqual(['--json']);
  });

  it('is a script that bash takes; for the other shells each line is of them', async () => {
    expect((await run('completion zsh')).out).toMatch(/^#compdef automigrate\n[^]*compadd -- [^\n]*rules/);
    const fish = (await run('completion fish')).out.trim().split('\n').slice(1);
    for (const line of fish)
      expect(line).toMatch(/^complete -c automigrate -n '[\w; -]+' (-f -a|-l) [\w-]+ -d '[^']*'$/);
  });

  it('ends with 2 for a shell that it does not know', async () => {
    expect(await run('completion tcsh')).toMatchObject({ status: 2, out: '' });
  });
});
