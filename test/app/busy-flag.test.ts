import { describe, expect, it, vi } from 'vitest';
import type { Service, ServiceOptions } from '../../src/app/service.js';
import { createService } from '../../src/app/service.js';
import { planByRule } from '../../src/decide/plan-moves.js';
import type { Cloud } from '../../src/fleet/fleet.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import type { Journal, JournalChange } from '../../src/journal/journal.js';
import { JournalError } from '../../src/journal/journal.js';
import type { MigrationNotes } from '../../src/journal/events.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { withRuleState } from '../../src/verification/rule-mode.js';
import { fleet, guest, host, scenario } from '../support/fleet.js';
import { alert, build, rule } from '../support/service.js';
import { type HeldClock, type VirtualClock, holdLongSleeps } from '../support/virtual-clock.js';

/** a, b and c are past 60 %, each with a guest of 12 points to give; d and e have room; f and g are calm. */
const site = () =>
  scenario(
    fleet(
      [host('a', 70), host('b', 70), host('c', 70), host('d', 10), host('e', 10), host('f', 30), host('g', 30)],
      ['a', 'b', 'c'].map((name) => guest(`g-${name}`, name, 60)),
    ),
  );
const other = () => rule({ name: 'other' });
const moved = async (journal: Journal) =>
  (await journal.events({ action: 'migrate_success' })).map(({ notes, batch }) => [
    (notes as MigrationNotes).guest.name,
    batch,
  ]);

/** Does something when the fleet is looked at for the nth time, while the look lasts. */
function whileLooking(act: (service: Service) => Promise<unknown>, nth = 1) {
  const during: { service?: Service; result?: unknown } = {};
  let looks = 0;
  const over = ({ cloud }: ServiceOptions) => ({
    cloud: {
      ...cloud,
      inventory: async (signal?: AbortSignal) => {
        looks += 1;
        if (looks === nth && during.service) during.result = await act(during.service);
        return cloud.inventory(signal);
      },
    },
  });
  return { during, over };
}

/** A journal whose commits pass through a hand. */
const withCommits =
  (commit: (change: JournalChange, real: Journal) => Promise<unknown>) =>
  ({ journal }: { journal: Journal }) => ({
    journal: {
      ...journal,
      commit: (change: JournalChange) => commit(change, journal) as ReturnType<Journal['commit']>,
    },
  });

