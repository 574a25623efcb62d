import { z } from 'zod';
import type { MetricReadings, Snapshot } from './fleet.js';

// A reading that is absent, null or outside its range counts as absent: never a guess, never 0.
const cpuReading = z.number().nullish();
const reading = { 'cpu.usage_active': cpuReading, 'mem.available': z.number().nullish() };

const named = {
  id: z.string().min(1),
  name: z.string().min(1),
  status: z.string(),
  metrics: z.object(reading).default({}),
};
const tags = z.record(z.string(), z.string()).optional();

const hostSchema = z.object({
  ...named,
  addresses: z.array(z.string()).optional(),
  enabled: z.boolean(),
  host_type: z.string(),
  cpu_architecture: z.string(),
  // A cloud may know a host whose CPUs it has not counted yet: it neither gives nor takes, and does not spoil the rest.
  cpu_count: z.number().nonnegative(),
  mem_size: z.number().nonnegative(),
  maintenance: z.boolean().optional(),
  is_maintenance: z.boolean().optional(),
  tags,
});

const guestSchema = z.object({
  ...named,
  host_id: z.string(),
  vcpu_count: z.number().nonnegative(),
  vmem_size: z.number().nonnegative(),
  immovable: z.string().optional(),
  tags,
});

/** A snapshot as it stands in a file; keys that it does not know are let through and not kept. */
export const snapshotFileSchema = z.object({
  taken_at: z.string().default('1970-01-01T00:00:00Z'),
  hosts: z.array(hostSchema),
  guests: z.array(guestSchema),
});

/** What a snapshot file turned out to be; each problem names its field, as in `hosts[3].cpu_count`. */
export type ParsedSnapshot = { ok: true; snapshot: Snapshot } | { ok: false; problems: string[] };

/** Whether a number is a plausible reading: 0 to 100 % of CPU, or bytes that are not negative. */
export function isReading(metric: string, value: number | null | undefined): value is number {
  if (value === null || value === undefined || !Number.isFinite(value) || value < 0) return false;
  return metric !== 'cpu.usage_active' || value <= 100;
}

/**
 * What a value counts as. A guest can be told above 100 %, since its emulator's threads count too: it is at 100 %, and may be
 * the very one to move. A host above 100 % is a fault of the store.
 */
export function countedAs(kind: 'host' | 'guest', metric: string, value: number): number {
  return kind === 'guest' && metric === 'cpu.usage_active' && value > 100 && Number.isFinite(value) ? 100 : value;
}

function readings(kind: 'host' | 'guest', metrics: z.output<typeof named.metrics>): MetricReadings {
  const told = metrics['cpu.usage_active'];
  const cpu = typeof told === 'number' ? countedAs(kind, 'cpu.usage_active', told) : told;
  const memory = metrics['mem.available'];
  return {
    ...(isReading('cpu.usage_active', cpu) && { 'cpu.usage_active': cpu }),
    ...(isReading('mem.available', memory) && { 'mem.available': memory }),
  };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined)) as T;
}

function duplicates(kind: string, entries: readonly { id: string }[]): string[] {
  const seen = new Set<string>();
  return entries.flatMap(({ id }, index) => {
    if (seen.has(id)) return [`${kind}[${index}].id: "${id}" stands there twice`];
    seen.add(id);
    return [];
  });
}

/** Writes a zod path the way people write one: `hosts[3].cpu_count`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text.startsWith('.') ? text.slice(1) : text || '(the whole file)';
}

/**
 * Checks a parsed snapshot file.
 * @param value - the JSON value of the file.
 * @returns the snapshot with implausible readings left out, or every problem with its field.
 */
export function parseSnapshot(value: unknown): ParsedSnapshot {
  const result = snapshotFileSchema.safeParse(value);
  if (!result.success) {
    return { ok: false, problems: result.error.issues.map((issue) => `${fieldPath(issue.path)}: ${issue.message}`) };
  }
  const file = result.data;
  const problems = [...duplicates('hosts', file.hosts), ...duplicates('guests', file.guests)];
  if (problems.length > 0) return { ok: false, problems };
  const hosts = file.hosts.map(({ maintenance, is_maintenance, metrics, ...host }) =>
    withoutUndefined({
      ...host,
      ...((maintenance ?? is_maintenance) && { maintenance: true }),
      metrics: readings('host', metrics),
    }),
  );
  const guests = file.guests.map(({ metrics, ...guest }) =>
    withoutUndefined({ ...guest, metrics: readings('guest', metrics) }),
  );
  return { ok: true, snapshot: { taken_at: file.taken_at, hosts, guests } as Snapshot };
}
