import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../src/config/read-config.js';
import { VARIABLES } from '../src/config/variables.js';
import { PRESETS } from '../src/fleet/metrics/presets.js';
import { EVENT_ACTIONS } from '../src/journal/events.js';
import { ruleJsonSchema } from '../src/rules/schema.js';
import { parseRule } from '../src/rules/load.js';

// The columns of its tables are aligned with spaces that do not matter here.
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8').replaceAll(/ +/g, ' ');
const code = (text: string) => `\`${text}\``;

describe('the README', () => {
  it.each(VARIABLES.map((variable) => [variable.name, variable] as const))(
    'tells of %s as the program does',
    (_name, variable) => {
      const shown = variable.default === undefined ? '' : ` ${code(variable.default)}`;
      expect(readme).toContain(`| ${code(variable.name)} |${shown} | ${variable.meaning} |`);
    },
  );

  it('has no remains of a merge', () => {
    expect(readme).not.toMatch(/^(<<<<<<<|=======|>>>>>>>|> > > >|\| =======)/m);
  });

  it.each(EVENT_ACTIONS)('tells what the event %s means', (action) => {
    expect(readme).toMatch(new RegExp(`^\\| \`${action}\` \\| \\S`, 'm'));
  });

  it.each(Object.entries(PRESETS))('has the queries of the preset %s', (name, { questions }) => {
    for (const { value } of Object.values(questions)) {
      const row = readme
        .split('\n')
        .find((line) => line.includes(code(name)) && line.includes(value.replaceAll('|', '\\|')));
      expect(row, value).toBeDefined();
    }
  });

  it('has a rule file as an example that is one', () => {
    const examples = [...readme.matchAll(/```json\n(\{[^`]*?"\$schema"[^`]*?)```/g)].map(([, text]) => text!);
    expect(examples.length).toBeGreaterThan(0);
    for (const text of examples) {
      const { name } = JSON.parse(text) as { name: string };
      expect(parseRule(text, `${name}.json`)).toMatchObject({ ok: true });
    }
  });

  it('has a configuration file as an example that is one', () => {
    const [, text = ''] = /```yaml\n# automigrate.yaml\n([^`]*)```/.exec(readme) ?? [];
    const read = readConfig({ CONFIG: 'automigrate.yaml' }, (path) => (path === 'automigrate.yaml' ? text : 'secret'));
    expect(read).toMatchObject({ ok: true, config: { cloud: 'openstack', budget: { migrations: 50 } } });
  });

  it('tells of every key of a rule', () => {
    for (const key of Object.keys(ruleJsonSchema().properties as object).filter((name) => name !== '$schema')) {
      expect(readme).toMatch(new RegExp(`^\\| \`${key}[.\`]`, 'm'));
    }
  });
});
