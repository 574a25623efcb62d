import { z } from 'zod';
import { METRIC_NAMES } from '../fleet/fleet.js';
import { parseBytes, parseDuration } from './units.js';

/** A rule's name is also its file's name: no path can be built from it. */
export const RULE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

const reference = z.string().min(1).describe('id or name');

const duration = z
  .string()
  .refine((text) => (parseDuration(text) ?? 0) > 0, 'expected a duration such as "2m" or "1h30m"');

const bytes = z.union([
  z.number().nonnegative(),
  z.string().refine((text) => parseBytes(text) !== undefined, 'expected bytes or a string such as "16GiB"'),
]);

/** The rule file, as people write it (`rules/<name>.json`). Unknown keys are errors. */
export const ruleFileSchema = z
  .strictObject({
    $schema: z.string().optional(),
    name: z
      .string()
      .regex(RULE_NAME, 'expected letters, digits, ".", "_" or "-", starting with a letter or digit')
      .describe('The name of the rule; the file is <name>.json'),
    metric: z.enum(METRIC_NAMES).describe('cpu.usage_active fires above the threshold, mem.available below it'),
    threshold: bytes.describe('% for cpu.usage_active; bytes, or a string such as "16GiB", for mem.available'),
    period: duration.default('5m').describe('The window that metrics are averaged over when they are asked again'),
    source: z
      .strictObject({
        hosts: z.array(reference).default([]).describe('The hosts that the rule relieves; none means every host'),
        guests: z.array(reference).default([]).describe('The guests that may move; none means every guest'),
      })
      .prefault({}),
    target: z
      .strictObject({
        hosts: z.array(reference).default([]).describe('The hosts that guests may go to; none means any'),
      })
      .prefault({}),
    match: z
      .strictObject({
        alert: z.string().min(1).optional().describe("The alert's name; by default the rule's own"),
        labels: z.record(z.string(), z.string()).default({}).describe('Labels that the alert must carry'),
        hostLabel: z.string().min(1).optional().describe('The only label in which the host is looked for'),
      })
      .prefault({})
      .describe('Which alerts the rule takes'),
    enabled: z.boolean().default(true),
  })
  .superRefine((rule, context) => {
    if (
      rule.metric === 'cpu.usage_active' &&
      !(typeof rule.threshold === 'number' && rule.threshold > 0 && rule.threshold <= 100)
    ) {
      context.addIssue({
        code: 'custom',
        path: ['threshold'],
        message: 'expected a number above 0 and at most 100 (%)',
      });
    }
  });

/** What a rule file holds before defaults are filled in. */
export type RuleFile = z.input<typeof ruleFileSchema>;

/** A rule with every default filled in and every unit resolved. */
export interface Rule extends Omit<z.output<typeof ruleFileSchema>, '$schema' | 'threshold' | 'period'> {
  /** % for `cpu.usage_active`, bytes for `mem.available`. */
  threshold: number;
  /** ms. */
  periodMs: number;
}

/**
 * Turns a checked rule file into a rule.
 * @param file - what {@link ruleFileSchema} has let through.
 */
export function toRule(file: z.output<typeof ruleFileSchema>): Rule {
  const { $schema: _schema, threshold, period, ...rest } = file;
  return {
    ...rest,
    threshold: typeof threshold === 'number' ? threshold : (parseBytes(threshold) ?? Number.NaN),
    periodMs: parseDuration(period) ?? Number.NaN,
  };
}
