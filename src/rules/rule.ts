import { z } from 'zod';
import type { Alert } from '../alerts/alert.js';
import { METRIC_NAMES } from '../fleet/fleet.js';
import { duration, references, strict, text, yesOrNo } from './fields.js';
import type { Guards } from './stability-keys.js';
import { stabilityKeys, toGuards } from './stability-keys.js';
import { steeringKeys } from './steering-keys.js';
import { parseBytes, parseDuration, parsePercent } from '../common/units.js';

/** A rule's name is also its file's name: no path can be built from it. */
export const RULE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/** The file that editors check rule files with; it stands beside them and is no rule. */
export const RULE_SCHEMA_FILE = 'rule.schema.json';

const period = duration()
  .default('5m')
  .meta({
    description: 'The window that metrics are averaged over when they are asked again, such as "2m" or "1h30m"',
    examples: ['2m', '1h30m'],
  });

/** What a threshold has to be, by metric. */
const EXPECTED_THRESHOLD = {
  'cpu.usage_active': 'expected a number above 0 and at most 100 (%)',
  'mem.available': 'expected bytes above 0, a string such as "16GiB", or "10%" of the host\'s memory',
} as const;

function isThreshold(metric: string, value: unknown): boolean {
  if (metric === 'cpu.usage_active') return typeof value === 'number' && value > 0 && value <= 100;
  if (typeof value !== 'number' && typeof value !== 'string') return false;
  const { threshold, ofHostMemory } = amountOf(value);
  return ofHostMemory ? threshold > 0 && threshold < 100 : Number.isFinite(threshold) && threshold > 0;
}

const match = strict({
  alert: text("expected the alert's name")
    .optional()
    .meta({ description: "The alert's name; by default the rule's own name" }),
  labels: z
    .record(z.string(), z.string('expected a string'), 'expected an object of label names and values')
    .default({})
    .meta({ description: 'Labels that the alert must carry, all of them', examples: [{ severity: 'critical' }] }),
  hostLabel: text('expected the name of a label')
    .optional()
    .meta({
      description:
        'The only label in which the host is looked for; by default host_id, host_name, host, hostname, nodename, instance',
      examples: ['host_id'],
    }),
})
  .prefault({})
  .meta({
    description:
      "Which alerts the rule takes; by default those of the rule's own name, or with the label migration_rule=<name>",
  });

/** The rule file, as people write it (`rules/<name>.json`). Unknown keys are errors. */
export const ruleFileSchema = strict({
  $schema: z.string('expected a path or URL').optional().meta({ description: 'Where editors find this schema' }),
  name: z
    .string('expected the name of the rule')
    .regex(RULE_NAME, 'expected at most 100 letters, digits, ".", "_" or "-", starting with a letter or digit')
    .refine((name) => `${name}.json` !== RULE_SCHEMA_FILE, `expected another name than that of ${RULE_SCHEMA_FILE}`)
    .meta({ description: 'The name of the rule; the file is <name>.json', examples: ['test-cpu'] }),
  metric: z
    .enum(METRIC_NAMES, `expected ${METRIC_NAMES.map((name) => `"${name}"`).join(' or ')}`)
    .meta({ description: 'cpu.usage_active fires above the threshold, mem.available below it' }),
  threshold: z.union([z.number(), z.string()], 'expected a number, or a string such as "16GiB" or "10%"').meta({
    description:
      '% for cpu.usage_active; for mem.available bytes, a string such as "16GiB", or "10%" of the memory of each host',
    examples: [60, '16GiB', '10%'],
  }),
  period,
  source: strict({
    hosts: references('The hosts that the rule relieves, by id or name; none means every host', ['test-66-onecloud02']),
    guests: references('The guests that may move, by id or name; none means every guest', ['cpu-test-vm']),
  })
    .prefault({})
    .meta({ description: 'What may be moved, and from where' }),
  target: strict({
    hosts: references('The hosts that guests may go to, by id or name; none means any', ['a15']),
    sameZone: yesOrNo("Only hosts of the source's availability zone"),
    sameAggregate: yesOrNo('Only hosts that are in the same host aggregates as the source'),
    withLocalDisks: yesOrNo(
      'Guests with disks that only their host reaches may move, and the disks with them (proxmox)',
    ),
  })
    .prefault({})
    .meta({ description: 'Where guests may go' }),
  match,
  enabled: z.boolean('expected true or false').default(true).meta({ description: 'A disabled rule takes no alert' }),
  ...stabilityKeys,
  ...steeringKeys,
}).superRefine(
  (rule, context) => {
    // It also runs beside other problems, so the metric may be anything here.
    if (!Object.hasOwn(EXPECTED_THRESHOLD, rule.metric) || isThreshold(rule.metric, rule.threshold)) return;
    if (context.issues.some(({ path }) => path?.[0] === 'threshold')) return;
    context.addIssue({ code: 'custom', path: ['threshold'], message: EXPECTED_THRESHOLD[rule.metric] });
  },
  { when: ({ value }) => typeof value === 'object' && value !== null },
);

/** What a rule file holds before defaults are filled in. */
export type RuleFile = z.input<typeof ruleFileSchema>;

/** A rule with every default filled in and every unit resolved. */
export interface Rule extends Omit<
  z.output<typeof ruleFileSchema>,
  '$schema' | 'threshold' | 'period' | 'cooldown' | 'guards'
> {
  /** % for `cpu.usage_active`; for `mem.available` bytes, or % of each host's memory where `ofHostMemory` says so. */
  threshold: number;
  ofHostMemory?: true;
  /** ms. */
  periodMs: number;
  /** ms; absent where the file leaves it to the service. */
  cooldownMs?: number;
  guards?: Guards;
}

/** A threshold as a file has it, as a {@link Rule} has it; NaN for a text that is no amount. */
export function amountOf(written: number | string): Pick<Rule, 'threshold' | 'ofHostMemory'> {
  if (typeof written === 'number') return { threshold: written };
  const percent = parsePercent(written);
  return percent === undefined
    ? { threshold: parseBytes(written) ?? Number.NaN }
    : { threshold: percent, ofHostMemory: true };
}

/**
 * Turns a checked rule file into a rule.
 * @param file - what {@link ruleFileSchema} has let through.
 */
export function toRule(file: z.output<typeof ruleFileSchema>): Rule {
  const { $schema: _schema, threshold, period, cooldown, guards, ...rest } = file;
  return {
    ...rest,
    ...amountOf(threshold),
    periodMs: parseDuration(period) ?? Number.NaN,
    ...(cooldown !== undefined && { cooldownMs: parseDuration(cooldown) ?? Number.NaN }),
    ...(guards && { guards: toGuards(guards) }),
  };
}

/** Which rule takes an alert, with the words that may name its host in order of preference; or why none does. */
export type RuleMatch =
  | { matched: true; rule: Rule; hosts: string[] }
  | { matched: false; reason: 'no_rule' | 'rule_disabled' | 'no_host'; text: string };

/** An alert, and what the rules make of it. */
export interface MatchedAlert {
  alert: Alert;
  match: RuleMatch;
}
