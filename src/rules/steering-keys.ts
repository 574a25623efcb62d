import { z } from 'zod';
import { duration, references, strict, text } from './fields.js';
import { parseBytes } from '../common/units.js';
import { cronProblem, isTimeZone } from '../common/time-windows.js';

const TAG_GROUP = strict({
  tag: text('expected the name of a tag').meta({
    description: 'The guests of each value of this tag are a group; with "name=value" those of this value alone',
    examples: ['anti-affinity', 'app=db'],
  }),
});

const groups = (description: string) =>
  z
    .array(
      z.union(
        [
          z
            .array(text('expected an id or a name of a guest'), 'expected a list of guests')
            .min(2, 'expected at least two guests'),
          TAG_GROUP,
        ],
        'expected a list of at least two guests, or {"tag": "name"}',
      ),
      'expected a list of groups',
    )
    .default([])
    .meta({ description, examples: [[['db-1', 'db-2'], { tag: 'anti-affinity' }]] });

const patterns = (description: string, examples: string[]) =>
  z
    .array(
      z.string('expected a cron pattern').check((context) => {
        const problem = cronProblem(context.value);
        if (problem !== undefined) context.issues.push({ code: 'custom', message: problem, input: context.value });
      }),
      'expected a list of cron patterns',
    )
    .default([])
    .meta({ description, examples: [examples] });

const EXPECTED_SHARE = 'expected a share from 0 to 1, such as 0.2';

const count = (expected: string) => z.int(expected).min(1, expected).max(1_000_000, expected);

const windows = strict({
  timeZone: z
    .string('expected the name of a time zone such as "Europe/Berlin"')
    .refine(isTimeZone, 'expected the name of a time zone such as "Europe/Berlin"')
    .default('UTC')
    .meta({ description: 'The time zone of the patterns, by its IANA name', examples: ['Europe/Berlin'] }),
  allow: patterns('Cron patterns of the minutes in which the rule may act; none means any', ['* 8-17 * * 1-5']),
  deny: patterns('Cron patterns of the minutes in which it may not, whatever is allowed', ['30-59 23 * * *']),
})
  .prefault({})
  .meta({ description: 'When the rule may act: five cron fields, matched against the minute in which an alert comes' });

const limits = strict({
  migrationsPerHour: count('expected a whole number above 0')
    .optional()
    .meta({ description: 'Migrations of this rule that may be started within any hour' }),
  memoryPerHour: text('expected an amount of memory such as "100GiB"')
    .refine((value) => (parseBytes(value) ?? 0) > 0, 'expected an amount of memory such as "100GiB"')
    .optional()
    .meta({ description: 'Memory of the guests whose migrations this rule may start within any hour' }),
  perSource: count('expected a whole number above 0')
    .optional()
    .meta({ description: 'Guests that may leave one host at once; never more than MIGRATION_CONCURRENCY' }),
  perTarget: count('expected a whole number above 0')
    .optional()
    .meta({ description: 'Guests that may come to one host at once; never more than MIGRATION_CONCURRENCY' }),
})
  .prefault({})
  .meta({ description: 'How much the rule may move' });

/** The keys of a rule that say how far automigrate may go by itself. */
export const steeringKeys = {
  mode: z.enum(['auto', 'recommend'], 'expected "auto" or "recommend"').optional().meta({
    description: 'auto (the default) carries plans out; recommend records them, and waits for an approval',
  }),
  relieve: z.enum(['covered', 'alerting'], 'expected "covered" or "alerting"').optional().meta({
    description:
      'covered (the default): once an alert has opened a batch, any host of source.hosts that is likely to be overloaded is relieved; alerting: only hosts that alert',
  }),
  keepTogether: groups('Guests that are never moved away from each other, as lists of ids or names, or by tag'),
  keepApart: groups('Guests that never come to one host, as lists of ids or names, or by tag'),
  pinned: z
    .record(
      z.string(),
      z
        .array(text('expected an id or a name of a host'), 'expected a list of hosts')
        .min(1, 'expected at least one host'),
      'expected an object of guests and lists of hosts',
    )
    .default({})
    .meta({
      description: 'Guests, by id or name, and the only hosts they may go to',
      examples: [{ 'license-server': ['a15', 'a16'] }],
    }),
  ignore: strict({
    guests: references('Guests that are never moved, by id or name', ['dns-1']),
    hosts: references('Hosts that are neither relieved nor targets, by id or name', ['a15']),
    tags: z
      .array(text('expected a tag, "name" or "name=value"'), 'expected a list of tags')
      .default([])
      .meta({
        description: 'Guests and hosts that carry one of these tags, "name" or "name=value"',
        examples: [['no-migration', 'tier=lab']],
      }),
  })
    .prefault({})
    .meta({ description: 'What the rule leaves alone; the tag automigrate=ignore in the cloud does the same' }),
  leastGain: z
    .number(EXPECTED_SHARE)
    .min(0, EXPECTED_SHARE)
    .max(1, EXPECTED_SHARE)
    .default(0.2)
    .meta({
      description:
        'What a plan that does not clear every host must remove to be carried out, as a share of the excess; 0: anything',
      examples: [0.2],
    }),
  windows,
  limits,
  foreignPause: duration()
    .default('15m')
    .meta({ description: 'How long the rule pauses after guests were moved by somebody else', examples: ['15m'] }),
};
