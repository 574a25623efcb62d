import { describe, expect, it } from 'vitest';
import { FleetError } from '../../src/fleet/fleet.js';
import type { Journal } from '../../src/journal/journal.js';
import type { MigrationNotes } from '../../src/journal/events.js';
import { JournalError } from '../../src/journal/journal.js';
import { openJournal } from '../../src/journal/lowdb/open-journal.js';
import { createBusy } from '../../src/intake/busy-flag.js';
import { createService, type Service, type ServiceOptions } from '../../src/app/service.js';
import { fleet, GIB, guest, host, scenario } from '../support/fleet.js';
import { alert, build, roomy, openRule, rule } from '../support/service.js';

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

/** Does something while the first migration of a batch is being asked for. */
function onFirstMove<T>(act: (service: Service) => Promise<T>) {
  const during: { service?: Service; result?: Promise<T> } = {};
  const over = ({ cloud }: ServiceOptions): Partial<ServiceOptions> => ({
    cloud: {
      ...cloud,
      startMigration: async (request) => {
        if (during.service) during.result ??= act(during.service);
        await during.result;
        return cloud.startMigration(request);
      },
    },
  });
  return { during, over };
}

describe('the numbers of the documents', () => {
  it('finds no target for cpu-test-vm, and says why for both hosts', async () => {
    const { service, journal, actions } = await build({
      rules: [openRule({ source: { hosts: ['test-66-onecloud02'] } })],
    });
    expect(await service.handleAlerts([alert('test-66-onecloud02')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
    expect(await actions()).toEqual(['find_result_fail']);
    const [event] = await journal.events();
    expect(event?.notes).toBe(
      'find result to migrate: not found target for guest cpu-test-vm: ' +
        '[host:test-69-onecloud01:current(55.313408) + guest:cpu-test-vm:score(59.681970) >= threshold(60.000000), ' +
        'host:a15:current(62.305391) + guest:cpu-test-vm:score(59.681970) >= threshold(60.000000)]',
    );
  });

  it('moves aisenzhe from a15 to test-66-onecloud02, with notes to the last digit', async () => {
    const { service, journal, cloud, actions } = await build({ rules: [openRule()] });
    cloud.setGuestCpu('cpu-test-vm', 26);
    cloud.setHostReading('test-66-onecloud02', 'cpu.usage_active', 22.65071999099409);
    await service.handleAlerts([alert('a15')]);
    await service.idle();
    expect(await actions()).toEqual(['migrating', 'migrate_success']);
    const [event] = await journal.events({ action: 'migrating' });
    expect(JSON.stringify(event?.notes)).toBe(
      '{"guest":{"host":"a15","host_id":"733b10fa-bd33-4503-836d-2ccd225bf12f","id":"a3107d1f-c46e-43cf-8aa8-55743d1533b1",' +
        '"name":"aisenzhe","score":10.769393333333335,"vcpu_count":8,"vmem_size":8192},"target_host":{"id":' +
        '"6fc10297-eb20-4a96-86a8-4b65260d6016","name":"test-66-onecloud02","score":22.65071999099409}}',
    );
  });
});

describe('one batch at a time', () => {
  it('makes one plan and one batch of two firing alerts of one rule, and drops 50 that come meanwhile', async () => {
    const hosts = [host('a', 70), host('b', 72), host('c', 10), host('d', 12)];
    const guests = [guest('g', 'a', 80), guest('h', 'b', 80)];
    const { during, over } = onFirstMove((service) => Promise.all(times(50, () => service.handleAlerts([alert('a')]))));
    const { service, journal, cloud, actions } = await build({ scenario: scenario(fleet(hosts, guests)), over });
    during.service = service;
    const first = await service.handleAlerts([alert('a'), alert('b')]);
    expect(first).toMatchObject({ outcome: 'accepted', batch: 'batch-1', hosts: ['a', 'b'] });
    await service.idle();
    expect((await during.result)?.every(({ outcome }) => outcome === 'dropped')).toBe(true);
    expect(await journal.events({ action: 'dropped' })).toHaveLength(50);
    expect((await actions()).filter((action) => action === 'migrate_success')).toHaveLength(2);
    const batches = (await journal.events({ action: 'migrating' })).map(({ batch }) => batch);
    expect(batches).toEqual(['batch-1', 'batch-1']);
    expect(Object.fromEntries(cloud.asked)).toEqual({ 'id-g': 1, 'id-h': 1 });
  });

  it('is free again after a batch, however it ended', async () => {
    const failing = roomy();
    failing.simulation.fail.push('g', 'h', 'i');
    const { service, actions } = await build({ scenario: failing });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).toContain('migrate_fail');
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
  });

  it('answers before the fleet is asked, and has the batch on disk by then', async () => {
    let asked = false;
    const { service, directory, clock } = await build({
      scenario: roomy(),
      over: ({ cloud }) => ({
        cloud: {
          ...cloud,
          inventory: (signal) => {
            asked = true;
            return cloud.inventory(signal);
          },
        },
      }),
    });
    const answer = await service.handleAlerts([alert('a')]);
    expect(asked).toBe(false);
    expect((await openJournal(directory, clock)).openBatch()?.id).toBe(
      answer.outcome === 'accepted' ? answer.batch : '',
    );
    await service.idle();
    expect(asked).toBe(true);
  });

  it('works through the alerts of several rules in one body one rule after the other', async () => {
    const memory = rule({ name: 'mem', metric: 'mem.available', threshold: '60GiB' });
    const hosts = [
      host('a', 70),
      host('b', 20),
      host('m', 30, { metrics: { 'cpu.usage_active': 30, 'mem.available': 55 * GIB } }),
    ];
    const guests = [guest('g', 'a', 60), guest('k', 'm', 5)];
    const { service, journal } = await build({ scenario: scenario(fleet(hosts, guests)), rules: [rule(), memory] });
    const answer = await service.handleAlerts([alert('a'), alert('m', { name: 'mem' })]);
    expect(answer).toMatchObject({ outcome: 'accepted', rules: ['test-cpu', 'mem'] });
    await service.idle();
    const success = await journal.events({ action: 'migrate_success' });
    expect(success.map(({ obj_name, batch }) => [obj_name, batch])).toEqual([
      ['test-cpu', 'batch-1'],
      ['mem', 'batch-1'],
    ]);
  });

  it('takes the second delivery of an alert as the same, and a new occurrence as a new one', async () => {
    const { service } = await build({ scenario: roomy() });
    const once = alert('a');
    await service.handleAlerts([once]);
    await service.idle();
    expect(await service.handleAlerts([once])).toMatchObject({ outcome: 'ignored', reason: 'duplicate' });
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
  });
});

describe('what was moved a moment ago', () => {
  it('is remembered over a restart: the guest stays, though the host alerts again', async () => {
    const crowded = scenario(fleet([host('a', 70), host('b', 20), host('c', 20)], [guest('g', 'a', 60)]));
    const first = await build({ scenario: crowded });
    await first.service.handleAlerts([alert('a')]);
    await first.service.idle();
    const [moved] = await first.journal.events({ action: 'migrate_success' });
    const target = (moved?.notes as MigrationNotes).target_host.name;

    first.clock.advance(20 * 60_000);
    first.cloud.setHostReading(target, 'cpu.usage_active', 75);
    const journal = await openJournal(first.directory, first.clock);
    const second = createService({ ...first.options, journal, busy: createBusy() });
    await second.handleAlerts([alert(target)]);
    await second.idle();
    expect(await journal.events({ action: 'find_result_fail' })).toMatchObject([
      { notes: expect.stringMatching(/guest:g: moved here from a 20 min ago, stays for 60 min/) },
    ]);

    first.clock.advance(41 * 60_000);
    await second.handleAlerts([alert(target)]);
    await second.idle();
    const targets = (await journal.events({ action: 'migrate_success' })).map(
      ({ notes }) => (notes as MigrationNotes).target_host.name,
    );
    expect(targets).toEqual([target, target === 'b' ? 'c' : 'b']);
  });

  it('is not planned again on readings that do not show it yet', async () => {
    const averaged = roomy();
    averaged.simulation.averaged = true;
    const { service, journal, cloud } = await build({ scenario: averaged, rules: [openRule()] });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    cloud.setHostReading('a', 'cpu.usage_active', 95);
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await journal.events({ action: 'not_needed' })).toMatchObject([
      { notes: expect.stringMatching(/host a: a guest came or went \d+ s ago, and the readings do not show it yet/) },
    ]);
  });
});

it('records an alert that flaps, once', async () => {
  const { service, journal, clock } = await build({ scenario: roomy() });
  for (const state of ['firing', 'resolved', 'firing', 'resolved', 'firing', 'resolved', 'firing'] as const) {
    await service.handleAlerts([alert('b', { state })]);
    await service.idle();
    clock.advance(60_000);
  }
  expect(await journal.events({ action: 'flapping' })).toMatchObject([{ obj_name: 'test-cpu', user: 'alertmanager' }]);
});

describe('a storm of alerts', () => {
  const counts = async (journal: Journal, action: 'dropped' | 'ignored') => {
    const rows = await journal.events({ action });
    return rows.map(({ notes }) => (typeof notes === 'string' ? 1 : ((notes as { count?: number }).count ?? 0)));
  };
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);

  it('has every drop in the journal, in few rows, once the batch has ended', async () => {
    const { during, over } = onFirstMove((service) =>
      Promise.all(times(2000, () => service.handleAlerts([alert('a')]))),
    );
    const { service, journal } = await build({ scenario: roomy(), over });
    during.service = service;
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(new Set((await during.result)?.map(({ outcome }) => outcome))).toEqual(new Set(['dropped']));
    const rows = await counts(journal, 'dropped');
    expect(sum(rows)).toBe(2000);
    expect(rows.length).toBeLessThan(110);
    const [last] = (await journal.events({ action: 'dropped' })).slice(-1);
    expect(last).toMatchObject({ batch: 'batch-1', obj_name: 'test-cpu', user: 'alertmanager' });
  });

  it('has every ignored alert in the journal, in few rows, however many names they have', async () => {
    const { service, journal } = await build();
    for (let n = 0; n < 1000; n += 1) await service.handleAlerts([alert('a15', { name: `made-up-${n}` })]);
    await service.stop();
    const rows = await counts(journal, 'ignored');
    expect(sum(rows)).toBe(1000);
    expect(rows.length).toBeLessThan(300);
  });

  it('has the alerts that come outside a window in few rows', async () => {
    const { service, journal, clock } = await build({ rules: [rule({ windows: { deny: ['* * * * *'] } })] });
    for (let n = 0; n < 2000; n += 1) {
      expect(await service.handleAlerts([alert('a15')])).toMatchObject({
        outcome: 'ignored',
        reason: 'outside_window',
      });
      clock.advance(20);
    }
    await service.stop();
    const rows = await counts(journal, 'ignored');
    expect(sum(rows)).toBe(2000);
    expect(rows.length).toBeLessThan(110);
  });

  it('gives drops no new rows of their own with every new batch of the same minute', async () => {
    const during: { service?: Service; outcomes: string[] } = { outcomes: [] };
    const names = ['a', 'b', 'c', 'd', 'e'];
    const hosts = names.flatMap((name) => [host(name, 65), host(`free-${name}`, 10)]);
    const guests = names.map((name) => guest(`guest-${name}`, name, 50));
    const { service, journal, clock } = await build({
      scenario: scenario(fleet(hosts, guests)),
      over: ({ cloud }) => ({
        cloud: {
          ...cloud,
          startMigration: async (request) => {
            for (let n = 0; n < 80; n += 1) {
              const answer = await during.service?.handleAlerts([alert('a')]);
              during.outcomes.push(answer?.outcome ?? '');
            }
            return cloud.startMigration(request);
          },
        },
      }),
    });
    during.service = service;
    const began = clock.monotonic();
    for (const name of names) {
      await service.handleAlerts([alert(name)]);
      await service.idle();
    }
    expect(clock.monotonic() - began).toBeLessThan(60_000);
    const drops = during.outcomes.filter((outcome) => outcome === 'dropped').length;
    expect(drops).toBe(400);
    const rows = await counts(journal, 'dropped');
    expect(sum(rows)).toBe(drops);
    expect(rows.filter((count) => count === 1)).toHaveLength(100);
    expect(rows.length).toBeLessThan(110);
    // Each batch still tells of what was dropped behind it.
    const batches = new Set((await journal.events({ action: 'dropped' })).map(({ batch }) => batch));
    expect(batches.size).toBe(drops / 80);
  });

  it('gives alerts rows of their own again when the storm is over', async () => {
    const { service, journal, clock } = await build();
    for (let n = 0; n < 150; n += 1) await service.handleAlerts([alert('a15', { state: 'resolved' })]);
    clock.advance(60_000);
    await service.handleAlerts([alert('a15', { state: 'resolved' })]);
    await service.stop();
    expect((await counts(journal, 'ignored')).filter((count) => count === 1)).toHaveLength(101);
    expect(sum(await counts(journal, 'ignored'))).toBe(151);
  });

  it('keeps the count of what the journal refuses for another time', async () => {
    let full = false;
    const { service, journal } = await build({
      over: ({ journal: real }) => ({
        journal: {
          ...real,
          commit: (change) => (full ? Promise.reject(new JournalError('journal.json', 'full')) : real.commit(change)),
        },
      }),
    });
    for (let n = 0; n < 150; n += 1) {
      full = n >= 120;
      await service.handleAlerts([alert('a15', { state: 'resolved' })]);
    }
    full = false;
    await service.stop();
    expect(sum(await counts(journal, 'ignored'))).toBe(150);
  });
});

