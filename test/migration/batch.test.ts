import { describe, expect, it } from 'vitest';
import { createSimulatedCloud } from '../../src/fleet/clouds/simulated.js';
import type { Simulation } from '../../src/fleet/clouds/scenario.js';
import type { Cloud } from '../../src/fleet/fleet.js';
import type { BatchRecord, Journal, MigrationRecord } from '../../src/journal/journal.js';
import type { BatchProgress, CarryOutOptions } from '../../src/migration/carry-out-options.js';
import { carryOut } from '../../src/migration/batch.js';
import { DEFAULT_WATCH_LIMITS } from '../../src/migration/watch.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { temporaryJournal } from '../support/journal.js';
import { createVirtualClock } from '../support/virtual-clock.js';

function move(name: string, from: string, to: string): MigrationRecord {
  return {
    rule: 'test-cpu',
    phase: 'planned',
    notes: {
      guest: { host: from, host_id: `id-${from}`, id: `id-${name}`, name, score: 10, vcpu_count: 8, vmem_size: 8192 },
      target_host: { id: `id-${to}`, name: to, score: 20 },
    },
  };
}

function batchOf(...migrations: MigrationRecord[]): BatchRecord {
  return { id: 'b1', sender: 'grafana', accepted_at: '2026-11-21T05:00:00.000Z', parts: [], migrations };
}

async function build(simulation: Partial<Simulation> = {}) {
  const clock = createVirtualClock();
  const snapshot = fleet(
    [host('a', 90), host('b', 20), host('c', 20)],
    [guest('g', 'a', 50), guest('h', 'a', 40), guest('i', 'a', 30)],
  );
  const cloud = createSimulatedCloud(scenario(snapshot, simulation), clock);
  const { journal, directory } = await temporaryJournal(clock);
  const progress: BatchProgress[] = [];
  const stop = new AbortController();
  const options: CarryOutOptions = {
    cloud,
    journal,
    clock,
    limits: DEFAULT_WATCH_LIMITS,
    concurrency: 1,
    onProgress: (step) => progress.push({ ...step, migration: structuredClone(step.migration) }),
    signal: stop.signal,
  };
  const story = async () =>
    (await journal.events()).map(({ action, notes }) => `${action} ${(notes as MigrationRecord['notes']).guest.name}`);
  return { clock, cloud, journal, directory, options, progress, stop, story };
}