describe('while a batch only looks, alerts join it', () => {
  it('those of the same rule are planned together with the first, in one plan', async () => {
    const planner = vi.fn(planByRule);
    const { during, over } = whileLooking((service) => service.handleAlerts([alert('b')]));
    const { service, journal } = await build({
      scenario: site(),
      over: (options) => ({ ...over(options), planner }),
    });
    during.service = service;
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(during.result).toMatchObject({ outcome: 'accepted', batch: 'batch-1', rules: ['test-cpu'], hosts: ['b'] });
    expect(planner.mock.calls.map(([{ sourceIds }]) => sourceIds).at(-1)).toEqual(['id-a', 'id-b']);
    expect((await moved(journal)).sort()).toEqual([
      ['g-a', 'batch-1'],
      ['g-b', 'batch-1'],
    ]);
  });

  it('those of another rule become a part of their own, of the same batch', async () => {
    const { during, over } = whileLooking((service) => service.handleAlerts([alert('b', { name: 'other' })]));
    const { service, journal } = await build({ scenario: site(), rules: [rule(), other()], over });
    during.service = service;
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(during.result).toMatchObject({ outcome: 'accepted', batch: 'batch-1', rules: ['other'] });
    expect(await moved(journal)).toEqual([
      ['g-a', 'batch-1'],
      ['g-b', 'batch-1'],
    ]);
    expect(journal.endedBatches()).toMatchObject([{ rules: ['test-cpu', 'other'], succeeded: 2 }]);
  });

  it('a part that had nothing to move is opened again for a host that joins while another part looks', async () => {
    const { during, over } = whileLooking((service) => service.handleAlerts([alert('a')]), 2);
    const { service, journal } = await build({ scenario: site(), rules: [rule(), other()], over });
    during.service = service;
    await service.handleAlerts([alert('f'), alert('g', { name: 'other' })]);
    await service.idle();
    expect(during.result).toMatchObject({ outcome: 'accepted', batch: 'batch-1' });
    expect(await moved(journal)).toEqual([['g-a', 'batch-1']]);
    expect(await journal.events({ action: 'not_needed' })).toHaveLength(2);
  });

  it('from the first moment: two alerts that come at once are one batch', async () => {
    const { service, journal } = await build({ scenario: site() });
    const answers = await Promise.all(['a', 'b', 'c'].map((name) => service.handleAlerts([alert(name)])));
    expect(answers.map(({ outcome }) => outcome)).toEqual(['accepted', 'accepted', 'accepted']);
    await service.idle();
    expect((await moved(journal)).map(([name]) => name).sort()).toEqual(['g-a', 'g-b', 'g-c']);
    expect(await journal.events({ action: 'dropped' })).toEqual([]);
  });

  it('those that go on coming do not keep the first ones waiting, and none that was accepted is forgotten', async () => {
    const names = Array.from({ length: 12 }, (_, at) => `h${at}`);
    const hosts = [...names.map((name) => host(name, 70)), ...['t1', 't2', 't3', 't4'].map((name) => host(name, 5))];
    const crowd = scenario(
      fleet(
        hosts,
        names.map((name) => guest(`g-${name}`, name, 60)),
      ),
    );
    const answers = new Map<string, string>();
    const left = [...names];
    const world = await build({
      scenario: crowd,
      over: ({ cloud }) => ({
        cloud: {
          ...cloud,
          inventory: async (signal) => {
            const next = left.shift();
            if (next !== undefined) answers.set(next, (await world.service.handleAlerts([alert(next)])).outcome);
            return cloud.inventory(signal);
          },
        },
      }),
    });
    const first = left.shift()!;
    answers.set(first, (await world.service.handleAlerts([alert(first)])).outcome);
    await world.service.idle();
    const taken = names.filter((name) => answers.get(name) === 'accepted');
    expect(taken.length).toBeGreaterThan(2);
    expect(taken.length).toBeLessThan(names.length);
    const guests = (await moved(world.journal)).map(([name]) => name);
    expect(guests.sort()).toEqual(taken.map((name) => `g-${name}`).sort());
  });

  it('what joined stands in the journal before it is decided on: a restart takes it up', async () => {
    let asked = 0;
    const { during, over } = whileLooking(async (service) => {
      await service.handleAlerts([alert('b', { name: 'other' })]);
      // The process is gone from here on.
      asked += 1;
      return new Promise(() => undefined);
    });
    const first = await build({ scenario: site(), rules: [rule(), other()], over });
    during.service = first.service;
    await first.service.handleAlerts([alert('a')]);
    await vi.waitUntil(() => asked === 1);
    const journal = await openJournal(first.directory, first.clock);
    expect(journal.openBatch()?.parts).toMatchObject([
      { rule: 'test-cpu', hosts: [['a']], done: false },
      { rule: 'other', hosts: [['b']], done: false },
    ]);
    const second = createService({ ...first.options, cloud: first.cloud, journal, busy: createBusy() });
    await second.recover();
    await second.idle();
    expect((await moved(journal)).map(([name]) => name)).toEqual(['g-a', 'g-b']);
  });

  it('at its very end too: whenever an alert comes, it is looked at', async () => {
    for (let ticks = 0; ticks < 120; ticks += 1) {
      let late: Promise<{ outcome: string }> | undefined;
      let isArmed = true;
      const world = await build({
        scenario: site(),
        over: withCommits(async (change, real) => {
          const isDecision = change.events?.some(({ action }) => action === 'not_needed');
          const result = await real.commit(change);
          if (isDecision && isArmed) {
            isArmed = false;
            late = (async () => {
              for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
              return world.service.handleAlerts([alert('g')]);
            })();
          }
          return result;
        }),
      });
      await world.service.handleAlerts([alert('f')]);
      await world.service.idle();
      const answer = await late;
      await world.service.idle();
      const told = (await world.journal.events()).map(({ action, notes }) => `${action} ${JSON.stringify(notes)}`);
      expect(answer?.outcome, `${ticks} ticks`).toBe('accepted');
      expect(told.filter((each) => each.startsWith('not_needed') && each.includes('host g:'))).toHaveLength(1);
    }
  });
});

