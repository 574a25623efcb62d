import { z } from 'zod';
import { METRIC_NAMES } from '../../fleet/fleet.js';
import type { Memory } from '../memory.js';
import { emptyMemory } from '../memory.js';

/** What the program relies on; whatever else stands there is kept: a newer version may have written it. */
const metric = z.enum(METRIC_NAMES);
const count = z.int().nonnegative();
const time = z.number().nonnegative();
const isoTime = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'expected a time in ISO 8601');

const migrationNotes = z.looseObject({
  guest: z.looseObject({
    host: z.string(),
    host_id: z.string(),
    id: z.string(),
    name: z.string(),
    score: z.number(),
    vcpu_count: z.number(),
    vmem_size: z.number(),
  }),
  target_host: z.looseObject({ id: z.string(), name: z.string(), score: z.number() }),
  reason: z.string().optional(),
});

const loadBefore = z.looseObject({
  id: z.string(),
  name: z.string(),
  role: z.enum(['source', 'target']),
  before: z.number(),
  threshold: z.number().optional(),
  guests: z.number().optional(),
  cpu_count: z.number(),
  mem_size: z.number(),
});

const predictedLoad = z.looseObject({
  id: z.string(),
  name: z.string(),
  role: z.enum(['source', 'target']),
  before: z.number(),
  predicted: z.number(),
  guests: z.number().optional(),
  mem_size: z.number(),
});

/** One schema for each thing that is remembered. */
const parts: { [Part in keyof Memory]-?: z.ZodType } = {
  verifications: z.array(
    z.looseObject({
      batch: z.string(),
      rule: z.string(),
      metric,
      period_ms: time,
      moved_at: time,
      due_at: time,
      attempts: count,
      hosts: z.array(predictedLoad),
    }),
  ),
  standings: z.record(
    z.string(),
    z.looseObject({
      misses: count,
      recommend: z.looseObject({ since: z.string(), fingerprint: z.string(), why: z.string() }).optional(),
      paused_at: time.optional(),
      paused_until: time.optional(),
    }),
  ),
  paused: z.looseObject({ by: z.string(), reason: z.string(), since: isoTime, until: isoTime.optional() }).optional(),
  plans: z.array(
    z.looseObject({
      id: z.string(),
      rule: z.string(),
      sender: z.string(),
      batch: z.string(),
      hosts: z.array(z.array(z.string())),
      created_at: isoTime,
      expires_at: isoTime,
      state: z.enum(['open', 'waiting', 'approved', 'dismissed', 'superseded']),
      by: z.string().optional(),
      approved: z.looseObject({ by: z.string(), at: isoTime, moves: z.array(z.string()).optional() }).optional(),
      dismissed: z.looseObject({ by: z.string(), at: isoTime, reason: z.string() }).optional(),
      outcome: z.enum(['migrate', 'partial']),
      cost: z.number(),
      notes: z.string(),
      migrations: z.array(migrationNotes),
      why: z.string().optional(),
      recommended_because: z.string().optional(),
      threshold: z.number().optional(),
      loads: z.looseObject({ metric, hosts: z.array(loadBefore) }).optional(),
    }),
  ),
  guests: count.optional(),
  // Absent in journals of old.
  underWay: z
    .array(
      z.looseObject({
        batch: z.string(),
        rule: z.string(),
        notes: migrationNotes,
        options: z.looseObject({ withLocalDisks: z.boolean().optional() }).optional(),
        handle: z.string().optional(),
        cancel: z.boolean(),
        since: isoTime,
      }),
    )
    .optional(),
  laterLooks: z
    .array(
      z.looseObject({
        rule: z.string(),
        sender: z.string(),
        host: z.array(z.string()),
        because: z.enum(['lagging', 'dropped']),
        since: time,
        due_at: time.optional(),
      }),
    )
    .optional(),
};

/**
 * Checks what was remembered. A part that is not what it should be is not trusted: the others are kept, it begins anew.
 * @returns the memory, and one line for each part that was left out; it names the first thing that is wrong.
 */
export function checkMemory(value: unknown): { memory: Memory; problems: string[] } {
  if (value === undefined) return { memory: emptyMemory(), problems: [] };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { memory: emptyMemory(), problems: ['memory: expected an object'] };
  }
  const known: Record<string, unknown> = { ...value };
  const anew: Record<string, unknown> = { ...emptyMemory() };
  const problems: string[] = [];
  const kept = { ...known };
  for (const [name, schema] of Object.entries(parts)) {
    if (known[name] === undefined && anew[name] === undefined) continue;
    const result = schema.safeParse(known[name]);
    if (result.success) continue;
    const [issue] = result.error.issues;
    problems.push(`${['memory', name, ...(issue?.path ?? [])].join('.')}: ${issue?.message ?? 'not understood'}`);
    kept[name] = anew[name];
  }
  return { memory: kept as unknown as Memory, problems };
}
