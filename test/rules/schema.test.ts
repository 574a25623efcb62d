import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { ruleJsonSchema, ruleSchemaText } from '../../src/rules/schema.js';

it('the schema in the repository is the one that the code makes (npm run schema)', async () => {
  const file = new URL('../../rules/rule.schema.json', import.meta.url);
  expect(await readFile(file, 'utf8')).toBe(ruleSchemaText());
});

it('knows every key, requires only what has no default, and refuses others', () => {
  const schema = ruleJsonSchema();
  expect(Object.keys(schema.properties as object)).toEqual([
    '$schema',
    'name',
    'metric',
    'threshold',
    'period',
    'source',
    'target',
    'match',
    'enabled',
    'headroom',
    'worth',
    'cooldown',
    'guards',
    'allocation',
    'evidence',
    'mode',
    'relieve',
    'keepTogether',
    'keepApart',
    'pinned',
    'ignore',
    'leastGain',
    'windows',
    'limits',
    'foreignPause',
  ]);
  expect(schema).toMatchObject({ required: ['name', 'metric', 'threshold'], additionalProperties: false });
});

it('tells the meaning of every key, also of nested ones', () => {
  const described = (at: unknown): string[] =>
    Object.entries((at as { properties?: Record<string, { description?: string }> }).properties ?? {}).flatMap(
      ([key, entry]) => [...(entry.description ? [] : [key]), ...described(entry)],
    );
  expect(described(ruleJsonSchema())).toEqual([]);
});