describe('carrying out a batch', () => {
  it('moves one guest after the other and records each step', async () => {
    const { cloud, options, story } = await build();
    const batch = batchOf(move('g', 'a', 'b'), move('h', 'a', 'c'));
    await carryOut(batch, options);
    expect(await story()).toEqual(['migrating g', 'migrate_success g', 'migrating h', 'migrate_success h']);
    expect((await cloud.inventory()).guests.map(({ host_id }) => host_id)).toEqual(['id-b', 'id-c', 'id-a']);
    expect(batch.migrations.map(({ phase }) => phase)).toEqual(['succeeded', 'succeeded']);
  });

  it('starts in order, as many at once per host as it may', async () => {
    const { options, story } = await build();
    await carryOut(batchOf(move('g', 'a', 'b'), move('h', 'a', 'c'), move('i', 'a', 'b')), {
      ...options,
      concurrency: 2,
    });
    expect((await story()).slice(0, 2)).toEqual(['migrating g', 'migrating h']);
    expect((await story()).filter((line) => line.startsWith('migrate_success'))).toHaveLength(3);
  });

  it('does not lose the others when one fails', async () => {
    const { options, story, journal } = await build({ fail: ['g'] });
    await carryOut(batchOf(move('g', 'a', 'b'), move('h', 'a', 'c')), options);
    expect(await story()).toEqual(['migrating g', 'migrate_fail g', 'migrating h', 'migrate_success h']);
    const [failure] = await journal.events({ action: 'migrate_fail' });
    expect(failure?.notes).toMatchObject({ reason: expect.stringMatching(/migrate_failed/) });
  });

  it('records a refusal as migrate_error, with the cloud’s own words', async () => {
    const { options, cloud, journal } = await build();
    const refusing: Cloud = {
      ...cloud,
      startMigration: () => Promise.resolve({ accepted: false, reason: 'quota exceeded' }),
    };
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, cloud: refusing });
    expect(await journal.events()).toMatchObject([
      { action: 'migrating' },
      { action: 'migrate_error', notes: { reason: 'simulated refused: quota exceeded' } },
    ]);
  });

  it.each([
    [
      'vanished',
      (cloud: ReturnType<typeof createSimulatedCloud>): Cloud => ({
        ...cloud,
        migrationState: () => Promise.resolve({ phase: 'vanished' }),
      }),
    ],
    [
      'cannot be looked at',
      (cloud: ReturnType<typeof createSimulatedCloud>): Cloud => ({
        ...cloud,
        migrationState: () => Promise.reject(new Error('503')),
      }),
    ],
    [
      'is elsewhere by now',
      (cloud: ReturnType<typeof createSimulatedCloud>): Cloud => ({
        ...cloud,
        migrationState: () => Promise.resolve({ phase: 'settled', status: 'running', hostId: 'id-c' }),
      }),
    ],
    [
      'was shut down',
      (cloud: ReturnType<typeof createSimulatedCloud>): Cloud => ({
        ...cloud,
        migrationState: () => Promise.resolve({ phase: 'settled', status: 'ready', hostId: 'id-a' }),
      }),
    ],
    [
      'is being moved by somebody else',
      (cloud: ReturnType<typeof createSimulatedCloud>): Cloud => ({
        ...cloud,
        migrationState: () => Promise.resolve({ phase: 'moving', status: 'migrating' }),
      }),
    ],
  ])('asks for nothing when the guest %s', async (_what, change) => {
    const { options, cloud, story } = await build();
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, cloud: change(cloud) });
    expect(await story()).toEqual(['migrate_error g']);
    expect(cloud.asked.size).toBe(0);
  });

  it('looks whether a request took that had no answer, and follows it if it did', async () => {
    const { options, cloud, story } = await build();
    const torn: Cloud = {
      ...cloud,
      startMigration: async (request) => {
        await cloud.startMigration(request);
        throw new Error('socket hang up');
      },
    };
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, cloud: torn });
    expect(await story()).toEqual(['migrating g', 'migrate_success g']);
    expect(cloud.asked.get('id-g')).toBe(1);
  });

  it('does not repeat a request that had no answer and did not take', async () => {
    const { options, cloud, story } = await build();
    let requests = 0;
    const deaf: Cloud = {
      ...cloud,
      startMigration: () => {
        requests += 1;
        return Promise.reject(new Error('socket hang up'));
      },
    };
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, cloud: deaf });
    expect(requests).toBe(1);
    expect(await story()).toEqual(['migrating g', 'migrate_error g']);
  });

  it('has written that it will ask before it asks', async () => {
    const { options, cloud, directory, clock } = await build();
    const seen: (string | undefined)[] = [];
    const { openJournal } = await import('../../src/journal/lowdb/open-journal.js');
    const looking: Cloud = {
      ...cloud,
      startMigration: async (request) => {
        seen.push((await openJournal(directory, clock)).openBatch()?.migrations[0]?.phase);
        return cloud.startMigration(request);
      },
    };
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, cloud: looking });
    expect(seen).toEqual(['asking']);
  });

  it('asks for nothing that it cannot record', async () => {
    const { options, cloud, journal } = await build();
    let refuse = true;
    const failing: Journal = {
      ...journal,
      commit: (change) => {
        const isRequest = change.events?.some(({ action }) => action === 'migrating');
        if (isRequest && refuse) {
          refuse = false;
          return Promise.reject(new Error('no space left on device'));
        }
        return journal.commit(change);
      },
    };
    await carryOut(batchOf(move('g', 'a', 'b'), move('h', 'a', 'c')), { ...options, journal: failing });
    expect(cloud.asked.has('id-g')).toBe(false);
    expect(await journal.events()).toMatchObject([
      { action: 'migrate_error', notes: { reason: expect.stringMatching(/not asked for: no space left/) } },
      { action: 'migrating' },
      { action: 'migrate_success' },
    ]);
  });

  it('keeps the end of a move however long the journal refuses', async () => {
    const { options, journal, story } = await build();
    let refusals = 3;
    const failing: Journal = {
      ...journal,
      commit: (change) => {
        if (change.events?.[0]?.action === 'migrate_success' && refusals > 0) {
          refusals -= 1;
          return Promise.reject(new Error('no space left on device'));
        }
        return journal.commit(change);
      },
    };
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, journal: failing });
    expect(await story()).toEqual(['migrating g', 'migrate_success g']);
  });

  it('takes up after a restart what was under way, starts what was not, and asks for nothing twice', async () => {
    const { options, cloud, journal, stop, story } = await build();
    const first = batchOf(move('g', 'a', 'b'), move('h', 'a', 'c'));
    const interrupted = carryOut(first, {
      ...options,
      onProgress: ({ kind }) => {
        if (kind === 'state') stop.abort(new Error('killed'));
      },
    });
    await expect(interrupted).rejects.toThrow('killed');
    const left = journal.openBatch()!;
    expect(left.migrations.map(({ phase }) => phase)).toEqual(['moving', 'planned']);

    await carryOut(left, { ...options, signal: new AbortController().signal });
    expect(await story()).toEqual(['migrating g', 'migrate_success g', 'migrating h', 'migrate_success h']);
    expect(Object.fromEntries(cloud.asked)).toEqual({ 'id-g': 1, 'id-h': 1 });
  });

  it('takes a move that was being asked for when the process died as asked', async () => {
    const { options, cloud, story } = await build();
    const batch = batchOf({ ...move('g', 'a', 'b'), phase: 'asking', asked_at: '2026-11-21T05:00:00.000Z' });
    await carryOut(batch, options);
    expect(cloud.asked.size).toBe(0);
    expect(await story()).toEqual(['migrate_error g']);
    expect(batch.migrations[0]?.phase).toBe('error');
  });

  it('cancels what is under way and begins nothing more when a person wants it to stop', async () => {
    const { options, cloud, journal } = await build();
    const stop = new AbortController();
    const batch = batchOf(move('g', 'a', 'b'), move('h', 'a', 'c'));
    await carryOut(batch, {
      ...options,
      abort: stop.signal,
      onProgress: ({ kind }) => {
        if (kind === 'state') stop.abort('alice');
      },
    });
    expect(batch.migrations.map(({ phase }) => phase)).toEqual(['given_up', 'given_up']);
    expect(await journal.events()).toMatchObject([
      { action: 'migrating' },
      { action: 'migrate_fail', notes: { reason: expect.stringMatching(/cancelled by alice, seen to take/) } },
      { action: 'limited', notes: { text: 'left out: h to c; cancelled by alice' } },
    ]);
    expect((await cloud.inventory()).guests.map(({ host_id }) => host_id)).toEqual(['id-a', 'id-a', 'id-a']);
  });

  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('does not cancel a young migration after a restart with the clock set %s', async (_way, leap) => {
    const { options, cloud, clock, journal, stop } = await build();
    let cancelled = 0;
    let isAsked = false;
    // The simulated cloud goes by the clock that is set here.
    const counting: Cloud = {
      ...cloud,
      startMigration: () => {
        isAsked = true;
        return Promise.resolve({ accepted: true });
      },
      migrationState: () =>
        Promise.resolve(
          isAsked && clock.monotonic() < 8000
            ? { phase: 'moving', status: 'live_migrating' }
            : { phase: 'settled', status: 'running', hostId: isAsked ? 'id-b' : 'id-a' },
        ),
      cancelMigration: () => {
        cancelled += 1;
        return Promise.resolve();
      },
    };
    const interrupted = carryOut(batchOf(move('g', 'a', 'b')), {
      ...options,
      cloud: counting,
      onProgress: ({ kind }) => {
        if (kind === 'state' && clock.monotonic() > 3000) stop.abort(new Error('killed'));
      },
    });
    await expect(interrupted).rejects.toThrow('killed');
    const left = journal.openBatch()!;
    expect(left.migrations[0]?.followed_ms).toBeGreaterThan(3000);
    clock.set(leap);
    await carryOut(left, { ...options, cloud: counting, signal: new AbortController().signal });
    expect(left.migrations[0]?.phase).toBe('succeeded');
    expect(cancelled).toBe(0);
  });

  it('synchronises a guest that an earlier migration left as failed before it judges it', async () => {
    const { options, cloud, story } = await build();
    let isSynchronised = false;
    const left: Cloud = {
      ...cloud,
      migrationState: (request, handle) =>
        isSynchronised
          ? cloud.migrationState(request, handle)
          : Promise.resolve({ phase: 'failed', status: 'migrate_failed', reason: 'an earlier one' }),
      afterFailure: () => {
        isSynchronised = true;
        return Promise.resolve();
      },
    };
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, cloud: left });
    expect(await story()).toEqual(['migrating g', 'migrate_success g']);
  });
});

