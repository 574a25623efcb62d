import { z } from 'zod';
import { strict } from './fields.js';
import { parseBytes, parseDuration } from '../common/units.js';

const EXPECTED_HEADROOM = 'expected points of capacity from 0 to 50 (%)';
const EXPECTED_WORTH = 'expected GiB from 0 to 100000';
const EXPECTED_COOLDOWN = 'expected a duration such as "1h", or "0s"';
const EXPECTED_FLOOR = 'expected bytes, or a string such as "1GiB"';
const EXPECTED_CEILING = 'expected a number above 0 and at most 100 (%)';
const EXPECTED_RATIO = 'expected a ratio above 0 and at most 1000, such as 1.0';
const EXPECTED_EVIDENCE = 'expected "mean", "minimum", or {"share": a number above 0 and at most 1}';

const guards = strict({
  memoryFloor: z
    .union([z.number(), z.string()], EXPECTED_FLOOR)
    .refine((value) => (typeof value === 'string' ? parseBytes(value) : value) !== undefined, EXPECTED_FLOOR)
    .refine((value) => typeof value === 'string' || value >= 0, EXPECTED_FLOOR)
    .optional()
    .meta({
      description: 'Available memory that a target keeps after a CPU plan; 1GiB by default',
      examples: ['4GiB'],
    }),
  cpuCeiling: z
    .number(EXPECTED_CEILING)
    .gt(0, EXPECTED_CEILING)
    .max(100, EXPECTED_CEILING)
    .optional()
    .meta({ description: 'CPU reading at or under which a target stays after a memory plan, %; 95 by default' }),
});

/** What a target keeps of the metric that the rule does not watch. */
export interface Guards {
  /** Bytes. */
  memoryFloor?: number;
  /** %. */
  cpuCeiling?: number;
}

const ratio = (description: string, examples: number[]) =>
  z.number(EXPECTED_RATIO).gt(0, EXPECTED_RATIO).max(1000, EXPECTED_RATIO).optional().meta({ description, examples });

const allocation = strict({
  memory: ratio("Memory that the guests of a target may have been given, as a ratio of the host's memory", [1]),
  cpu: ratio("vCPUs that the guests of a target may have been given, as a ratio of the host's CPUs", [16]),
});

/** When readings are enough to act on: their mean over the period, all of them, or a share of them past the threshold. */
export type Evidence = 'mean' | 'minimum' | { share: number };

/** The keys of a rule that keep the fleet steady; what the service does where they are left out is in its defaults. */
export const stabilityKeys = {
  headroom: z
    .number(EXPECTED_HEADROOM)
    .min(0, EXPECTED_HEADROOM)
    .max(50, EXPECTED_HEADROOM)
    .optional()
    .meta({
      description:
        'Points of capacity that a plan keeps under the threshold on sources and targets, whatever their history says; 0 by default',
      examples: [5],
    }),
  worth: z
    .number(EXPECTED_WORTH)
    .min(0, EXPECTED_WORTH)
    .max(100_000, EXPECTED_WORTH)
    .optional()
    .meta({
      description:
        'Memory that may be copied to take a host from certainly overloaded to certainly not, GiB; 130 by default, 0: the plan of least price',
      examples: [130],
    }),
  cooldown: z
    .string(EXPECTED_COOLDOWN)
    .refine((value) => parseDuration(value) !== undefined, EXPECTED_COOLDOWN)
    .optional()
    .meta({
      description: 'How long a guest that moved stays; it does not go back to the host it left for twice as long',
      pattern: '^(\\d+(\\.\\d+)?(ms|s|m|h|d))+$',
      examples: ['1h'],
    }),
  guards: guards.optional().meta({ description: 'What targets keep of the metric that the rule does not watch' }),
  allocation: allocation.optional().meta({
    description: 'How much of a target may be given out, whatever is used of it; without a ratio, any amount',
    examples: [{ memory: 1, cpu: 16 }],
  }),
  evidence: z
    .union(
      [
        z.literal('mean'),
        z.literal('minimum'),
        z.strictObject({ share: z.number(EXPECTED_EVIDENCE).gt(0, EXPECTED_EVIDENCE).max(1, EXPECTED_EVIDENCE) }),
      ],
      EXPECTED_EVIDENCE,
    )
    .optional()
    .meta({
      description: 'What of the period must be past the threshold: the mean, every sample, or a share of the samples',
      examples: ['minimum', { share: 0.8 }],
    }),
};

/** Guards with their units resolved. */
export function toGuards({ memoryFloor, cpuCeiling }: z.output<typeof guards>): Guards {
  const bytes = typeof memoryFloor === 'string' ? parseBytes(memoryFloor) : memoryFloor;
  return { ...(bytes !== undefined && { memoryFloor: bytes }), ...(cpuCeiling !== undefined && { cpuCeiling }) };
}
