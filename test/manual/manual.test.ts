import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config/read-config.js';
import { VARIABLES } from '../../src/config/variables.js';
import { PRESETS } from '../../src/fleet/metrics/presets.js';
import { EVENT_ACTIONS } from '../../src/journal/events.js';
import { ruleJsonSchema } from '../../src/rules/schema.js';
import { openapi } from '../../src/http/openapi.js';
import { parseRule } from '../../src/rules/load.js';

const CHAPTERS = readdirSync('src/manual/en').map((name) => join('src/manual/en', name));
// The columns of tables are aligned with spaces that do not matter here.
const manual = CHAPTERS.map((path) => readFileSync(path, 'utf8'))
  .join('\n')
  .replaceAll(/ +/g, ' ');
const code = (text: string) => `\`${text}\``;

describe('the manual', () => {
  it.each(VARIABLES.map((variable) => [variable.name, variable] as const))(
    'tells of %s as the program does',
    (_name, variable) => {
      const shown = variable.default === undefined ? '' : ` ${code(variable.default)}`;
      expect(manual).toContain(`| ${code(variable.name)} |${shown} | ${variable.meaning} |`);
    },
  );

  it('has no remains of a merge', () => {
    expect(manual).not.toMatch(/^(<<<<<<<|=======|>>>>>>>|> > > >|\| =======)/m);
  });

  it.each(EVENT_ACTIONS)('tells what the event %s means', (action) => {
    expect(manual).toMatch(new RegExp(`^\\| \`${action}\` \\| \\S`, 'm'));
  });

  it.each(Object.entries(PRESETS))('has the queries of the preset %s', (name, { questions }) => {
    for (const { value } of Object.values(questions)) {
      const row = manual
        .split('\n')
        .find((line) => line.includes(code(name)) && line.includes(value.replaceAll('|', '\\|')));
      expect(row, value).toBeDefined();
    }
  });

  it('has a rule file as an example that is one', () => {
    const examples = [...manual.matchAll(/```json\n(\{[^`]*?"\$schema"[^`]*?)```/g)].map(([, text]) => text!);
    expect(examples.length).toBeGreaterThan(0);
    for (const text of examples) {
      const { name } = JSON.parse(text) as { name: string };
      expect(parseRule(text, `${name}.json`)).toMatchObject({ ok: true });
    }
  });

  it('has a configuration file as an example that is one', () => {
    const [, text = ''] = /```yaml\n# automigrate.yaml\n([^`]*)```/.exec(manual) ?? [];
    const read = readConfig({ CONFIG: 'automigrate.yaml' }, (path) => (path === 'automigrate.yaml' ? text : 'secret'));
    expect(read).toMatchObject({ ok: true, config: { cloud: 'openstack', budget: { migrations: 50 } } });
  });

  it('tells of every key of a rule', () => {
    for (const key of Object.keys(ruleJsonSchema().properties as object).filter((name) => name !== '$schema')) {
      expect(manual).toMatch(new RegExp(`^\\| \`${key}[.\`]`, 'm'));
    }
  });
});

/** GitHub's anchor of a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
const anchorsIn = (path: string) =>
  [
    ...readFileSync(path, 'utf8')
      .replaceAll(/```[^]*?```/g, '')
      .matchAll(/^#+ (.+)$/gm),
  ].map(([, heading]) => anchorOf(heading!));
const links = ['README.md', ...CHAPTERS].flatMap((path) =>
  [
    ...readFileSync(path, 'utf8')
      .replaceAll(/```[^]*?```/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, to]) => [path, to!] as const),
);

describe('links', () => {
  it.each(links)('in %s lead somewhere: %s', (from, to) => {
    if (/^https?:/.test(to)) return;
    const [path = '', anchor] = to.split('#');
    const file = path === '' ? from : join(dirname(from), path);
    expect(existsSync(file), file).toBe(true);
    if (anchor !== undefined) expect(anchorsIn(file)).toContain(anchor);
  });
});

/** Blocks of a language, with the file that they stand in. */
const blocks = (language: string) =>
  ['README.md', ...CHAPTERS].flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(new RegExp(`^\\s*\`\`\`${language}\\n([^]*?)^\\s*\`\`\``, 'gm'))].map(
      ([, text]) => [path, text!] as const,
    ),
  );

/** A call of the program in a line of shell: its command, and the options behind it. */
interface Call {
  command: string[];
  options: string[];
}

const GROUPS = ['rules', 'config'];

function callsIn(text: string): Call[] {
  const lines = text.replaceAll(/\\\n/g, ' ').replaceAll(/ #.*$/gm, '').split('\n');
  return lines.flatMap((line) =>
    [...line.matchAll(/(?:^|[|;&(]|\S=\S+)\s*(?:automigrate|node dist\/main\.js) ([^|;&>]*)/g)].map(([, rest = '']) => {
      const words = rest.trim().split(/\s+/);
      const options = words.filter((word) => word.startsWith('--')).map((word) => word.replace(/=.*/, ''));
      const [first = '', second = ''] = words.filter((word) => !word.startsWith('-'));
      const isSub = GROUPS.includes(first) && /^[a-z]+$/.test(second);
      return { command: isSub ? [first, second] : [first], options };
    }),
  );
}

const helps = new Map<string, string>();
function helpOf(command: string[]): string {
  const key = command.join(' ');
  const known =
    helps.get(key) ?? execFileSync(process.execPath, ['dist/main.js', ...command, '--help'], { encoding: 'utf8' });
  helps.set(key, known);
  return known;
}

describe('what the shell is given', () => {
  it.each(blocks('sh').filter(([, text]) => callsIn(text).length > 0))(
    'in %s are commands and options that there are',
    (_path, text) => {
      for (const { command, options } of callsIn(text)) {
        // The first line shows how it is called: what there is not shows the help of the program instead.
        const help = helpOf(command);
        expect(help.split('\n')[0]).toContain(`automigrate ${command.join(' ')}`);
        for (const option of options) expect(help, command.join(' ')).toContain(option);
      }
    },
    60_000,
  );

  it.each(
    blocks('sh').flatMap(([path, text]) =>
      [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => [path, name!] as const),
    ),
  )('in %s is a script that there is: npm run %s', (_path, name) => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
    expect(Object.keys(scripts)).toContain(name);
  });
});

describe('the chapter on the HTTP API', () => {
  const operations = Object.entries(openapi.paths).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, { summary?: string }>).flatMap(([method, { summary }]) =>
      summary === undefined ? [] : [[`${method.toUpperCase()} ${path}`, summary] as const],
    ),
  );

  it.each(operations)('tells of %s as the description of the interface does', (operation, summary) => {
    expect(manual).toContain(`| ${code(operation)} | ${summary} |`);
  });
});

describe('the README', () => {
  const readme = readFileSync('README.md', 'utf8');

  it('is read in one go: at most 200 lines', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(200);
  });

  it('leads to every chapter', () => {
    for (const path of CHAPTERS.filter((each) => !each.includes('cloud-'))) expect(readme).toContain(`](${path})`);
  });
});
