import { describe, expect, it } from 'vitest';
import { failedBefore } from '../../src/constraints/index.js';
import type { JournalEvent, MigrationNotes } from '../../src/journal/events.js';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-21T12:00:00Z');

let ids = 0;
/** A move that the cloud was asked for so long ago, and how it ended. */
function attempt(
  guest: string,
  target: string,
  hoursAgo: number,
  told: Partial<MigrationNotes> | 'success',
): JournalEvent[] {
  ids += 1;
  const notes: MigrationNotes = {
    guest: { host: 'a', host_id: 'id-a', id: `id-${guest}`, name: guest, score: 10, vcpu_count: 8, vmem_size: 8192 },
    target_host: { id: `id-${target}`, name: target, score: 20 },
  };
  const columns = {
    id: ids,
    ops_time: new Date(NOW - hoursAgo * HOUR).toISOString(),
    obj_id: 'r',
    obj_type: 'migrationalert',
    obj_name: 'r',
    user: 'grafana',
    tenant: 'system',
    batch: `b${ids}`,
  } as const;
  const ended =
    told === 'success'
      ? { ...columns, action: 'migrate_success' as const, notes }
      : { ...columns, action: 'migrate_fail' as const, notes: { ...notes, reason: 'no', ...told } };
  return [{ ...columns, action: 'migrating', notes }, ended];
}

const ruledOut = (...attempts: JournalEvent[][]) =>
  failedBefore(attempts.flat(), NOW).map(({ guestId = '*', hostId = '*' }) => `${guestId} ${hostId}`);

describe('failures that the cloud does not explain', () => {
  it('are held against the guest when they come twice within a day', () => {
    expect(ruledOut(attempt('g', 'b', 2, {}))).toEqual([]);
    expect(ruledOut(attempt('g', 'b', 2, {}), attempt('g', 'c', 1, {}))).toEqual(['id-g *']);
  });
});

describe('failures that are about this guest on this host', () => {
  it('rule out only that, from the first on, for a day', () => {
    const pair = { concerns: 'pair' } as const;
    expect(ruledOut(attempt('g', 'b', 2, pair), attempt('g', 'c', 1, pair))).toEqual(['id-g id-b', 'id-g id-c']);
    expect(ruledOut(attempt('g', 'b', 25, pair))).toEqual([]);
  });
});

describe('failures that are a fault of the target', () => {
  const target = { concerns: 'target' } as const;

  it('leave the host out for an hour when they come twice, whichever guests they were, and no guest', () => {
    expect(ruledOut(attempt('g', 'b', 0.6, target))).toEqual([]);
    expect(ruledOut(attempt('g', 'b', 0.6, target), attempt('h', 'b', 0.5, target))).toEqual(['* id-b']);
    expect(ruledOut(attempt('g', 'b', 3, target), attempt('g', 'b', 2, target))).toEqual([]);
  });

  it('are told with a sentence of their own', () => {
    const [exclusion] = failedBefore([...attempt('g', 'b', 0.6, target), ...attempt('h', 'b', 0.5, target)], NOW);
    expect(exclusion?.text).toBe(
      'left out until 2026-11-21T12:30:00.000Z: migrations to it failed repeatedly, by a fault of its own',
    );
  });

  it('are cleared by a guest that arrives there', () => {
    expect(
      ruledOut(attempt('g', 'b', 0.6, target), attempt('i', 'b', 0.55, 'success'), attempt('h', 'b', 0.5, target)),
    ).toEqual([]);
  });
});

describe('what says nothing', () => {
  it('are moves that a person had cancelled', () => {
    const cancelled = { cancelled: true } as const;
    expect(ruledOut(attempt('g', 'b', 2, cancelled), attempt('g', 'b', 1, cancelled))).toEqual([]);
  });

  it('are rows from a time that has not come', () => {
    expect(ruledOut(attempt('g', 'b', -30, {}), attempt('g', 'b', -31, {}))).toEqual([]);
  });
});
