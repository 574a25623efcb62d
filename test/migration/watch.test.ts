import { describe, expect, it } from 'vitest';
import type { Cloud, MigrationRequest, MigrationState } from '../../src/fleet/fleet.js';
import { DEFAULT_WATCH_LIMITS, watchMigration } from '../../src/migration/watch.js';
import { guest } from '../support/fleet.js';
import { createVirtualClock } from '../support/virtual-clock.js';

const request: MigrationRequest = {
  guest: guest('g', 'a', 50),
  source: { id: 'id-a', name: 'a' },
  target: { id: 'id-b', name: 'b' },
};
const moving: MigrationState = { phase: 'moving', status: 'live_migrating', progress: 10 };
const on = (host: string): MigrationState => ({ phase: 'settled', status: 'running', hostId: `id-${host}` });

/** A cloud that tells one state after the other, the last one for ever. An Error is thrown. */
function telling(states: (MigrationState | Error)[], over: Partial<Cloud> = {}) {
  let looks = 0;
  const cloud: Cloud = {
    name: 'told',
    inventory: () => Promise.reject(new Error('not asked in these tests')),
    startMigration: () => Promise.reject(new Error('a watcher must never start a migration')),
    migrationState: () => {
      const state = states[Math.min(looks, states.length - 1)]!;
      looks += 1;
      return state instanceof Error ? Promise.reject(state) : Promise.resolve(state);
    },
    ...over,
  };
  return { cloud, looks: () => looks };
}

function watch(
  cloud: Cloud,
  over: { followedMs?: number; signal?: AbortSignal; abort?: AbortSignal; onError?: (error: unknown) => void } = {},
) {
  const clock = createVirtualClock();
  const ending = watchMigration({
    cloud,
    clock,
    limits: DEFAULT_WATCH_LIMITS,
    request,
    handle: undefined,
    followedMs: over.followedMs ?? 0,
    signal: over.signal ?? new AbortController().signal,
    abort: over.abort,
    ...(over.onError && { onError: over.onError }),
  });
  return { ending, clock };
}