describe('once a batch moves', () => {
  it('alerts are dropped, answered and recorded', async () => {
    const answers: unknown[] = [];
    const world = await build({
      scenario: site(),
      over: ({ cloud }) => ({
        cloud: {
          ...cloud,
          startMigration: async (request: Parameters<Cloud['startMigration']>[0]) => {
            answers.push(await world.service.handleAlerts([alert('b')]));
            return cloud.startMigration(request);
          },
        },
      }),
    });
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    expect(answers).toMatchObject([{ outcome: 'dropped', reason: 'busy', batch: 'batch-1' }]);
    expect(await world.journal.events({ action: 'dropped' })).toMatchObject([
      { obj_name: 'test-cpu', batch: 'batch-1', notes: expect.stringContaining('(hosts: b)') },
    ]);
    expect((await moved(world.journal)).map(([name]) => name)).toEqual(['g-a']);
  });

  const dropsB = (world: { service?: Service }, names = ['b']) => {
    const left = [...names];
    return ({ cloud }: ServiceOptions) => ({
      looks: { lagging: false, dropped: true },
      cloud: {
        ...cloud,
        startMigration: async (request: Parameters<Cloud['startMigration']>[0]) => {
          const next = left.shift();
          if (next !== undefined) await world.service?.handleAlerts([alert(next)]);
          return cloud.startMigration(request);
        },
      },
    });
  };

  it('DROPPED_ALERTS=look-again looks at them when the batch has ended', async () => {
    const late: { service?: Service } = {};
    const { service, journal } = await build({ scenario: site(), over: dropsB(late) });
    late.service = service;
    await service.handleAlerts([alert('a')]);
    await vi.waitUntil(async () => (await moved(journal)).length === 2);
    await service.idle();
    expect((await moved(journal)).map(([name]) => name)).toEqual(['g-a', 'g-b']);
  });

  it('… not at one that has been resolved meanwhile', async () => {
    const late: { service?: Service } = {};
    const { service, journal } = await build({
      scenario: site(),
      over: (options) => {
        const { cloud, looks } = dropsB(late)(options);
        const startMigration: Cloud['startMigration'] = async (request) => {
          const start = await cloud.startMigration(request);
          await late.service?.handleAlerts([alert('b', { state: 'resolved' })]);
          return start;
        };
        return { looks, cloud: { ...cloud, startMigration } };
      },
    });
    late.service = service;
    await service.handleAlerts([alert('a')]);
    await service.idle();
    await service.handleAlerts([alert('c')]);
    await service.idle();
    expect((await moved(journal)).map(([name]) => name)).toEqual(['g-a', 'g-c']);
  });

  it('… not where the rule pauses by then, and says so', async () => {
    const late: { service?: Service } = {};
    const { service, journal } = await build({
      scenario: site(),
      over: (options) => {
        const { cloud, looks } = dropsB(late)(options);
        const startMigration: Cloud['startMigration'] = async (request) => {
          const start = await cloud.startMigration(request);
          const paused_until = options.clock.now() + 3_600_000;
          await options.journal.commit({ memory: (memory) => withRuleState(memory, 'test-cpu', { paused_until }) });
          return start;
        };
        return { looks, cloud: { ...cloud, startMigration } };
      },
    });
    late.service = service;
    await service.handleAlerts([alert('a')]);
    await vi.waitUntil(async () => (await journal.events({ action: 'paused' })).length === 1);
    await service.idle();
    expect((await moved(journal)).map(([name]) => name)).toEqual(['g-a']);
  });

  it('… and still once the journal takes what it has refused', async () => {
    const late: { service?: Service } = {};
    let refusals = 0;
    const { service, journal, log } = await build({
      scenario: site(),
      over: (options) => ({
        ...dropsB(late)(options),
        ...withCommits(async (change, real) => {
          const isSecond = change.batch?.parts.some(({ hosts }) => hosts[0]?.[0] === 'b');
          if (!isSecond || change.batch?.migrations.length !== 0 || refusals > 0) return real.commit(change);
          refusals += 1;
          throw new JournalError('journal.json', new Error('no space left on device'));
        })(options),
      }),
    });
    late.service = service;
    await service.handleAlerts([alert('a')]);
    await vi.waitUntil(async () => (await moved(journal)).length === 2);
    await service.idle();
    expect(log.filter(({ message }) => message === 'looking again has failed')).toHaveLength(1);
  });
});

