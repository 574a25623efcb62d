import { describe, expect, it } from 'vitest';
import type { Service, ServiceOptions } from '../../src/app/service.js';
import { createService } from '../../src/app/service.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import type { Rule, RuleFile } from '../../src/rules/rule.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert, build, rule } from '../support/service.js';

/** A host with three guests that must all go, one after the other. */
const crowded = () =>
  scenario(
    fleet(
      [host('a', 88), host('b', 20), host('c', 20)],
      ['g', 'h', 'i'].map((name) => guest(name, 'a', 60)),
    ),
  );

/** What a person does, or changes, while the first move is under way. */
interface Obstacle {
  rules?: Rule[];
  act?: (service: Service) => Promise<unknown>;
  /** What a new process is started with. */
  options?: Partial<ServiceOptions>;
}
const changed = (over: Partial<RuleFile>): Obstacle => ({ rules: [rule(over)] });

const obstacles: [string, Obstacle, RegExp][] = [
  ['the rule is disabled', changed({ enabled: false }), /rule test-cpu is disabled$/],
  ['the rule is deleted', { rules: [] }, /rule test-cpu is gone$/],
  ['the rule only recommends', changed({ mode: 'recommend' }), /rule test-cpu only recommends now$/],
  [
    'the rule ignores the guests',
    changed({ ignore: { guests: ['g', 'h', 'i'] } }),
    /guest \w is ignored by the rule test-cpu$/,
  ],
  ['the rule ignores the source', changed({ ignore: { hosts: ['a'] } }), /host a is ignored by the rule test-cpu$/],
  [
    'the rule ignores the targets',
    changed({ ignore: { hosts: ['b', 'c'] } }),
    /host [bc] is ignored by the rule test-cpu$/,
  ],
  ['its window closes', changed({ windows: { deny: ['* * * * *'] } }), /rule test-cpu: .* is denied/],
  [
    'its budget is cut',
    changed({ limits: { migrationsPerHour: 1 } }),
    /the budget of rule test-cpu is 1 migrations an hour$/,
  ],
  [
    'somebody pauses the service',
    { act: (service) => service.operator.pause({ reason: 'r' }, 'alice') },
    /automigrate is paused by alice: r$/,
  ],
  [
    'somebody stops the batch',
    { act: (service) => service.operator.stopBatch({ abort: false }, 'alice') },
    /the batch was stopped by alice$/,
  ],
];

const afterRestart: typeof obstacles = [
  ...obstacles,
  ['MODE=recommend is set', { options: { mode: 'recommend' } }, /only recommends now: MODE=recommend/],
  ['the budget of a day is spent', { options: { budget: { migrationsPerDay: 1 } } }, /is 1 migrations a day$/],
  ['the budget of an hour is spent', { options: { budget: { migrations: 1 } } }, /all rules is 1 migrations an hour$/],
];

/** A batch that has just begun its first of three moves when something is done. */
async function interrupted(act: (service: Service) => unknown, rulesNow: () => Rule[]) {
  const world = await build({ scenario: crowded(), over: () => ({ rules: rulesNow }) });
  const { cloud, service } = world;
  const begun = cloud.startMigration.bind(cloud);
  cloud.startMigration = async (asked) => {
    cloud.startMigration = begun;
    const started = await begun(asked);
    await act(service);
    return started;
  };
  await service.handleAlerts([alert('a')]);
  await service.idle();
  return world;
}

describe('nothing more begins in the running batch once', () => {
  it.each(obstacles)('%s', async (_what, { rules: next, act }, text) => {
    let rules = [rule()];
    const { cloud, journal } = await interrupted(
      async (service) => {
        rules = next ?? rules;
        await act?.(service);
      },
      () => rules,
    );
    expect(cloud.asked.size).toBe(1);
    const limited = await journal.events({ action: 'limited' });
    expect(limited.map(({ text: said }) => said)).toEqual([expect.stringMatching(text), expect.stringMatching(text)]);
    // What was under way has arrived.
    expect(await journal.events({ action: 'migrate_success' })).toHaveLength(1);
    expect(journal.endedBatches()).toMatchObject([{ succeeded: 1, failed: 2 }]);
  });
});

describe('nothing more begins after a restart once', () => {
  it.each(afterRestart)('%s', async (_what, { rules: next, act, options: more }, text) => {
    const first = await interrupted(
      async (service) => {
        await act?.(service);
        void service.stop();
      },
      () => [rule()],
    );
    const { cloud, directory, clock, options } = first;
    const journal = await openJournal(directory, clock, { sync: false });
    expect(journal.openBatch()).toBeDefined();
    const rules = next ?? [rule()];
    const second = createService({ ...options, rules: () => rules, ...more, journal, busy: createBusy() });
    await second.recover();
    await second.idle();
    expect(cloud.asked.size).toBe(1);
    const limited = await journal.events({ action: 'limited' });
    expect(limited.map(({ text: said }) => said)).toEqual([expect.stringMatching(text), expect.stringMatching(text)]);
    expect(await journal.events({ action: 'migrate_success' })).toHaveLength(1);
    expect(journal.endedBatches()).toMatchObject([{ succeeded: 1, failed: 2 }]);
  });

  it('goes on where nothing is in the way', async () => {
    const { cloud, directory, clock, options } = await interrupted(
      (service) => void service.stop(),
      () => [rule()],
    );
    const journal = await openJournal(directory, clock, { sync: false });
    const second = createService({ ...options, journal, busy: createBusy() });
    await second.recover();
    await second.idle();
    expect([...cloud.asked.values()]).toEqual([1, 1, 1]);
  });
});

describe('a stop with abort', () => {
  it.each([
    ['seen to take', false, /was cancelled by alice, seen to take; /],
    ['not seen to take', true, /was to be cancelled by alice: the cancellation did not take; still followed/],
  ])('says after a restart too of the move under way that it was %s', async (_what, isDeaf, text) => {
    const { cloud, directory, clock, options } = await interrupted(
      async (service) => {
        await service.operator.stopBatch({ abort: true }, 'alice');
        void service.stop();
      },
      () => [rule()],
    );
    if (isDeaf) cloud.cancelMigration = () => Promise.reject(new Error('it is only accepted'));
    // It never arrives by itself.
    const moving = { phase: 'moving', status: 'live_migrating' } as const;
    const state = cloud.migrationState.bind(cloud);
    cloud.migrationState = async (...asked) => (isDeaf ? moving : state(...asked));
    const journal = await openJournal(directory, clock, { sync: false });
    expect(journal.openBatch()).toMatchObject({ stopped: { by: 'alice', abort: true } });
    const second = createService({ ...options, journal, busy: createBusy() });
    await second.recover();
    await second.idle();
    expect(cloud.asked.size).toBe(1);
    const [failed, ...others] = await journal.events({ action: ['migrate_fail', 'migrate_success'] });
    expect(others).toEqual([]);
    expect(failed?.notes).toMatchObject({ reason: expect.stringMatching(text) as string, cancelled: true });
    expect(await journal.events({ action: 'limited' })).toHaveLength(2);
    // What may still come about is followed on.
    expect(journal.memory().underWay).toHaveLength(isDeaf ? 1 : 0);
    await second.stop();
  });
});