describe('alerts that lead to nothing', () => {
  it.each([
    ['resolved', alert('a', { state: 'resolved' }), 'resolved'],
    ['a test button', alert('a', { state: 'test' }), 'test'],
    ['of no rule', alert('a', { name: 'other' }), 'no_rule'],
    ['without a host', alert('a', { labels: {} }), 'no_host'],
  ] as const)('ignores an alert that is %s, and records it', async (_what, given, reason) => {
    const { service, actions } = await build({ scenario: roomy() });
    expect(await service.handleAlerts([given])).toMatchObject({ outcome: 'ignored', reason });
    expect(await actions()).toEqual(['ignored']);
    expect(service.batch()).toBeNull();
  });

  it('records a fault of its own, and is free again', async () => {
    let faulty = true;
    const { service, journal } = await build({
      scenario: roomy(),
      over: ({ metrics }) => ({
        // The batch asks for the rules once it runs.
        rules: () => {
          if (faulty && service.batch()) throw new RangeError('no such thing');
          return [rule()];
        },
        metrics,
      }),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await journal.events()).toMatchObject([
      { action: 'migrate_error', obj_name: 'test-cpu', notes: expect.stringMatching(/fault: no such thing/) },
    ]);
    expect(journal.openBatch()).toBeUndefined();
    faulty = false;
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
  });

  it('ignores an alert of a disabled rule', async () => {
    const { service } = await build({ rules: [rule({ enabled: false })] });
    expect(await service.handleAlerts([alert('a15')])).toMatchObject({ outcome: 'ignored', reason: 'rule_disabled' });
  });

  it('ignores an empty body without a row for it', async () => {
    const { service, actions } = await build();
    expect(await service.handleAlerts([])).toMatchObject({ outcome: 'ignored', reason: 'no_alerts' });
    expect(await actions()).toEqual([]);
  });

  it('records a host that the fleet does not have, and one that is not the rule’s', async () => {
    const { service, journal } = await build({ scenario: roomy(), rules: [rule({ source: { hosts: ['a'] } })] });
    await service.handleAlerts([alert('nowhere'), alert('b')]);
    await service.idle();
    const notes = (await journal.events({ action: 'ignored' })).map((event) => event.notes as string);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toMatch(/nowhere/);
    expect(notes[1]).toMatch(/host b is not among the source hosts of rule test-cpu/);
  });
});

describe('the fleet, asked again', () => {
  it('moves nothing when the reading no longer passes the threshold', async () => {
    const calm = roomy();
    calm.snapshot.hosts[0]!.metrics['cpu.usage_active'] = 60;
    const { service, actions } = await build({ scenario: calm });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await actions()).toEqual(['not_needed']);
  });

  it('ends in metrics_fail when the source has no reading', async () => {
    const blind = roomy();
    blind.snapshot.hosts[0]!.metrics = {};
    const { service, journal } = await build({ scenario: blind });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await journal.events()).toMatchObject([{ action: 'metrics_fail', notes: expect.stringMatching(/host a/) }]);
  });

  it.each([
    [
      'does not answer',
      () => Promise.reject(new FleetError('victoria', 'connection refused')),
      /victoria: connection refused/,
    ],
    ['throws nonsense', () => Promise.reject(new TypeError('x is not a function')), /simulated: readings: x is not/],
  ])('ends in metrics_fail with the words of a store that %s', async (_what, readings, words) => {
    const { service, journal, cloud } = await build({
      scenario: roomy(),
      over: ({ metrics }) => ({ metrics: { ...metrics, readings } }),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await journal.events()).toMatchObject([{ action: 'metrics_fail', notes: expect.stringMatching(words) }]);
    expect(cloud.asked.size).toBe(0);
    expect(service.batch()).toBeNull();
  });

  it('does not wait for ever for a cloud that hangs', async () => {
    const { service, journal } = await build({
      scenario: roomy(),
      over: ({ cloud }) => ({
        cloud: { ...cloud, inventory: () => new Promise(() => undefined) },
        requestTimeoutMs: 20,
      }),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await journal.events()).toMatchObject([
      { action: 'metrics_fail', notes: expect.stringMatching(/simulated: inventory: no answer within 20 ms/) },
    ]);
  });

  it('never uses a stale reading: a host with one is no target', async () => {
    const { service, journal } = await build({
      scenario: roomy(),
      over: ({ metrics, clock }) => ({
        metrics: {
          ...metrics,
          readings: async (query) => {
            const readings = await metrics.readings(query);
            for (const name of ['b', 'c']) {
              readings.hosts.set(`id-${name}`, { 'cpu.usage_active': { value: 1, at: clock.now() - 181_000 } });
            }
            return readings;
          },
        },
      }),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(await journal.events()).toMatchObject([{ action: 'find_result_fail' }]);
  });

  it('asks the cloud before it chooses for good, and plans around what the cloud refuses', async () => {
    const { service, journal } = await build({
      scenario: roomy(),
      over: ({ cloud }) => ({
        cloud: {
          ...cloud,
          forecast: ({ target }) =>
            Promise.resolve(target.name === 'b' ? { allowed: false, reason: 'no shared network' } : { allowed: true }),
        },
      }),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    const targets = (await journal.events({ action: 'migrating' })).map(
      ({ notes }) => (notes as MigrationNotes).target_host.name,
    );
    expect(new Set(targets)).toEqual(new Set(['c']));
  });

  it('tells the cloud, in forecast and move, that the rule lets local disks come along', async () => {
    const seen: unknown[] = [];
    const { service } = await build({
      scenario: roomy(),
      over: ({ cloud, rules }) => ({
        rules: () => rules().map((rule) => ({ ...rule, target: { ...rule.target, withLocalDisks: true } })),
        cloud: {
          ...cloud,
          forecast: ({ options }) => {
            seen.push(options);
            return Promise.resolve({ allowed: true });
          },
          startMigration: (request) => {
            seen.push(request.options);
            return cloud.startMigration(request);
          },
        },
      }),
    });
    await service.handleAlerts([alert('a')]);
    await service.idle();
    expect(seen.length).toBeGreaterThan(1);
    expect(new Set(seen.map((options) => JSON.stringify(options)))).toEqual(new Set(['{"withLocalDisks":true}']));
  });
});

describe('a restart', () => {
  it('follows what was under way to its end, and starts nothing twice', async () => {
    const first = await build({ scenario: roomy() });
    await first.service.handleAlerts([alert('a')]);
    await first.clock.sleep(1000);
    while ((first.service.batch()?.migrations ?? []).every(({ phase }) => phase !== 'moving'))
      await first.clock.sleep(100);
    await first.service.stop();
    expect(await first.service.handleAlerts([alert('a')])).toMatchObject({
      outcome: 'unavailable',
      reason: 'shutting_down',
    });

    const journal = await openJournal(first.directory, first.clock);
    const busy = createBusy();
    const second = createService({ ...first.options, journal, busy });
    await second.recover();
    expect(busy.holder()).toBe('batch-1');
    expect(await second.handleAlerts([alert('a')])).toMatchObject({ outcome: 'dropped' });
    await second.idle();
    const actions = (await journal.events()).map(({ action }) => action);
    expect(actions.filter((action) => action === 'migrating')).toHaveLength(first.cloud.asked.size);
    expect(actions.filter((action) => action === 'migrate_success')).toHaveLength(first.cloud.asked.size);
    expect([...first.cloud.asked.values()].every((times) => times === 1)).toBe(true);
    expect(busy.holder()).toBeUndefined();
  });

  it('carries out an alert that was accepted and nothing more', async () => {
    const { options, journal, cloud, actions } = await build({ scenario: roomy() });
    await journal.commit({
      batch: {
        id: 'before',
        sender: 'grafana',
        accepted_at: new Date(options.clock.now()).toISOString(),
        parts: [{ rule: 'test-cpu', hosts: [['a']], done: false }],
        migrations: [],
      },
    });
    const service = createService(options);
    await service.recover();
    await service.idle();
    expect(await actions()).toContain('migrate_success');
    expect(cloud.asked.size).toBeGreaterThan(0);
    expect(journal.openBatch()).toBeUndefined();
  });

  it('does not act on a plan that has become old', async () => {
    const { options, journal, cloud } = await build({ scenario: roomy() });
    await journal.commit({
      batch: {
        id: 'before',
        sender: 'grafana',
        accepted_at: new Date(options.clock.now() - 86_400_000).toISOString(),
        parts: [{ rule: 'test-cpu', hosts: [['a']], done: false }],
        migrations: [],
      },
    });
    const service = createService(options);
    await service.recover();
    await service.idle();
    expect(cloud.asked.size).toBe(0);
    expect(await journal.events()).toMatchObject([
      { action: 'ignored', notes: expect.stringMatching(/1440 minutes ago/) },
    ]);
    expect(journal.openBatch()).toBeUndefined();
  });
});

describe('a journal that cannot be written', () => {
  it('takes no alert on: the sender is told to come again, and the flag is free', async () => {
    let broken = true;
    const { service } = await build({
      scenario: roomy(),
      over: ({ journal }) => ({
        journal: {
          ...journal,
          commit: (change: Parameters<Journal['commit']>[0]) =>
            broken
              ? Promise.reject(new JournalError('journal.json', new Error('no space left on device')))
              : journal.commit(change),
        },
      }),
    });
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'unavailable', reason: 'journal' });
    broken = false;
    expect(await service.handleAlerts([alert('a')])).toMatchObject({ outcome: 'accepted' });
    await service.idle();
  });
});

it('ties all log lines of a batch together by its id', async () => {
  const { service, log } = await build({ scenario: roomy() });
  await service.handleAlerts([alert('a')]);
  await service.idle();
  const lines = log
    .filter(({ fields }) => 'batch' in fields && fields.batch === 'batch-1')
    .map(({ message }) => message);
  expect(lines[0]).toBe('accepted');
  expect(lines).toContain('migrating');
  expect(lines.at(-1)).toBe('batch ended');
});
