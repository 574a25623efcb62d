import { describe, expect, it } from 'vitest';
import type { JournalEvent } from '../../src/journal/events.js';
import type { PendingVerification, PredictedLoad } from '../../src/journal/memory.js';
import { verify } from '../../src/verification/predictions.js';

const predicted = (name: string, role: 'source' | 'target', before: number, after: number): PredictedLoad => ({
  id: `id-${name}`,
  name,
  role,
  before,
  predicted: after,
  guests: after,
  mem_size: 65_536,
});

/** What batch-1 has promised for rule cpu: a comes down by 12 points, b goes up by them. */
const pending: PendingVerification = {
  batch: 'batch-1',
  rule: 'cpu',
  metric: 'cpu.usage_active',
  period_ms: 120_000,
  moved_at: Date.parse('2026-11-21T05:00:00Z'),
  due_at: Date.parse('2026-11-21T05:03:00Z'),
  attempts: 0,
  hosts: [predicted('a', 'source', 70, 58), predicted('b', 'target', 20, 32)],
};

let ids = 0;
const migrating = (rule: string, batch: string, from: string, to: string): JournalEvent => ({
  id: (ids += 1),
  ops_time: '2026-11-21T05:01:00.000Z',
  obj_id: rule,
  obj_type: 'migrationalert',
  obj_name: rule,
  user: 'alertmanager',
  tenant: 'system',
  batch,
  action: 'migrating',
  notes: {
    guest: { id: 'id-x', name: 'x', host: from, host_id: `id-${from}`, score: 20, vcpu_count: 8, vmem_size: 8192 },
    target_host: { id: `id-${to}`, name: to, score: 20 },
  },
});

/** b reads 20 points more than was promised, and its guests account for them. */
const loads = [
  { id: 'id-a', reading: 58, guests: 58 },
  { id: 'id-b', reading: 52, guests: 52 },
];

describe('a host that reads otherwise than was predicted', () => {
  const TOLERANCE = 10;

  it.each([
    ['another rule of the same batch', 'mem', 'batch-1'],
    ['another batch of the same rule', 'cpu', 'batch-2'],
    ['another batch of another rule', 'mem', 'batch-2'],
  ])('says nothing about its rule once %s has moved a guest there', (_whose, rule, batch) => {
    const verified = verify(pending, loads, [migrating(rule, batch, 'c', 'b')], TOLERANCE);
    expect(verified.hosts.map(({ name, superseded }) => [name, superseded ?? false])).toEqual([
      ['a', false],
      ['b', true],
    ]);
    expect(verified.outcome).toBe('as_predicted');
  });

  it('… or away from there', () => {
    expect(verify(pending, loads, [migrating('mem', 'batch-1', 'b', 'c')], TOLERANCE).outcome).toBe('as_predicted');
  });

  it('is a mistake of the rule where only its own moves of the batch have touched it', () => {
    const verified = verify(pending, loads, [migrating('cpu', 'batch-1', 'a', 'b')], TOLERANCE);
    expect(verified).toMatchObject({ outcome: 'off', off_by: 20 });
  });

  it('is one where others have moved guests between other hosts', () => {
    expect(verify(pending, loads, [migrating('mem', 'batch-1', 'c', 'd')], TOLERANCE).outcome).toBe('off');
  });
});

describe('memory that a guest was given and never held', () => {
  const GIB = 1024 ** 3;
  const onMemory = (name: string, role: 'source' | 'target', before: number, after: number): PredictedLoad => ({
    id: `id-${name}`,
    name,
    role,
    before: before * GIB,
    predicted: after * GIB,
    mem_size: 65_536,
  });
  const moved: PendingVerification = {
    ...pending,
    metric: 'mem.available',
    hosts: [onMemory('a', 'source', 6, 22), onMemory('b', 'target', 40, 24)],
  };
  const reading = (a: number, b: number) => [
    { id: 'id-a', reading: a * GIB, guests: 0 },
    { id: 'id-b', reading: b * GIB, guests: 0 },
  ];

  it('is no mistake of the prediction', () => {
    expect(verify(moved, reading(8, 38), [], 10)).toMatchObject({ outcome: 'as_predicted', off_by: 0 });
    expect(verify(moved, reading(22, 24), [], 10)).toMatchObject({ outcome: 'as_predicted', off_by: 0 });
  });

  it.each([
    ['the source has less than before', 6 - 7, 24],
    ['the target has less than if the guest held all', 22, 24 - 7],
  ])('does not excuse that %s', (_what, a, b) => {
    expect(verify(moved, reading(a, b), [], 10)).toMatchObject({ outcome: 'off' });
  });
});