describe('a host that the last inventory does not know', () => {
  const checked = () => ({ checksHostNames: true });

  it('never takes the flag, however old the inventory is, and keeps nobody from it', async () => {
    const { service, clock, journal } = await build({ scenario: site(), over: checked });
    await service.recover();
    await clock.sleep(1000);
    clock.advance(3_600_000);
    for (let count = 0; count < 15; count += 1) {
      const answer = await service.handleAlerts([alert(`noise-${count}`)]);
      expect(answer).toMatchObject({ outcome: 'ignored', reason: 'unknown_host' });
      expect(service.batch()).toBeNull();
    }
    expect(await service.handleAlerts([alert('noise'), alert('a')])).toMatchObject({
      outcome: 'accepted',
      hosts: ['a'],
    });
    await service.idle();
    expect((await moved(journal)).map(([name]) => name)).toEqual(['g-a']);
  });

  it('but is new there: its alert is looked at when the next inventory knows it', async () => {
    let isThere = false;
    const { service, clock, journal } = await build({
      scenario: site(),
      over: ({ cloud }) => ({
        checksHostNames: true,
        cloud: {
          ...cloud,
          inventory: async (signal) => {
            const { hosts, guests } = await cloud.inventory(signal);
            return { hosts: hosts.filter(({ name }) => isThere || name !== 'a'), guests };
          },
        },
      }),
    });
    await service.recover();
    await clock.sleep(1000);
    isThere = true;
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'ignored', reason: 'unknown_host' });
    await vi.waitUntil(async () => (await moved(journal)).length === 1);
    await service.idle();
  });
});

describe('after not_needed on an alert that is not resolved', () => {
  const lagging = () => ({ looks: { lagging: true, dropped: false } });

  it('it is looked at once more when a period has passed: the mean may only have lagged', async () => {
    const { service, options, journal, cloud } = await build({
      scenario: site(),
      over: ({ clock }) => ({ ...lagging(), clock: holdLongSleeps(clock as VirtualClock, 100_000) }),
    });
    const clock = options.clock as HeldClock;
    cloud.setHostReading('a', 'cpu.usage_active', 55);
    const begun = clock.monotonic();
    const once = alert('a');
    await service.handleAlerts([once]);
    await service.idle();
    cloud.setHostReading('a', 'cpu.usage_active', 70);
    // The sender's own repetition within half a minute is the same delivery; the look stands.
    expect(await service.handleAlerts([once])).toMatchObject({ outcome: 'ignored', reason: 'duplicate' });
    clock.letGo();
    await vi.waitUntil(async () => (await moved(journal)).length === 1);
    expect(clock.monotonic() - begun).toBeGreaterThanOrEqual(120_000);
    await service.idle();
  });

  it('once, not again and again', async () => {
    const { service, journal, clock } = await build({ scenario: site(), over: lagging });
    await service.handleAlerts([alert('f')]);
    await vi.waitUntil(async () => (await journal.events({ action: 'not_needed' })).length === 2);
    await service.idle();
    await clock.sleep(3_600_000);
    expect(await journal.events({ action: 'not_needed' })).toHaveLength(2);
  });

  it('not where it is resolved meanwhile, even while the batch still looks', async () => {
    const { during, over } = whileLooking((service) => service.handleAlerts([alert('f', { state: 'resolved' })]));
    const { service, journal, clock } = await build({
      scenario: site(),
      over: (options) => ({ ...lagging(), ...over(options) }),
    });
    during.service = service;
    await service.handleAlerts([alert('f')]);
    await service.idle();
    await clock.sleep(3_600_000);
    expect(await journal.events({ action: 'not_needed' })).toHaveLength(1);
  });
});

