import { describe, expect, it, onTestFinished } from 'vitest';
import { createService } from '../../src/app/service.js';
import type { Cloud, MigrationState } from '../../src/fleet/fleet.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { readKnown } from '../../src/intake/known.js';
import type { Journal } from '../../src/journal/journal.js';
import { alert, build, roomy, rule } from '../support/service.js';
import { type HeldClock, type VirtualClock, holdLongSleeps } from '../support/virtual-clock.js';

/** A cloud that takes every move on, says that the guest rests on its source, and only begins when it is told to. */
async function lateBeginning(over: Partial<Cloud> = {}) {
  const requests: string[] = [];
  let state: MigrationState | undefined;
  let held: HeldClock | undefined;
  const world = await build({
    scenario: roomy(),
    rules: [rule({ cooldown: '1m' })],
    over: ({ cloud, clock }) => {
      // The pauses of a batch are shorter: what follows it waits until it is let go.
      held = holdLongSleeps(clock as VirtualClock, 10_001);
      const rest: Cloud = { ...cloud };
      delete rest.cancelMigration;
      return {
        clock: held,
        cloud: {
          ...rest,
          startMigration: ({ guest, target }) => {
            requests.push(`${guest.name} to ${target.name}`);
            return Promise.resolve({ accepted: true });
          },
          migrationState: ({ guest, source }) =>
            Promise.resolve(
              (guest.name === 'g' ? state : undefined) ?? { phase: 'settled', status: 'running', hostId: source.id },
            ),
          ...over,
        },
      };
    },
  });
  onTestFinished(() => world.service.stop());
  const alertAgain = async (on = world.service) => {
    const answer = await on.handleAlerts([alert('a')]);
    await on.idle();
    return answer;
  };
  return {
    ...world,
    requests,
    alertAgain,
    letGo: () => held?.letGo(),
    become: (next: MigrationState) => (state = next),
  };
}

async function untilNothingIsFollowed(journal: Journal, clock: VirtualClock, letGo: () => void) {
  letGo();
  while (journal.memory().underWay.length > 0) await clock.sleep(1000);
}

const followed = (journal: Journal) => journal.memory().underWay.map(({ notes }) => notes.guest.name);

describe('a move that the cloud has taken on and that does not begin within the grace', () => {
  it('is recorded as failed and still followed', async () => {
    const { journal, alertAgain, requests } = await lateBeginning();
    await alertAgain();
    expect(requests[0]).toBe('g to b');
    expect(followed(journal)).toContain('g');
    const [failure] = await journal.events({ action: 'migrate_fail' });
    expect(failure?.notes).toMatchObject({
      guest: { name: 'g' },
      reason: expect.stringMatching(/did not begin within 30 s: the cancellation did not take; still followed/),
    });
  });

  it('is not asked for again, by whichever alert, nor after a restart', async () => {
    const { alertAgain, requests, service, options, journal } = await lateBeginning();
    await alertAgain();
    await alertAgain();
    expect(requests.filter((each) => each.startsWith('g '))).toEqual(['g to b']);
    await service.stop();
    const second = createService({ ...options, journal, busy: createBusy() });
    onTestFinished(() => second.stop());
    await second.recover();
    await alertAgain(second);
    expect(requests.filter((each) => each.startsWith('g '))).toEqual(['g to b']);
    expect(new Set(requests).size).toBe(requests.length);
  });

  it('keeps its load booked on its target', async () => {
    const { alertAgain, journal, clock } = await lateBeginning();
    await alertAgain();
    const { underWay } = await readKnown(journal, rule(), { migrations: [] }, clock.now());
    expect(underWay).toContainEqual({ guestId: 'id-g', sourceId: 'id-a', targetId: 'id-b' });
  });

  it('is recorded as arrived when it comes late, and let go', async () => {
    const { alertAgain, journal, clock, letGo, become } = await lateBeginning();
    await alertAgain();
    become({ phase: 'settled', status: 'running', hostId: 'id-b' });
    await untilNothingIsFollowed(journal, clock, letGo);
    const [arrival] = await journal.events({ action: 'migrate_success' });
    expect(arrival).toMatchObject({
      obj_name: 'test-cpu',
      user: 'system',
      batch: 'batch-1',
      notes: { guest: { name: 'g' }, reason: 'guest g came to b late, after it had been given up' },
    });
  });

  it('is let go when the cloud says that it has failed', async () => {
    const { alertAgain, journal, clock, letGo, become, log } = await lateBeginning();
    await alertAgain();
    become({ phase: 'failed', status: 'migrate_failed', reason: 'no route' });
    await untilNothingIsFollowed(journal, clock, letGo);
    expect(log.map(({ message }) => message).join('\n')).toMatch(
      /over now: guest g is in status migrate_failed: no route/,
    );
    expect(await journal.events({ action: 'migrate_success' })).toEqual([]);
  });

  it('is let go when it was seen to move and is back on its source', async () => {
    const { alertAgain, journal, clock, letGo, become, log } = await lateBeginning();
    await alertAgain();
    become({ phase: 'moving', status: 'live_migrating' });
    letGo();
    await clock.sleep(120_000);
    expect(followed(journal)).toContain('g');
    become({ phase: 'settled', status: 'running', hostId: 'id-a' });
    await untilNothingIsFollowed(journal, clock, letGo);
    expect(log.map(({ message }) => message).join('\n')).toMatch(/over now: guest g is running on its source a again/);
  });
});

