import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import type { Environment } from '../../src/config/given.js';
import { VARIABLES } from '../../src/config/variables.js';
import { run } from './run.js';

describe('the command line', () => {
  it.each(['', 'rules', 'nonsense', '--nonsense', 'rules nonsense', 'rules create', 'events a b'])(
    'ends %j with 2 and a word about it',
    async (line) => {
      const { status, out, err } = await run(line);
      expect({ status, out }).toEqual({ status: 2, out: '' });
      expect(err).toMatch(/Usage: automigrate|error: /);
    },
  );

  it.each(['--help', 'help rules', 'rules create --help', 'events --help'])('explains itself with %s', async (line) => {
    const { status, out } = await run(line);
    expect(status).toBe(0);
    expect(out).toMatch(/^Usage: automigrate/);
  });

  it('knows its version', async () => {
    expect((await run('--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('serve', () => {
  it('runs the receiver in the environment, with the directories of the options, and ends as it does', async () => {
    const seen: Environment[] = [];
    const serve = (env: Environment) => {
      seen.push(env);
      return Promise.resolve(seen.length === 1 ? 0 : 2);
    };
    const options = { env: { PORT: '1', RULES_DIR: 'x' }, handlers: { serve } };
    expect((await run('serve', options)).status).toBe(0);
    expect((await run('--data-dir d serve --rules-dir r', options)).status).toBe(2);
    expect(seen).toEqual([
      { PORT: '1', RULES_DIR: 'x' },
      { PORT: '1', RULES_DIR: 'r', DATA_DIR: 'd' },
    ]);
  });

  it('lists every variable of the environment in its help', async () => {
    const { out } = await run('serve --help');
    const lines = out.split('\n');
    for (const { name, meaning } of VARIABLES) {
      expect(lines.find((line) => line.startsWith(`| ${name} `))).toContain(`| ${meaning} `);
    }
  });
});

describe('a further command', () => {
  const command = () => new Command('plan').requiredOption('--host <host>');

  it('sets the exit status', async () => {
    const status = (code: number) =>
      run('plan --host a', { handlers: { commands: [(context) => command().action(() => context.exit(code))] } });
    expect((await status(3)).status).toBe(3);
    expect((await status(0)).status).toBe(0);
  });

  it('fails like the others', async () => {
    const { status, err } = await run('plan', { handlers: { commands: [command] } });
    expect(status).toBe(2);
    expect(err).toContain("required option '--host <host>' not specified");
  });
});