describe('the flag is free', () => {
  it('after a planner that throws: decision_fail', async () => {
    let broken = true;
    const { service, journal } = await build({
      scenario: site(),
      over: () => ({
        planner: (request) => {
          if (broken) throw new TypeError('undefined is not a host');
          return planByRule(request);
        },
      }),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await journal.events()).toMatchObject([
      { action: 'decision_fail', obj_name: 'test-cpu', notes: expect.stringContaining('undefined is not a host') },
    ]);
    expect(journal.openBatch()).toBeUndefined();
    broken = false;
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect((await moved(journal)).map(([name]) => name)).toEqual(['g-a']);
  });

  it('after a bug of ours while an alert is taken on, which is not told as a journal that cannot be written', async () => {
    let isFaulty = true;
    const { service } = await build({
      scenario: site(),
      over: ({ journal }) => ({
        journal: {
          ...journal,
          commit: (change) => (isFaulty ? Promise.reject(new TypeError('a bug')) : journal.commit(change)),
        },
      }),
    });
    await expect(service.handleAlerts([alert('a')])).rejects.toThrow('a bug');
    isFaulty = false;
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
  });

  it('and the batch stands in the journal when the service stops while it decides; nothing takes its place there', async () => {
    let stopping: Promise<void> | undefined;
    let late: ReturnType<Service['handleAlerts']> | undefined;
    const world = await build({
      scenario: site(),
      over: ({ cloud }) => ({
        cloud: {
          ...cloud,
          inventory: (signal) => {
            if (!stopping) {
              late = world.service.handleAlerts([alert('b')]);
              stopping = world.service.stop();
            }
            return cloud.inventory(signal);
          },
        },
      }),
    });
    await world.service.handleAlerts([alert('a')]);
    await world.service.idle();
    await stopping;
    expect(await late).toMatchObject({ outcome: 'unavailable', reason: 'shutting_down' });
    expect(world.journal.openBatch()).toMatchObject({ id: 'batch-1', parts: [{ hosts: [['a']], done: false }] });
    const journal = await openJournal(world.directory, world.clock);
    const next = createService({ ...world.options, cloud: world.cloud, journal, busy: createBusy() });
    await next.recover();
    await next.idle();
    expect((await moved(journal)).map(([name]) => name)).toEqual(['g-a']);
  });
});

describe('the same occurrence of an alert, from both of a pair at the same moment', () => {
  it('is taken on once: the other is a duplicate, and joins nothing', async () => {
    const { service, journal } = await build({ scenario: site() });
    const same = alert('a');
    const answers = await Promise.all([service.handleAlerts([same]), service.handleAlerts([{ ...same }])]);
    expect(answers).toMatchObject([{ outcome: 'accepted' }, { outcome: 'ignored', reason: 'duplicate' }]);
    await service.idle();
    expect(await moved(journal)).toHaveLength(1);
  });

  it('may come again at once where the journal could not take it', async () => {
    let isBroken = true;
    const { service } = await build({
      scenario: site(),
      over: ({ journal }) => ({
        journal: {
          ...journal,
          commit: (change: JournalChange) =>
            isBroken ? Promise.reject(new JournalError('journal.json', new Error('full'))) : journal.commit(change),
        },
      }),
    });
    const same = alert('a');
    expect(await service.handleAlerts([same])).toMatchObject({ outcome: 'unavailable' });
    isBroken = false;
    expect(await service.handleAlerts([same])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
  });
});
