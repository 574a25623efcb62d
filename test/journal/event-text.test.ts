import { describe, expect, it } from 'vitest';
import type { NewEvent } from '../../src/journal/events.js';
import { EVENT_ACTIONS } from '../../src/journal/events.js';
import { textOf } from '../../src/journal/event-text.js';
import type { MigrationNotes } from '../../src/journal/notes.js';

const move: MigrationNotes = {
  guest: {
    host: 'a15',
    host_id: '733b',
    id: 'a310',
    name: 'aisenzhe',
    score: 10.769393333333335,
    vcpu_count: 8,
    vmem_size: 8192,
  },
  target_host: { id: '6fc1', name: 'test-66-onecloud02', score: 22.65071999099409 },
};
const base = { obj_name: 'test-cpu', user: 'alice' };
const load = { id: '733b', name: 'a15', role: 'source' as const, before: 70.123, predicted: 59.354 };

describe('what an event says to people', () => {
  it.each<[string, NewEvent]>([
    [
      'guest aisenzhe (8 vCPUs, 8 GiB) goes from a15 to test-66-onecloud02',
      { ...base, action: 'migrating', notes: move },
    ],
    [
      'guest aisenzhe (8 vCPUs, 8 GiB) has moved from a15 to test-66-onecloud02',
      { ...base, action: 'migrate_success', notes: move },
    ],
    [
      'guest aisenzhe (8 vCPUs, 8 GiB) did not move from a15 to test-66-onecloud02: the cloud refused',
      { ...base, action: 'migrate_error', notes: { ...move, reason: 'the cloud refused' } },
    ],
    ['the batch ended with a fault: x', { ...base, action: 'migrate_error', notes: 'the batch ended with a fault: x' }],
    [
      'find result to migrate: not found target for guest g: [host:h:current(55.3) + guest:g:score(59.7) >= threshold(60)]',
      {
        ...base,
        action: 'find_result_fail',
        notes:
          'find result to migrate: not found target for guest g: [host:h:current(55.313408) + guest:g:score(59.681970) >= threshold(60.000000)]',
      },
    ],
    [
      'host h:current(100 GiB) is read from 192.168.10.22:9095 by v1.20.30 at 2026-11-21T05:00:00.000Z',
      {
        ...base,
        action: 'partial',
        notes: 'host h:current(107374182400) is read from 192.168.10.22:9095 by v1.20.30 at 2026-11-21T05:00:00.000Z',
      },
    ],
    [
      'plan p1 waits for an approval until 2026-11-22T05:00:00Z: aisenzhe from a15 to test-66-onecloud02 (8 GiB), which does not relieve every host',
      {
        ...base,
        action: 'recommended',
        notes: {
          plan: 'p1',
          outcome: 'partial',
          cost: 8192,
          expires_at: '2026-11-22T05:00:00Z',
          migrations: [move],
        },
      },
    ],
    [
      'plan p1 was approved by alice; no longer needed: g, h',
      { ...base, action: 'approved', notes: { plan: 'p1', no_longer_needed: ['g', 'h'] } },
    ],
    ['left out: g', { ...base, action: 'limited', notes: { text: 'left out: g', left_out: [move] } }],
    ['7 more in a storm', { ...base, action: 'dropped', notes: { count: 7, text: '7 more in a storm' } }],
    [
      'the prediction was off, by 12.3 points at most: a15 reads 71.7 % (59.4 % predicted, 70.1 % before)',
      {
        ...base,
        action: 'verified',
        notes: {
          batch: 'b1',
          metric: 'cpu.usage_active',
          hosts: [{ ...load, actual: 71.654, error: 12.3 }],
          off_by: 12.3,
          outcome: 'off',
        },
      },
    ],
    [
      'rule test-cpu was added: cpu.usage_active, threshold 60',
      { ...base, action: 'create', notes: { metric: 'cpu.usage_active', threshold: 60 } },
    ],
    [
      'plan p1 of rule test-cpu was dismissed by alice: no',
      { ...base, action: 'dismissed', notes: { plan: 'p1', reason: 'no' } },
    ],
  ])('%s', (text, event) => {
    expect(textOf(event)).toBe(text);
  });

  it.each(EVENT_ACTIONS)('%s: notes of another version still come out as a sentence', (action) => {
    for (const notes of [{}, { guest: 1 }, { hosts: null }, null, 7, [], 'said']) {
      const text = textOf({ ...base, action, notes } as unknown as NewEvent);
      expect(text).not.toBe('');
      expect(text).not.toContain('undefined');
    }
  });
});