describe('a move that took too long and could not be cancelled', () => {
  it('is followed and cancelled again until that is seen to take', async () => {
    let isStubborn = true;
    let at: MigrationState = { phase: 'moving', status: 'live_migrating' };
    const { alertAgain, journal, clock, letGo, log } = await lateBeginning({
      migrationState: ({ source }, handle) =>
        Promise.resolve(
          // Without a handle it is the look before asking.
          handle === undefined ? { phase: 'settled', status: 'running', hostId: source.id } : at,
        ),
      startMigration: () => Promise.resolve({ accepted: true, handle: 'job-1' }),
      cancelMigration: () => {
        if (isStubborn) return Promise.reject(new Error('not now'));
        at = { phase: 'settled', status: 'running', hostId: 'id-a' };
        return Promise.resolve();
      },
    });
    await alertAgain();
    const [failure] = await journal.events({ action: 'migrate_fail' });
    expect(failure?.notes).toMatchObject({
      reason: expect.stringMatching(/after 1800 s: the cancellation did not take; still followed \(not now\)$/),
    });
    expect(followed(journal)).not.toEqual([]);
    isStubborn = false;
    await untilNothingIsFollowed(journal, clock, letGo);
    expect(log.map(({ message }) => message).join('\n')).toMatch(
      /over now: cancelled, seen to take; it is running on host a/,
    );
  });
});

describe('a move that the cloud has taken on and that never begins', () => {
  /** A cloud in which a move waits for days before it begins. */
  const late = (cancelMigration?: Cloud['cancelMigration']) =>
    lateBeginning({ ...(cancelMigration && { cancelMigration }) });

  it('is not let go by time alone: whoever asked again would have it moved twice', async () => {
    const { journal, alertAgain, clock, letGo, become, requests } = await late();
    await alertAgain();
    letGo();
    await clock.sleep(3 * 24 * 3_600_000);
    expect(followed(journal)).toContain('g');
    const { underWay } = await readKnown(journal, rule(), { migrations: [] }, clock.now());
    expect(underWay).toContainEqual({ guestId: 'id-g', sourceId: 'id-a', targetId: 'id-b' });
    await alertAgain();
    expect(requests.filter((each) => each.startsWith('g '))).toEqual(['g to b']);
    become({ phase: 'settled', status: 'running', hostId: 'id-b' });
    while (followed(journal).includes('g')) await clock.sleep(1000);
    expect(await journal.events({ action: 'migrate_success' })).toMatchObject([{ notes: { guest: { name: 'g' } } }]);
  });

  it('is cancelled again from time to time, and let go once that is seen to take', async () => {
    const refused: number[] = [];
    let isStubborn = true;
    const time: { clock?: VirtualClock } = {};
    const { journal, alertAgain, clock, letGo, log } = await late(({ guest: { name } }) => {
      if (!isStubborn) return Promise.resolve();
      if (name === 'g') refused.push(time.clock?.monotonic() ?? 0);
      return Promise.reject(new Error('a task of the guest is open'));
    });
    time.clock = clock;
    await alertAgain();
    letGo();
    await clock.sleep(24 * 3_600_000);
    expect(followed(journal)).toContain('g');
    // At first after minutes, then every hour.
    expect(refused.length).toBeGreaterThan(20);
    expect(refused.length).toBeLessThan(40);
    isStubborn = false;
    while (followed(journal).includes('g')) await clock.sleep(60_000);
    expect(log.map(({ message }) => message).join('\n')).toMatch(
      /over now: cancelled, seen to take; it is running on host a/,
    );
  });
});