describe('a guest that somebody else is moving', () => {
  const movedByOthers = (names: readonly string[], from: string) =>
    names.map((name) => ({ id: `id-${name}`, name, hostId: `id-${from}` }));

  it.each([
    ['leaves the source', 'a'],
    ['leaves the target', 'b'],
  ])('counts against the concurrency of a host where it %s', async (_where, from) => {
    const { options, cloud, clock, story } = await build();
    const asked: number[] = [];
    const counting: Cloud = {
      ...cloud,
      startMigration: (request) => {
        asked.push(clock.monotonic());
        return cloud.startMigration(request);
      },
    };
    const arrivesAt = 45_000;
    const movingGuests = () => Promise.resolve(clock.monotonic() < arrivesAt ? movedByOthers(['x'], from) : []);
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, cloud: counting, movingGuests });
    expect(await story()).toEqual(['migrating g', 'migrate_success g']);
    expect(asked[0]).toBeGreaterThanOrEqual(arrivesAt);
  });

  it('counts against what the rule lets leave its source at once', async () => {
    const { options, clock, progress } = await build();
    const arrivesAt = 45_000;
    let askedAt: number | undefined;
    await carryOut(batchOf(move('g', 'a', 'b')), {
      ...options,
      concurrency: 5,
      perHost: { source: 1 },
      movingGuests: () => Promise.resolve(clock.monotonic() < arrivesAt ? movedByOthers(['x'], 'a') : []),
      onProgress: (step) => {
        progress.push(step);
        if (step.kind === 'asked') askedAt = clock.monotonic();
      },
    });
    expect(askedAt).toBeGreaterThanOrEqual(arrivesAt);
  });

  it('holds nothing up on other hosts, nor where there is room beside it', async () => {
    const { options, story, clock } = await build();
    const movingGuests = () => Promise.resolve([...movedByOthers(['x'], 'a'), ...movedByOthers(['y', 'z'], 'c')]);
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, concurrency: 2, movingGuests });
    expect(await story()).toEqual(['migrating g', 'migrate_success g']);
    expect(clock.monotonic()).toBeLessThan(30_000);
  });

  it('does not hold a move up for ever: it is left out, and says for whom', async () => {
    const { options, cloud, journal } = await build();
    const movingGuests = () => Promise.resolve(movedByOthers(['x'], 'a'));
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, movingGuests });
    expect(cloud.asked.size).toBe(0);
    expect(await journal.events()).toMatchObject([
      { action: 'limited', notes: { text: 'left out: g to b; guest x is being moved by others, and takes the room' } },
    ]);
  });

  it('holds a batch up once, and not each of its moves', async () => {
    const { options, cloud, journal, clock } = await build();
    const movingGuests = () => Promise.resolve(movedByOthers(['x'], 'a'));
    await carryOut(batchOf(move('g', 'a', 'b'), move('h', 'a', 'c'), move('i', 'a', 'b')), {
      ...options,
      movingGuests,
    });
    expect(cloud.asked.size).toBe(0);
    expect(await journal.events({ action: 'limited' })).toHaveLength(3);
    expect(clock.monotonic()).toBeLessThan(310_000);
  });

  it('does not keep a batch from ending that a person has stopped', async () => {
    const { options, journal, clock } = await build();
    const movingGuests = () => Promise.resolve(movedByOthers(['x'], 'a'));
    const closed = () => (clock.monotonic() < 20_000 ? undefined : 'stopped by alice');
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, movingGuests, closed });
    expect(clock.monotonic()).toBeLessThan(22_000);
    expect(await journal.events()).toMatchObject([{ notes: { text: 'left out: g to b; stopped by alice' } }]);
  });

  it('is none of those that the batch has moved itself, though an older look still shows them', async () => {
    const { options, story, clock } = await build();
    const movingGuests = () => Promise.resolve(movedByOthers(['g'], 'a'));
    await carryOut(batchOf(move('g', 'a', 'b'), move('h', 'a', 'c')), { ...options, movingGuests });
    expect(await story()).toEqual(['migrating g', 'migrate_success g', 'migrating h', 'migrate_success h']);
    expect(clock.monotonic()).toBeLessThan(120_000);
  });
});