describe('watching a migration', () => {
  it('succeeds only when the guest has come to rest on the target', async () => {
    expect(await watch(telling([moving, moving, on('b')]).cloud).ending).toEqual({ outcome: 'success' });
  });

  it('fails when the guest is back on its source', async () => {
    expect(await watch(telling([moving, on('a')]).cloud).ending).toMatchObject({
      outcome: 'failed',
      reason: 'back_on_source',
    });
  });

  it('is not misled by a look or two at rest on the source, as when somebody synchronises the status of a guest that moves', async () => {
    expect(await watch(telling([moving, on('a'), moving, on('a'), on('a'), moving, on('b')]).cloud).ending).toEqual({
      outcome: 'success',
    });
    const { cloud, looks } = telling([moving, on('a')]);
    expect(await watch(cloud).ending).toMatchObject({ reason: 'back_on_source' });
    expect(looks()).toBe(4);
  });

  it('fails when the guest is on a third host, and names it', async () => {
    const ending = await watch(telling([moving, on('c')]).cloud).ending;
    expect(ending).toMatchObject({ outcome: 'failed', reason: 'third_host', text: expect.stringContaining('id-c') });
  });

  it('fails with the cloud’s own words', async () => {
    const state: MigrationState = { phase: 'failed', status: 'migrate_failed', reason: 'no route to host' };
    const ending = await watch(telling([moving, state]).cloud).ending;
    expect(ending).toMatchObject({
      reason: 'cloud_failed',
      text: expect.stringMatching(/migrate_failed: no route to host/),
    });
  });

  it('gives a guest that has not begun to move some time, and then no more', async () => {
    expect(await watch(telling([on('a'), on('a'), on('a'), moving, on('b')]).cloud).ending).toEqual({
      outcome: 'success',
    });
    const { ending, clock } = watch(telling([on('a')]).cloud);
    const start = clock.now();
    expect(await ending).toMatchObject({ outcome: 'failed', reason: 'never_started' });
    expect(clock.now() - start).toBeGreaterThanOrEqual(DEFAULT_WATCH_LIMITS.startGraceMs);
  });

  it('needs to miss the guest several times in a row before it calls it gone', async () => {
    const gone: MigrationState = { phase: 'vanished' };
    expect(await watch(telling([moving, gone, gone, moving, on('b')]).cloud).ending).toEqual({ outcome: 'success' });
    expect(await watch(telling([moving, gone, gone, gone]).cloud).ending).toMatchObject({ reason: 'vanished' });
  });

  it('goes on when the cloud does not answer', async () => {
    const errors: unknown[] = [];
    const { cloud } = telling([moving, new Error('502'), new Error('timeout'), moving, on('b')]);
    expect(await watch(cloud, { onError: (error) => errors.push(error) }).ending).toEqual({ outcome: 'success' });
    expect(errors).toHaveLength(2);
  });

  it('looks less and less often, up to the longest pause', async () => {
    const { cloud, looks } = telling([moving]);
    await watch(cloud).ending;
    const { timeLimitMs, longestPauseMs } = DEFAULT_WATCH_LIMITS;
    expect(looks()).toBeLessThan(timeLimitMs / longestPauseMs + 30);
    expect(looks()).toBeGreaterThan(timeLimitMs / longestPauseMs);
  });

  it('cancels a migration that takes too long and tells where the guest is', async () => {
    const states: MigrationState[] = [moving];
    const { cloud } = telling(states, {
      cancelMigration: () => {
        states[0] = on('a');
        return Promise.resolve();
      },
    });
    const ending = await watch(cloud).ending;
    expect(ending).toMatchObject({
      outcome: 'failed',
      reason: 'timed_out',
      text: expect.stringMatching(/cancelled after 1800 s.*on host a/),
    });
  });

  it('calls it a success when the guest arrived just before it was cancelled', async () => {
    const states: MigrationState[] = [moving];
    const { cloud } = telling(states, {
      cancelMigration: () => {
        states[0] = on('b');
        return Promise.reject(new Error('no such job'));
      },
    });
    expect(await watch(cloud).ending).toEqual({ outcome: 'success' });
  });

  it('cancels again while the cloud refuses and the migration goes on', async () => {
    const states: MigrationState[] = [moving];
    let refusals = 3;
    const { cloud } = telling(states, {
      cancelMigration: () => {
        if (refusals-- > 0) return Promise.reject(new Error('it is only accepted'));
        states[0] = on('a');
        return Promise.resolve();
      },
    });
    expect(await watch(cloud).ending).toMatchObject({
      reason: 'timed_out',
      text: expect.stringMatching(/was cancelled after 1800 s, seen to take; it is running on host a$/),
    });
  });

  it('never calls cancelled what the cloud has refused to cancel', async () => {
    const { cloud } = telling([moving], { cancelMigration: () => Promise.reject(new Error('it is only accepted')) });
    const ending = await watch(cloud).ending;
    expect(ending).toMatchObject({
      reason: 'timed_out',
      stillUnderWay: true,
      text: expect.stringMatching(/the cancellation did not take; still followed \(it is only accepted\)$/),
    });
    expect(ending).toMatchObject({ text: expect.not.stringMatching(/was cancelled/) });
  });

  it('does not take the word of a cloud that says it has cancelled while the guest goes on moving', async () => {
    const ending = await watch(telling([moving], { cancelMigration: () => Promise.resolve() }).cloud).ending;
    expect(ending).toMatchObject({
      stillUnderWay: true,
      text: expect.stringMatching(/did not take; still followed \(it is in phase moving\)$/),
    });
  });

  it('is not misled by a look at rest on the source while a cancellation is refused', async () => {
    const states = [moving, on('a'), moving, on('b')];
    let looks = 0;
    const { cloud } = telling([], {
      migrationState: () => Promise.resolve(states[Math.min(looks++, states.length - 1)]!),
      cancelMigration: () => Promise.reject(new Error('it is only accepted')),
    });
    const followedMs = DEFAULT_WATCH_LIMITS.timeLimitMs;
    expect(await watch(cloud, { followedMs }).ending).toEqual({ outcome: 'success' });
  });

  it('tells how a migration has ended by itself that could not be cancelled', async () => {
    const states: MigrationState[] = [moving];
    const { cloud } = telling(states, {
      cancelMigration: () => {
        states[0] = { phase: 'failed', status: 'error', reason: 'the copy broke off' };
        return Promise.reject(new Error('it has ended'));
      },
    });
    expect(await watch(cloud).ending).toMatchObject({
      reason: 'cloud_failed',
      text: expect.stringMatching(/the copy broke off/),
    });
  });

  it('counts the time limit from when the cloud was asked, over a restart too', async () => {
    const { cloud, looks } = telling([moving]);
    const followedMs = DEFAULT_WATCH_LIMITS.timeLimitMs;
    expect(await watch(cloud, { followedMs }).ending).toMatchObject({ reason: 'timed_out' });
    expect(looks()).toBeLessThan(10);
  });

  it.each([
    ['forward', 86_400_000],
    ['back', -86_400_000],
  ])('neither ends sooner nor later when the clock of the machine is set %s', async (_way, leap) => {
    const usual = watch(telling([moving]).cloud);
    await usual.ending;
    const { cloud } = telling([moving], {
      migrationState: () => {
        if (clock.monotonic() > 60_000 && clock.monotonic() < 70_000) clock.set(leap);
        return Promise.resolve(moving);
      },
    });
    const { ending, clock } = watch(cloud);
    expect(await ending).toMatchObject({ reason: 'timed_out' });
    expect(clock.monotonic()).toBe(usual.clock.monotonic());
  });

  it('lets go at once when the process is going down', async () => {
    const stop = new AbortController();
    const { cloud } = telling([moving], {
      migrationState: () => {
        stop.abort(new Error('going down'));
        return Promise.resolve(moving);
      },
    });
    await expect(watch(cloud, { signal: stop.signal }).ending).rejects.toThrow('going down');
  });

  describe('that the cloud has taken on and that does not begin', () => {
    it('is cancelled, so that it does not begin later', async () => {
      let cancelled = 0;
      const { cloud } = telling([on('a')], {
        cancelMigration: () => {
          cancelled += 1;
          return Promise.resolve();
        },
      });
      const ending = await watch(cloud).ending;
      expect(ending).toEqual({
        outcome: 'failed',
        reason: 'never_started',
        text: 'migration of g was cancelled as it did not begin within 30 s, seen to take; it is running on host a',
      });
      expect(cancelled).toBe(1);
    });

    it.each([
      ['cannot cancel', {}, /did not take; still followed \(told cannot cancel\)$/],
      [
        'refuses to',
        { cancelMigration: () => Promise.reject(new Error('no record of it yet')) },
        /did not take; still followed \(no record of it yet\)$/,
      ],
    ])('may still begin where the cloud %s', async (_what, over, text) => {
      expect(await watch(telling([on('a')], over).cloud).ending).toMatchObject({
        reason: 'never_started',
        stillUnderWay: true,
        text: expect.stringMatching(text),
      });
    });

    it('is followed on where it begins just then', async () => {
      let ahead: MigrationState[] = [];
      const { cloud } = telling([], {
        migrationState: () => Promise.resolve(ahead.shift() ?? on('a')),
        cancelMigration: () => {
          ahead = [moving, moving, moving, on('b')];
          return Promise.reject(new Error('it is about to begin'));
        },
      });
      expect(await watch(cloud).ending).toEqual({ outcome: 'success' });
    });
  });

  describe('when a person wants it cancelled', () => {
    it('is cancelled at once, and that is seen', async () => {
      const stop = new AbortController();
      const states: MigrationState[] = [moving];
      const { cloud } = telling(states, {
        cancelMigration: () => {
          states[0] = on('a');
          return Promise.resolve();
        },
      });
      const { ending, clock } = watch(cloud, { abort: stop.signal });
      await clock.sleep(3000);
      stop.abort('alice');
      const since = clock.monotonic();
      expect(await ending).toEqual({
        outcome: 'failed',
        reason: 'cancelled',
        text: 'migration of g was cancelled by alice, seen to take; it is running on host a',
      });
      expect(clock.monotonic() - since).toBeLessThan(5000);
    });

    it('is told that it did not take where the guest goes on', async () => {
      const { cloud } = telling([moving], { cancelMigration: () => Promise.reject(new Error('not now')) });
      expect(await watch(cloud, { abort: AbortSignal.abort('alice') }).ending).toEqual({
        outcome: 'failed',
        reason: 'cancelled',
        stillUnderWay: true,
        text: 'migration of g was to be cancelled by alice: the cancellation did not take; still followed (not now)',
      });
    });

    it('arrives all the same where it was there already', async () => {
      const { cloud } = telling([on('b')], {});
      expect(await watch(cloud, { abort: AbortSignal.abort('alice') }).ending).toEqual({ outcome: 'success' });
    });
  });
});
