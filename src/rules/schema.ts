import { z } from 'zod';
import { ruleFileSchema } from './rule.js';

/** What the schema language of zod cannot say: what a threshold may be depends on the metric. */
const THRESHOLDS = [
  {
    if: { properties: { metric: { const: 'cpu.usage_active' } } },
    then: { properties: { threshold: { type: 'number', exclusiveMinimum: 0, maximum: 100 } } },
  },
  {
    if: { properties: { metric: { const: 'mem.available' } } },
    then: {
      properties: {
        threshold: {
          anyOf: [
            { type: 'number', exclusiveMinimum: 0 },
            { type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*%\\s*$' },
            { type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*([bB]|[kmgtKMGT]([iI]?[bB])?)?\\s*$' },
          ],
        },
      },
    },
  },
];

/**
 * The JSON Schema (draft 2020-12) of a rule file, for editors and other programs: defaults may be left out.
 * What it lets through may still be refused for what no schema can say, such as the file's name.
 */
export function ruleJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(ruleFileSchema, { io: 'input' });
  const title = 'A rule of automigrate';
  const description = 'When the alerts of a host lead to live migrations, of which guests, and where to';
  return { $schema, title, description, ...schema, allOf: THRESHOLDS };
}

/** The text of `rules/rule.schema.json`. */
export function ruleSchemaText(): string {
  return `${JSON.stringify(ruleJsonSchema(), null, 2)}\n`;
}