describe('a move of an earlier batch that was given up and is still followed', () => {
  const leftBehind = async (journal: Journal) => {
    const { rule, notes } = move('x', 'a', 'c');
    const since = '2026-11-21T05:00:00.000Z';
    const givenUp = { batch: 'b0', rule, notes, cancel: false, since };
    await journal.commit({ memory: (memory) => ({ ...memory, underWay: [givenUp] }) });
    return async (arrived: boolean) => {
      const event = { obj_name: rule, user: 'system', action: 'migrate_success' as const, notes, batch: 'b0' };
      await journal.commit({
        ...(arrived && { events: [event] }),
        memory: (memory) => ({ ...memory, underWay: [] }),
      });
    };
  };

  it.each([
    ['arrives', true, 'left out: g to b; guest x has left host a after all, which the plan did not count on'],
    ['is over without having moved', false, undefined],
  ])('that %s while another waits to leave the same host', async (_what, arrives, text) => {
    const { options, journal, clock } = await build();
    const endIt = await leftBehind(journal);
    const overtaken: string[] = [];
    let isOver = false;
    const movingGuests = async () => {
      // While the batch waits for this answer nobody sleeps, so that no time passes.
      if (clock.monotonic() >= 20_000 && !isOver) {
        isOver = true;
        await endIt(arrives);
      }
      return [];
    };
    const onOvertaken = (rule: string) => overtaken.push(rule);
    await carryOut(batchOf(move('g', 'a', 'b')), { ...options, movingGuests, onOvertaken });
    expect(await journal.events({ action: 'migrating' })).toHaveLength(arrives ? 0 : 1);
    expect(overtaken).toEqual(arrives ? ['test-cpu'] : []);
    const [left] = await journal.events({ action: 'limited' });
    expect(left?.notes).toEqual(text === undefined ? undefined : expect.objectContaining({ text }));
  });
});
