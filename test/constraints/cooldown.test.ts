import { describe, expect, it } from 'vitest';
import type { JournalEvent } from '../../src/journal/events.js';
import { cooldownExclusions, recentMoves } from '../../src/constraints/index.js';

const MINUTE = 60_000;
const NOW = Date.parse('2026-11-21T05:00:00Z');

function arrival(minutesAgo: number, over: Partial<JournalEvent> = {}): JournalEvent {
  return {
    id: 1,
    ops_time: new Date(NOW - minutesAgo * MINUTE).toISOString(),
    obj_id: 'r',
    obj_type: 'migrationalert',
    obj_name: 'r',
    user: 'grafana',
    tenant: 'system',
    action: 'migrate_success',
    notes: {
      guest: { host: 'a', host_id: 'id-a', id: 'id-g', name: 'g', score: 1, vcpu_count: 1, vmem_size: 1 },
      target_host: { id: 'id-b', name: 'b', score: 1 },
    },
    ...over,
  } as JournalEvent;
}

const reasonsAfter = (minutesAgo: number) =>
  cooldownExclusions(recentMoves([arrival(minutesAgo)]), NOW, { cooldownMs: 60 * MINUTE, restMs: 5 * MINUTE }).map(
    ({ guestId, hostId, reason }) => ({ guestId, hostId, reason }),
  );

const stays = { guestId: 'id-g', hostId: undefined, reason: 'cooldown' };
const keepsAway = { guestId: 'id-g', hostId: 'id-a', reason: 'returning' };
const rests = { guestId: undefined, hostId: 'id-b', reason: 'resting' };

describe('what a move rules out', () => {
  it.each([
    [0, [stays, keepsAway, rests]],
    [5, [stays, keepsAway, rests]],
    [6, [stays, keepsAway]],
    [60, [stays, keepsAway]],
    [61, [keepsAway]],
    [120, [keepsAway]],
    [121, []],
  ])('%i minutes later, with a cooldown of an hour and a period of five minutes', (minutesAgo, expected) => {
    expect(reasonsAfter(minutesAgo)).toEqual(expected);
  });

  it('says why in words that go behind the name', () => {
    const texts = cooldownExclusions(recentMoves([arrival(4)]), NOW, { cooldownMs: 60 * MINUTE, restMs: 5 * MINUTE });
    expect(texts.map(({ text }) => text)).toEqual([
      'moved here from a 4 min ago, stays for 60 min',
      'left this host 4 min ago, keeps away for 120 min',
      'took in a guest 4 min ago, rests for 5 min',
    ]);
  });

  it('is nothing where no guest arrived', () => {
    expect(recentMoves([arrival(1, { action: 'migrate_fail' }), arrival(1, { notes: 'words' })])).toEqual([]);
  });
});
